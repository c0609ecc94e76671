package setup_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tributary"
	"tributary/siem/setup"
)

// readConf reads a Splunk .conf file: stanzas, keys, the blanks around a value
// dropped, a backslash at the end of a line joining the next. A line that is
// none of it is an error.
func readConf(file string) (map[string]map[string]string, error) {
	stanzas := map[string]map[string]string{}
	var current map[string]string
	list := strings.FieldsFunc(file, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := 0; i < len(list); i++ {
		line := strings.TrimSpace(list[i])
		for strings.HasSuffix(line, `\`) && i+1 < len(list) {
			i++
			line = strings.TrimSuffix(line, `\`) + "\n" + strings.TrimSpace(list[i])
		}
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			name, rest, ok := strings.Cut(line[1:], "]")
			if !ok || rest != "" || stanzas[name] != nil {
				return nil, errors.New("no header of a stanza: " + line)
			}
			current = map[string]string{}
			stanzas[name] = current
		default:
			key, value, ok := strings.Cut(line, "=")
			key = strings.TrimSpace(key)
			if _, twice := current[key]; !ok || current == nil || twice {
				return nil, errors.New("no setting: " + line)
			}
			current[key] = strings.TrimSpace(value)
		}
	}
	return stanzas, nil
}

// stanza is what the only one of an input's file must say.
func stanza(in setup.Input) map[string]map[string]string {
	return map[string]map[string]string{"rest://defender-alerts-contoso": {
		"endpoint":    "https://wdatp-alertexporter-uk.securitycenter.windows.com/api/alerts",
		"http_method": "GET", "auth_type": "oauth2", "oauth2_token_type": "Bearer",
		"oauth2_access_token": in.AccessToken.Reveal(), "oauth2_refresh_token": in.Grant.RefreshToken.Reveal(),
		"oauth2_refresh_url":   "https://login.microsoftonline.com/" + contosoID + "/oauth2/token",
		"oauth2_refresh_props": "resource=https://graph.windows.net",
		"oauth2_client_id":     in.App.ClientID, "oauth2_client_secret": in.App.ClientSecret.Reveal(),
		"oauth2_refresh_client_placement": "BODY", "oauth2_expires_in": "5", "verify": "1",
		"response_type": "json", "response_handler": "JSONArrayHandler", "polling_interval": "300", "delimiter": ",",
		"url_args": "ago=PT2H", "http_header_propertys": "Accept=application/json", "streaming_request": "0",
		"index_error_response_codes": "0", "sourcetype": "_json", "disabled": "0",
	}}
}

// sayable reports whether a Splunk file can hold a value at all, by what the
// format is, not by the code.
func sayable(s string) bool {
	if s == "" || !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.HasSuffix(s, `\`) || strings.Contains(s, "{encrypted:") {
		return false
	}
	for _, r := range s {
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || r == '\ufeff' {
			return false
		}
	}
	return true
}

func TestSplunkSaysItRightOrNotAtAll(t *testing.T) {
	t.Parallel()
	said, refused := 0, 0
	for _, secret := range append(hostile, "{encrypted:secret}", "[rest://forged]", "a ] b", "#x", "bad \xff byte", "a\\\nb") {
		in := contoso()
		in.App.ClientSecret = tributary.NewSecret(secret)
		in.Tenant.Name = "Contoso]\n[rest://forged]\nendpoint = https://evil.example\\"
		files, err := setup.Splunk(in)
		if !sayable(secret) {
			refused++
			e := tributary.AsError(err)
			if e == nil || e.Code != setup.CodeValue || e.Tenant != "contoso" || e.Fix != tributary.FixMSSP {
				t.Errorf("secret %q: %v", secret, err)
			} else if len(secret) > 3 && strings.Contains(err.Error()+e.Next, secret) {
				t.Errorf("the error holds the secret: %v", err)
			}
			continue
		}
		said++
		if err != nil {
			t.Errorf("secret %q: %v", secret, err)
			continue
		}
		got, err := readConf(body(t, files, "inputs.conf"))
		if err != nil {
			t.Errorf("secret %q: %v", secret, err)
		} else if diff := cmp.Diff(stanza(in), got); diff != "" {
			t.Errorf("secret %q: -want +got\n%s", secret, diff)
		}
		details := body(t, files, "Splunk-authentication-properties.txt")
		if strings.Count(details, "\n") != 20 || !strings.Contains(details, "\nOAuth 2 Client Secret: "+secret+"\n") {
			t.Errorf("secret %q: in the details\n%s", secret, details)
		}
	}
	if said < 10 || refused < 10 {
		t.Errorf("%d said, %d refused", said, refused)
	}
}

func FuzzConf(f *testing.F) {
	for _, secret := range hostile {
		f.Add(secret, "Contoso", "security")
	}
	f.Fuzz(func(t *testing.T, secret, name, index string) {
		in := contoso()
		in.App.ClientSecret, in.Tenant.Name, in.Splunk.Index = tributary.NewSecret(secret), name, index
		files, err := setup.Splunk(in)
		if ok := sayable(secret) && (index == "" || sayable(index)); ok != (err == nil) {
			t.Fatalf("secret %q, index %q: %v", secret, index, err)
		}
		if err != nil {
			return
		}
		want := stanza(in)
		if index != "" {
			want["rest://defender-alerts-contoso"]["index"] = index
		}
		got, err := readConf(body(t, files, "inputs.conf"))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("secret %q, name %q, index %q: %v\n%s", secret, name, index, err, diff)
		}
	})
}
