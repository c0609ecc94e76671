// Gets tokens from the simulated Entra with Microsoft's own clients, unchanged
// but for the certificate that they trust (NODE_EXTRA_CA_CERTS), and reads
// alerts with one of them. Prints what it got, without the tokens.
import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { ConfidentialClientApplication, CryptoProvider, PublicClientApplication } from "@azure/msal-node";
import { createHash, X509Certificate } from "node:crypto";

const { LOGIN, GRAPH, TENANT, CLIENT, SECRET, PEM, BROWSER_URL } = process.env;
const authority = `${LOGIN}/${TENANT}`;
const knownAuthorities = [new URL(LOGIN).host];
const scopes = ["https://graph.microsoft.com/.default"];
const results = {};

function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
}

function note(name, token) {
  const { tid, aud, roles, scp } = claims(token);
  results[name] = { tid, aud, roles, scp };
}

const certificate = new X509Certificate(PEM);
const privateKey = PEM.slice(PEM.indexOf("-----BEGIN PRIVATE KEY-----"));
const thumbprintSha256 = createHash("sha256").update(certificate.raw).digest("hex");

function confidential(credential) {
  return new ConfidentialClientApplication({ auth: { clientId: CLIENT, authority, knownAuthorities, ...credential } });
}

// visit lets the simulator's person sign in and consent, and returns the code.
async function visit(address) {
  const answer = await fetch(BROWSER_URL, { method: "POST", body: address });
  if (!answer.ok) throw new Error(`the browser: ${await answer.text()}`);
  return await answer.text();
}

// msal-node, application only.
note("msal secret", (await confidential({ clientSecret: SECRET }).acquireTokenByClientCredential({ scopes })).accessToken);
const byCertificate = confidential({ clientCertificate: { thumbprintSha256, privateKey } });
note("msal certificate", (await byCertificate.acquireTokenByClientCredential({ scopes })).accessToken);

// msal-node, a person: authorization code with PKCE, then a silent refresh.
const web = confidential({ clientSecret: SECRET });
const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
const redirectUri = "http://localhost:9";
const asked = ["https://graph.microsoft.com/SecurityAlert.Read.All", "offline_access"];
const address = await web.getAuthCodeUrl({ scopes: asked, redirectUri, codeChallenge: challenge, codeChallengeMethod: "S256", state: "s" });
const came = new URL(await visit(address));
if (came.searchParams.get("state") !== "s") throw new Error("another state came back");
const person = await web.acquireTokenByCode({ code: came.searchParams.get("code"), scopes: asked, redirectUri, codeVerifier: verifier });
note("msal code", person.accessToken);
const again = await web.acquireTokenSilent({ account: person.account, scopes: asked, forceRefresh: true });
note("msal refresh", again.accessToken);

// msal-node, a device code.
const device = new PublicClientApplication({ auth: { clientId: CLIENT, authority, knownAuthorities } });
const signed = await device.acquireTokenByDeviceCode({
  scopes: asked,
  deviceCodeCallback: ({ verificationUri, userCode }) => { visit(`${verificationUri}?otc=${encodeURIComponent(userCode)}`); },
});
note("msal device code", signed.accessToken);

// @azure/identity.
const options = { authorityHost: LOGIN, disableInstanceDiscovery: true };
const secret = await new ClientSecretCredential(TENANT, CLIENT, SECRET, options).getToken(scopes);
note("identity secret", secret.token);
note("identity certificate", (await new ClientCertificateCredential(TENANT, CLIENT, { certificate: PEM }, options).getToken(scopes)).token);

// The token opens the API.
const page = await fetch(`${GRAPH}/v1.0/security/alerts_v2?$top=5`, { headers: { authorization: `Bearer ${secret.token}` } });
results.alerts = (await page.json()).value.length;
console.log(JSON.stringify(results));
