package entra

import (
	"context"
	"net/url"
	"strings"
	"testing"
)

// Nobody can listen on the address of Microsoft's MSSP procedure: the person
// pastes the address that the browser ended on.
func TestSignInByPaste(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		paste func(state string) string
		says  string
	}{
		{"address", func(s string) string {
			return "  https://siemmsspconnector/?code=the-code&state=" + s + "&session_state=abc#\n"
		}, ""},
		{"quoted", func(s string) string { return `"https://siemmsspconnector/?code=the-code&state=` + s + `"` }, ""},
		{"query only", func(s string) string { return "code=the-code&state=" + s }, ""},
		{"fragment", func(s string) string { return "https://siemmsspconnector/#code=the-code&state=" + s }, ""},
		{"other state", func(s string) string { return "https://siemmsspconnector/?code=the-code&state=x" }, "another state"},
		{"no state", func(s string) string { return "https://siemmsspconnector/?code=the-code" }, "no answer of a sign-in"},
		{"nothing", func(string) string { return "" }, "no answer of a sign-in"},
		{"login page", func(string) string { return "https://login.microsoftonline.com/common/login" }, "no answer of a sign-in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.req.App.RedirectURI = "https://SiemMsspConnector"
			d.req.Open = func(address string) error { d.read(address); return nil }
			d.req.Paste = func(context.Context) (string, error) { return tt.paste(d.asked().Get("state")), nil }
			g, _, e := d.signIn(t)
			if tt.says == "" && (e != nil || g.RefreshToken.Reveal() != "refresh-1") {
				t.Errorf("got %v", e)
			}
			if tt.says != "" && (e == nil || !strings.Contains(e.Error(), tt.says) || strings.Contains(e.Error(), "the-code")) {
				t.Errorf("got %v, want %q", e, tt.says)
			}
			if got := d.asked().Get("redirect_uri"); got != "https://SiemMsspConnector" {
				t.Errorf("redirect %q: it must be sent letter by letter", got)
			}
		})
	}
}

func FuzzParsePasted(f *testing.F) {
	f.Add("https://siemmsspconnector/?code=the-code&state=s&session_state=abc#")
	f.Add("?error=access_denied&state=s")
	f.Add("#code=a&state=b")
	f.Add("%zz?code=%")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parsePasted(text)
		if err == nil && !isAnswer(v) {
			t.Fatalf("%q was taken for an answer", text)
		}
		if err != nil && len(text) > 40 && strings.Contains(err.Error(), text) {
			t.Fatalf("the error quotes the address: %v", err)
		}
	})
}

// pasteCode pastes an address with that code.
func pasteCode(d *desk, code string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		return "https://siemmsspconnector/?" + url.Values{"code": {code}, "state": {d.asked().Get("state")}}.Encode(), nil
	}
}
