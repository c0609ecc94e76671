package setup

// Names of ArcSight's files. The connector's wizard asks for the parser by
// its name without .jsonparser.properties.
const (
	arcsightParser = "WDATP-connector.jsonparser.properties"
	arcsightOAuth  = "WDATP-connector.properties"
	arcsightToken  = "refresh-token.txt"
)

// redirectURI is where the connector itself listens while somebody signs in
// (configure-arcsight). It must be registered for the application only if that
// is done.
const redirectURI = "https://localhost:44300/wdatpconnector"

// ArcSight makes the files of one customer's FlexConnector: the parser, the
// OAuth 2 client properties, the refresh token, and a page for the engineer.
// An error is a *[tributary.Error].
func ArcSight(in Input) ([]File, error) {
	p, err := in.prepare("write the ArcSight files")
	if err != nil {
		return nil, err
	}
	readme, err := p.readme("arcsight.txt")
	if err != nil {
		return nil, err
	}
	return []File{
		{Name: arcsightParser, Body: parserFile()},
		{Name: arcsightOAuth, Body: p.oauthFile(), Secret: true},
		// The wizard wants the token typed in, so it stands alone, ready to copy.
		{Name: arcsightToken, Body: []byte(p.Grant.RefreshToken.Reveal() + "\n"), Secret: true},
		{Name: "README.txt", Body: readme},
	}, nil
}

// oauthFile is WDATP-connector.properties: how the connector renews its token.
func (p *prepared) oauthFile() []byte {
	var f properties
	f.comment("ArcSight FlexConnector REST: OAuth 2 client properties for "+p.customer()+".",
		"Holds the client secret in clear: only the connector's account should read it.")
	f.gap()
	f.set("client_id", p.App.ClientID)
	f.set("client_secret", p.App.ClientSecret.Reveal())
	if !p.Microsoft() {
		f.gap()
		f.comment("Nobody signs in at Tributary: the connector needs this key and doesn't call it.")
	}
	f.set("auth_url", p.authorise)
	f.set("token_url", p.token)
	f.set("redirect_uri", redirectURI)
	f.set("scope", "")
	f.gap()
	f.comment("true makes the connector open a browser and ask somebody to sign in.")
	f.set("reauthenticate", "false")
	return []byte(f.String())
}
