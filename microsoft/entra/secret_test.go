package entra

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"tributary"
)

// spy collects all that could be seen: errors, structs in every form, logs.
type spy struct {
	mu   sync.Mutex
	seen bytes.Buffer
	log  *slog.Logger
}

func newSpy() *spy {
	s := &spy{}
	s.log = slog.New(slog.NewJSONHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return s
}

func (s *spy) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Write(b)
}

func (s *spy) look(values ...any) {
	text := slog.New(slog.NewTextHandler(s, nil))
	for _, v := range values {
		fmt.Fprintf(s, "%v\n%+v\n%#v\n%s\n", v, v, v, v)
		s.log.Info("seen", "value", v)
		text.Info("seen", "value", v)
		if e, ok := v.(*tributary.Error); ok && e != nil {
			fmt.Fprintf(s, "%v\n%+v\n%#v\n%s\n", *e, e.Err, e.Err, e.Next)
		}
	}
}

// No secret is seen, whatever goes wrong, even where the other side quotes
// all that it was sent.
func TestNoSecretIsSeen(t *testing.T) {
	t.Parallel()
	pemText, _ := keyPair()
	s := newSpy()
	var mu sync.Mutex
	secrets := map[string]bool{testSecret: true, pemText[len(pemText)-200 : len(pemText)-100]: true, "refresh-secret-1": true, "refresh-secret-0": true}
	note := func(v url.Values) {
		mu.Lock()
		defer mu.Unlock()
		for _, field := range secretFields {
			if v.Get(field) != "" {
				secrets[v.Get(field)] = true
			}
		}
	}
	gossip := []func(url.Values) reply{
		func(v url.Values) reply { // Entra's own form
			return errorReply(400, "invalid_grant", "", "AADSTS999999: You sent "+strings.Join(flat(v), " and "), 999999)
		},
		func(v url.Values) reply { return errorReply(400, "invalid_request", "", v.Encode()) },
		func(v url.Values) reply {
			return errorReply(401, "invalid_client", "", strings.Repeat("x", 290)+strings.Join(flat(v), " ")) // cut in the middle of one
		},
		func(v url.Values) reply { return reply{status: 500, body: strings.Join(flat(v), " ")} },
		func(v url.Values) reply { return reply{body: `{"access_token":"secret-access-token` + v.Encode()} },
		func(url.Values) reply {
			return reply{body: `{"token_type":"Bearer","refresh_token":"refresh-secret-2"}`}
		},
		func(v url.Values) reply {
			return reply{status: 302, header: http.Header{"Location": {"https://example.com/?" + v.Encode()}}, body: ""}
		},
		func(url.Values) reply { // it works, but for another tenant
			return reply{body: map[string]any{"token_type": "Bearer", "expires_in": 3599, "refresh_token": "refresh-secret-2", "access_token": unsigned(map[string]any{"tid": otherID, "jti": "secret-jti"})}}
		},
		func(url.Values) reply { // it works
			return reply{body: map[string]any{"token_type": "Bearer", "expires_in": 3599, "refresh_token": "refresh-secret-2", "access_token": access(77)}}
		},
	}
	secrets["secret-access-token"], secrets["refresh-secret-2"], secrets[access(77)] = true, true, true
	for _, answer := range gossip {
		script := func(path string, form url.Values) reply {
			note(form)
			if strings.HasSuffix(path, "/devicecode") {
				return reply{body: map[string]any{"device_code": "the-secret-device-code", "user_code": "ABCD", "verification_uri": "https://x.example", "interval": 1, "expires_in": 1}}
			}
			return answer(form)
		}
		for _, certificate := range []bool{false, true} {
			for _, auth := range []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated} {
				b := newBench(t, auth, script)
				b.cfg.Log = s.log
				if certificate {
					b.app.Certificate = tributary.NewSecret(pemText)
				}
				b.grants.set("contoso", grant("refresh-secret-1", "refresh-secret-0"))
				for range 2 {
					tok, err := b.Token(t.Context(), b.tenant, graph)
					s.look(tok, err)
				}
				r, err := b.request(b.tenant, graph)
				if err != nil {
					t.Fatal(err)
				}
				cred := b.credential(r)
				s.look(b.app, r, b.cfg, cred.tokens, cred.refused, cred.app)
			}
			d := newDesk(t)
			d.fake.script = script
			d.req.Log = s.log
			if certificate {
				d.req.App.Certificate = tributary.NewSecret(pemText)
			}
			d.req.App.RedirectURI = "https://SiemMsspConnector"
			d.req.Open = func(address string) error { d.read(address); return nil }
			d.req.Paste = pasteCode(d, "the-secret-code")
			g, tok, err := SignIn(t.Context(), d.req)
			s.look(g, tok, err, d.req)
		}
	}
	secrets["the-secret-code"] = true
	mu.Lock()
	defer mu.Unlock()
	text := s.seen.String()
	for secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), fmt.Sprintf("%x", secret)} {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("seen: %.20s… in …%s…", form, text[max(0, i-300):min(len(text), i+100)])
			}
		}
	}
	if !strings.Contains(text, "[redacted]") || len(text) < 10000 {
		t.Error("nothing was looked at")
	}
}

func flat(v url.Values) []string {
	var all []string
	for _, values := range v {
		all = append(all, values...)
	}
	return all
}
