package entra

import "tributary"

// Explanation is what a person is told about an error.
type Explanation struct {
	Says     string // what happened
	Next     string // what the MSSP does next; {tenant} stands for the tenant's name
	Customer string // what to tell the customer where the customer must act
}

// Explain looks an AADSTS number up. It is not known to every number that
// Entra has; the caller then falls back on what error and suberror say.
func Explain(number int) (Explanation, bool) {
	return explain([]int{number})
}

// explain takes the last number that is known: an answer that has several goes
// from the general to the particular.
func explain(numbers []int) (Explanation, bool) {
	for i := len(numbers) - 1; i >= 0; i-- {
		if x, ok := byNumber[numbers[i]]; ok {
			return x, true
		}
	}
	return Explanation{}, false
}

const connectAgain = "run: tributary tenant connect {tenant}"

// conditions are the words where no number is known, by the condition's code.
var conditions = map[string]Explanation{
	tributary.CodeThrottled: {
		Says: "the identity service asks us to slow down",
		Next: "nothing to do: we wait as long as it asks",
	},
	tributary.CodeUnavailable: {
		Says: "the identity service has a fault at the moment",
		Next: "nothing to do: we try again; if it lasts, look at Microsoft's service health page",
	},
	tributary.CodeSignInAgain: {
		Says: "the identity service doesn't accept the sign-in that we hold any more",
		Next: "sign in again: " + connectAgain,
	},
	tributary.CodeConsentMissing: {
		Says:     "the customer's tenant hasn't consented to our application",
		Next:     "send the customer's administrator the consent link: " + connectAgain,
		Customer: "Please open the consent link we sent you, sign in as an administrator and accept what our application asks for: without it we can't read your alerts.",
	},
	tributary.CodePolicy: {
		Says:     "a policy of the customer's tenant blocks the sign-in",
		Next:     "ask the customer to let the account or the application through, or connect the tenant app-only",
		Customer: "A policy of your tenant (Conditional Access, device or risk rules) blocks our sign-in. Please look at the sign-in log in the Entra admin center for our application and let it through.",
	},
	tributary.CodeCredential: {
		Says: "the identity service doesn't accept our application's secret or certificate",
		Next: "enter a valid secret or certificate of the application in the configuration",
	},
	tributary.CodeTenantUnknown: {
		Says: "there is no such tenant in this cloud",
		Next: "check the tenant id (Entra admin center, Overview) and whether the tenant lives in another of Microsoft's clouds",
	},
	CodeResource: {
		Says:     "the API isn't there for us in the customer's tenant",
		Next:     "check that the customer has the product and has consented, and that the tenant's cloud is right",
		Customer: "The Microsoft security product whose alerts we read isn't active in your tenant, or our application isn't allowed to use it. Please check the product's licence and our application's permissions.",
	},
	CodeRequest: {
		Says: "the identity service doesn't accept the request",
		Next: "check the application's settings and the tenant's cloud; if they are right, report this with the trace id",
	},
}

// byNumber is the catalogue by single number.
var byNumber = func() map[int]Explanation {
	m := make(map[int]Explanation)
	for _, entry := range catalogue {
		for _, n := range entry.numbers {
			m[n] = entry.Explanation
		}
	}
	return m
}()

const (
	askGuest    = "Please invite our account as a guest into your Entra tenant and give it the security role we agreed on."
	askExclude  = "Your tenant's Conditional Access blocks our sign-in. Please exclude our account or application from that policy, or allow our address; the sign-in log in the Entra admin center names the policy."
	askDevice   = "A policy of your tenant wants a managed device for our sign-in, which a service can't have. Please exclude our application from that policy, or let us connect with an application permission instead."
	askLicence  = "The Microsoft security product whose alerts we read isn't active in your tenant. Please check that it is licensed and switched on."
	askConsent  = "Please open the consent link we sent you, sign in as an administrator and accept what our application asks for."
	askEnable   = "Our application is switched off in your tenant. Please switch it on again: Entra admin center, Enterprise applications, our application, Properties, Enabled for users to sign in."
	askCrossing = "Your tenant's cross-tenant access settings block our organisation. Please allow it: Entra admin center, External Identities, Cross-tenant access settings."
)

