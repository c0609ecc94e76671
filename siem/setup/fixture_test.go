package setup_test

import (
	"strings"
	"testing"

	"tributary"
	"tributary/siem/setup"
)

const (
	contosoID    = "5a4c1d3e-0b2f-4a6d-9e8c-7f6b5a493827"
	clientID     = "6f0c1a52-7b3d-4e19-8a5c-2d1e0f9b8c7a"
	clientSecret = `kQ8~not:a=real#secret! \`
	refreshToken = "0.AXkA-not-a-real-refresh-token_0123456789"
	accessToken  = "eyJ0eXAi.not-a-real-access-token.c2ln"
)

// contoso is a customer whose data lies in the United Kingdom.
func contoso() setup.Input {
	return setup.Input{
		Tenant: tributary.Tenant{
			Slug: "contoso", ID: contosoID, Name: "Contoso Örebro", Auth: tributary.AuthDelegated,
			Sources: []tributary.Source{tributary.SourceSIEM}, Region: "uk",
		},
		App:         tributary.App{ClientID: clientID, ClientSecret: tributary.NewSecret("kQ8~not.a_real-secret")},
		Grant:       tributary.Grant{RefreshToken: tributary.NewSecret(refreshToken), ClientID: clientID, Account: "admin@contoso.com"},
		AccessToken: tributary.NewSecret(accessToken),
		Cloud:       tributary.Clouds()["global"],
	}
}

// viaTributary is the same customer through Tributary's own endpoint, for a
// pull client.
func viaTributary() setup.Input {
	in := contoso()
	in.Via = "https://tributary.fabrikam.com:8480/"
	in.Cloud, in.AccessToken = tributary.Cloud{}, tributary.Secret{}
	in.App = tributary.App{ClientID: "soc-splunk", ClientSecret: tributary.NewSecret("pull-client-secret")}
	in.Grant = tributary.Grant{RefreshToken: tributary.NewSecret("pull-client-refresh-token")}
	return in
}

// body is one of the files.
func body(t *testing.T, files []setup.File, name string) string {
	t.Helper()
	for _, f := range files {
		if f.Name == name {
			return string(f.Body)
		}
	}
	t.Fatalf("there is no %s among %v", name, files)
	return ""
}

func made(t *testing.T, how func(setup.Input) ([]setup.File, error), in setup.Input) []setup.File {
	t.Helper()
	files, err := how(in)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// lines are those of a text that don't begin with #.
func lines(text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}
