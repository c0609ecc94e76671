package entra

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tributary"
)

// newDevice is a request for a device code against a fake that asks to be
// polled every 5 seconds. Each test runs in simulated time.
func newDevice(t *testing.T, poll func(form url.Values) reply) (*fake, SignInRequest) {
	t.Helper()
	f := &fake{t: t, log: &journal{}, script: func(path string, form url.Values) reply {
		if strings.HasSuffix(path, "/devicecode") {
			if len(form) != 2 || form.Get("client_id") != clientID || form.Get("scope") != graph+"/.default openid profile offline_access" {
				t.Errorf("device code asked with %v", form)
			}
			return reply{body: map[string]any{
				"device_code": "the-device-code", "user_code": "ABCD1234", "verification_uri": "https://microsoft.com/devicelogin",
				"expires_in": 900, "interval": 5, "message": "To sign in, use a web browser …",
			}}
		}
		return poll(form)
	}}
	return f, SignInRequest{
		Tenant: tributary.Tenant{Slug: "contoso", ID: tenantID},
		App:    tributary.App{ClientID: clientID, ClientSecret: tributary.NewSecret(testSecret)},
		Cloud:  f.cloud(), Client: &http.Client{Transport: f}, Resource: graph, Now: newClock().now, Log: slog.New(slog.DiscardHandler),
	}
}

func deviceToken(url.Values) reply {
	return reply{body: map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": access(1), "refresh_token": "refresh-1"}}
}

func TestDeviceSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testDeviceSignIn)
}

func testDeviceSignIn(t *testing.T) {
	var polls atomic.Int64
	f, req := newDevice(t, func(form url.Values) reply {
		if form.Has("client_secret") {
			t.Error("a secret is sent")
		}
		if polls.Add(1) == 1 {
			return errorReply(400, "authorization_pending", "", "AADSTS70016: pending", 70016)
		}
		return deviceToken(form)
	})
	var shown []string
	g, tok, err := DeviceSignIn(t.Context(), req, func(code, address, message string) { shown = []string{code, address, message} })
	if err != nil {
		t.Fatal(err)
	}
	if !g.Public || g.V1 || g.RefreshToken.Reveal() != "refresh-1" || g.ClientID != clientID || g.Account != "anna@contoso.com" || tok.Value.Reveal() != access(1) {
		t.Errorf("grant %+v", g)
	}
	if len(shown) != 3 || shown[0] != "ABCD1234" || shown[1] != "https://microsoft.com/devicelogin" || !strings.Contains(shown[2], shown[0]) || !strings.Contains(shown[2], shown[1]) {
		t.Errorf("shown %q", shown)
	}
	if n := f.log.count("POST"); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// Where the registration has no public client flows, Entra wants the
// application's credential.
func TestDeviceSignInOfConfidentialClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testDeviceSignInOfConfidentialClient)
}

func testDeviceSignInOfConfidentialClient(t *testing.T) {
	_, req := newDevice(t, func(form url.Values) reply {
		if !form.Has("client_secret") {
			return errorReply(401, "invalid_client", "", "AADSTS7000218: The request body must contain client_assertion or client_secret.", 7000218)
		}
		return deviceToken(form)
	})
	g, _, err := DeviceSignIn(t.Context(), req, func(string, string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	if g.Public {
		t.Error("the grant was given to a confidential client and says otherwise")
	}
}

func TestDeviceSignInRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer reply
		code   string
		fix    tributary.Fixer
	}{
		{"declined", errorReply(400, "authorization_declined", "", "AADSTS65004: declined", 65004), tributary.CodeSignInAgain, tributary.FixMSSP},
		{"expired", errorReply(400, "expired_token", "", "AADSTS70019: expired", 70019), tributary.CodeSignInAgain, tributary.FixMSSP},
		{"blocked", errorReply(400, "invalid_grant", "message_only", "AADSTS53003: blocked", 53003), tributary.CodePolicy, tributary.FixPolicy},
		{"wrong tenant", reply{body: map[string]any{"expires_in": 1, "access_token": unsigned(map[string]any{"tid": otherID}), "refresh_token": "x"}}, CodeWrongTenant, tributary.FixMSSP},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			_, req := newDevice(t, func(url.Values) reply { return tt.answer })
			g, _, err := DeviceSignIn(t.Context(), req, func(string, string, string) {})
			e := tributary.AsError(err)
			if e == nil || e.Code != tt.code || e.Fix != tt.fix || e.Tenant != "contoso" || g.Public {
				t.Errorf("%s: got %+v: %v", tt.name, e, err)
			}
		})
	}
}

func TestDeviceCodeRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testDeviceCodeRefused)
}

func testDeviceCodeRefused(t *testing.T) {
	for name, answer := range map[string]reply{
		"error": errorReply(400, "unauthorized_client", "", "AADSTS700016: not found", 700016),
		"empty": {body: map[string]any{}},
	} {
		f, req := newDevice(t, nil)
		f.script = func(string, url.Values) reply { return answer }
		_, _, err := DeviceSignIn(t.Context(), req, func(string, string, string) { t.Error("a code is shown") })
		if e := tributary.AsError(err); e == nil || e.Tenant != "contoso" || (name == "error") != (e.Code == tributary.CodeConsentMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, req := newDevice(t, nil)
	req.V1 = true
	if _, _, err := DeviceSignIn(t.Context(), req, nil); err == nil {
		t.Error("v1 began")
	}
}

func TestDeviceSignInIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testDeviceSignInIsStopped)
}

func testDeviceSignInIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f, req := newDevice(t, nil)
	_, _, err := DeviceSignIn(ctx, req, func(string, string, string) { cancel() })
	if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeSignInAgain || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("got %v", err)
	}
	if got := f.log.all(); !slices.Equal(got, []string{"POST /" + tenantID + "/oauth2/v2.0/devicecode "}) {
		t.Errorf("requests %v", got)
	}
}

func TestDeviceCodeIsNotEntered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, req := newDevice(t, func(url.Values) reply {
			return errorReply(400, "authorization_pending", "", "AADSTS70016: pending", 70016)
		})
		began := time.Now()
		_, _, err := DeviceSignIn(t.Context(), req, func(string, string, string) {})
		if e := tributary.AsError(err); e == nil || e.Code != tributary.CodeSignInAgain || !strings.Contains(err.Error(), "nobody entered the code") {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(began); waited < 14*time.Minute || waited > 15*time.Minute {
			t.Errorf("gave up after %v", waited)
		}
	})
}