// catalogue is in the order of the numbers' first digits. Numbers and meanings
// are from Microsoft's list of AADSTS codes (Entra: reference-error-codes) and,
// for 500113 and 50196, from MSAL; the words are ours.
var catalogue = []struct {
	numbers []int
	Explanation
}{
	{[]int{16000}, Explanation{"the account belongs to another directory and isn't known in the customer's tenant", "sign in with an account of the customer's tenant, or have the customer invite this one as a guest", askGuest}},
	{[]int{28002, 28003, 70011, 700022, 700023}, Explanation{"the scope is empty, not known, or names more than one API", "check the tenant's cloud and source; if they are right, report this with the trace id", ""}},
	{[]int{50001}, Explanation{"the API isn't known, or is switched off, in the customer's tenant", "check that the customer has the product, and that the tenant's cloud is right", askLicence}},
	{[]int{50011}, Explanation{"the redirect address isn't one of those that the application has registered", "register the application's redirect_uri exactly as it is configured (App registrations, Authentication), letter by letter", ""}},
	{[]int{50012, 700030}, Explanation{"the identity service rejects our certificate or what we signed with it", "upload the certificate to the application again, or renew it", ""}},
	{[]int{50013, 500133, 700024}, Explanation{"what we signed is not within its time, or is malformed", "check this machine's clock", ""}},
	{[]int{50020}, Explanation{"the account comes from an identity provider that the customer's tenant doesn't accept", "have the customer invite the account as a guest, or sign in with an account of the customer's tenant", askGuest}},
	{[]int{50033, 50087, 70012, 90006, 90012, 90024, 90033, 90090}, Explanation{"the identity service has a passing fault", "", ""}},
	{[]int{50034}, Explanation{"the account isn't in the customer's directory", "sign in with the right account, or have the customer invite this one as a guest", askGuest}},
	{[]int{50053}, Explanation{"the account is locked, or signed in from an address with a bad name", "unlock the account and check by which address this machine goes out, then sign in again: " + connectAgain, "Our account in your tenant is locked. Please unlock it."}},
	{[]int{50055, 50144}, Explanation{"the account's password has expired", "change the password, then sign in again: " + connectAgain, ""}},
	{[]int{50056, 50064, 50126}, Explanation{"the user name or the password is wrong or missing", "sign in again: " + connectAgain, ""}},
	{[]int{50057}, Explanation{"the account is disabled", "have the account enabled or use another one, then sign in again: " + connectAgain, "The account that signed in for us is disabled in your tenant. Please enable it or name another one."}},
	{[]int{50058}, Explanation{"nobody is signed in, and this can't be done without a person", "sign in again: " + connectAgain, ""}},
	{[]int{50059, 50128, 90019}, Explanation{"the identity service can't tell which tenant is meant", "give the tenant's id (a GUID)", ""}},
	{[]int{50072, 50074, 50076, 50078, 50079}, Explanation{"multi-factor authentication is needed, and only a person can do it", "sign in again: " + connectAgain + "; connecting the tenant app-only avoids this for good", ""}},
	{[]int{50089, 50132, 50133, 50173}, Explanation{"the sign-in was revoked or has run out, for instance because the password was changed", "ask who revoked it, then sign in again: " + connectAgain, ""}},
	{[]int{50097, 53000, 53001, 53002}, Explanation{"the customer's policy wants a registered, compliant or approved device", "ask the customer to exclude the application from the policy, or connect the tenant app-only", askDevice}},
	{[]int{50105}, Explanation{"the account isn't assigned to the application, and the customer's tenant demands it", "have the customer assign the account to the application", "Please assign our account to our application: Entra admin center, Enterprise applications, our application, Users and groups."}},
	{[]int{50131, 53003, 530032, 530035}, Explanation{"the sign-in is blocked by Conditional Access, security defaults or another policy of the customer's tenant", "ask the customer to exclude the account or the application, or use another way to sign in", askExclude}},
	{[]int{50158}, Explanation{"the customer's tenant wants a check by an external service, and only a person can pass it", "sign in again: " + connectAgain, ""}},
	{[]int{50194}, Explanation{"the application is registered for one directory only and can't be used in another", "make the application multi-tenant (App registrations, Authentication, Supported account types), or use one that is registered in the customer's own tenant", ""}},
	{[]int{50196}, Explanation{"the identity service takes us for a loop: too many equal requests", "wait; if it lasts, look for a second program that uses the same application and tenant", ""}},
	{[]int{500011}, Explanation{"the API isn't present in the customer's tenant", "check that the customer has the product and has consented, and that the tenant's id and cloud are right", askLicence}},
	{[]int{500021, 500022}, Explanation{"a proxy's tenant restrictions forbid signing in to this tenant", "have the network's administrator add the tenant to the proxy's allowed tenants", "Your network's tenant restrictions block the sign-in. Please add the tenant to the allowed ones."}},
	{[]int{500113, 900971}, Explanation{"the application has no redirect address registered", "add a redirect URI to the application (App registrations, Authentication)", ""}},
	{[]int{500212, 500213}, Explanation{"the cross-tenant access policy of one of the two tenants blocks the sign-in", "allow the customer's tenant in our outbound settings and have the customer allow ours in the inbound ones", askCrossing}},
	{[]int{53004, 53010, 53011}, Explanation{"the account is thought to be at risk, or must complete its security information first", "clear the account's risk or complete its security information, then sign in again: " + connectAgain, "Our account is marked as risky or incomplete in your tenant. Please review it under Risky users in the Entra admin center."}},
	{[]int{530034}, Explanation{"delegated administrators are blocked because the account is at risk in its home tenant", "clear the account's risk in our own tenant (Entra admin center, Risky users)", ""}},
	{[]int{54005}, Explanation{"the authorization code was redeemed already", "start the sign-in again: " + connectAgain, ""}},
	{[]int{65001}, Explanation{"nobody has consented to this application for this account and API", "send the customer's administrator the consent link: " + connectAgain, askConsent}},
	{[]int{65004}, Explanation{"the person declined to consent", "explain what the permissions are for, then ask again: " + connectAgain, askConsent}},
	{[]int{65005, 650056, 650057}, Explanation{"the application's registration doesn't list this API's permission", "add the permission to the application (App registrations, API permissions), then have the customer consent again", askConsent}},
	{[]int{650052}, Explanation{"the customer's organisation has no subscription to this service", "check that the customer has the product", askLicence}},
	{[]int{650054}, Explanation{"the application asks for a permission of an API that has been removed", "remove that permission from the application (App registrations, API permissions)", ""}},
	{[]int{70000}, Explanation{"the refresh token isn't valid", "sign in again: " + connectAgain, ""}},
	{[]int{70001, 7000112}, Explanation{"the application is disabled", "enable the application, or have the customer enable it in their tenant", askEnable}},
	{[]int{700005}, Explanation{"the authorization code belongs to another tenant", "start the sign-in again and choose an account that may sign in to this tenant: " + connectAgain, ""}},
	{[]int{700011, 700016}, Explanation{"the application isn't known in the customer's tenant", "have the customer consent first; if they have, check the client id and the tenant id", askConsent}},
	{[]int{70002, 7000215}, Explanation{"the client secret is wrong", "enter the secret's value; its ID, which stands beside it in the portal, doesn't work", ""}},
	{[]int{70003}, Explanation{"the identity service doesn't support this way of asking for a token here", "report this with the trace id", ""}},
	{[]int{70008, 700082}, Explanation{"the refresh token or the authorization code has expired", "sign in again: " + connectAgain + "; and find out why it wasn't used for so long", ""}},
	{[]int{70016}, Explanation{"the person hasn't entered the code yet", "nothing to do: we keep asking", ""}},
	{[]int{70018, 90119}, Explanation{"the code that was entered is wrong", "start the sign-in again: " + connectAgain, ""}},
	{[]int{70019}, Explanation{"the code for the device has expired", "start the sign-in again: " + connectAgain, ""}},
	{[]int{70021, 700229}, Explanation{"no federated credential of the application matches, or it hasn't spread yet", "wait some minutes, then check the credential's issuer and subject", ""}},
	{[]int{700020}, Explanation{"a person must sign in", "sign in again: " + connectAgain, ""}},
	{[]int{700025}, Explanation{"the application is a public client and must not send a secret or certificate", "register the redirect address under the platform Web, or configure the application without a secret", ""}},
	{[]int{700027}, Explanation{"the identity service doesn't know the certificate that signed the request", "upload the certificate to the application (App registrations, Certificates & secrets)", ""}},
	{[]int{70043}, Explanation{"the customer's sign-in frequency policy has ended the sign-in", "sign in again: " + connectAgain + "; connecting the tenant app-only avoids this for good", ""}},
	{[]int{700084}, Explanation{"the refresh token was given to a single-page application and lives for 24 hours only", "register the redirect address under the platform Web, then sign in again: " + connectAgain, ""}},
	{[]int{7000218}, Explanation{"the application is confidential, and no secret or certificate was sent", "configure the application's secret or certificate, or allow public client flows in its registration", ""}},
	{[]int{7000222}, Explanation{"the client secret has expired", "make a new secret (App registrations, Certificates & secrets) and enter its value", ""}},
	{[]int{90002}, Explanation{"there is no such tenant in this cloud", "check the tenant id, and whether the tenant lives in another of Microsoft's clouds", ""}},
	{[]int{90038, 900382, 900432}, Explanation{"the tenant lives in another of Microsoft's clouds", "set the tenant's cloud, and an application that is registered in that cloud", ""}},
	{[]int{90055}, Explanation{"the tenant's sign-ins are throttled", "nothing to do: we wait", ""}},
	{[]int{90072}, Explanation{"the account comes from outside and can't do multi-factor authentication in the customer's tenant", "have the customer invite the account as a guest", askGuest}},
	{[]int{90094, 90095}, Explanation{"only an administrator of the customer can consent to this", "send the customer's administrator the consent link: " + connectAgain, askConsent}},
	{[]int{90099}, Explanation{"the application isn't authorised in the customer's tenant for partners' delegated administrators", "consent for the customer through Partner Center first", askConsent}},
	{[]int{900144, 9002313, 900561}, Explanation{"the request lacks a parameter or is malformed", "check the application's settings; if they are right, report this with the trace id", ""}},
	{[]int{901002}, Explanation{"the v2 endpoint was asked in the manner of v1", "report this with the trace id", ""}},
	{[]int{9001023}, Explanation{"this way of asking for a token needs the tenant's own address", "give the tenant's id (a GUID)", ""}},
}
