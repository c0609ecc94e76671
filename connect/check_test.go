package connect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/connect"
	"tributary/microsoft/sim"
)

func find(steps []connect.Step, name string) (connect.Step, bool) {
	n := slices.IndexFunc(steps, func(s connect.Step) bool { return s.Name == name })
	if n < 0 {
		return connect.Step{}, false
	}
	return steps[n], true
}

// The portal's step says what to click, and what to send where we may not.
func TestCheckPortal(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 1, Alerts: 4, Seed: 1})
	tenant := l.tenant(0, tributary.AuthDelegated, tributary.SourceSIEM)
	if _, err := l.Adopt(t.Context(), tenant, l.signIn(t, tenant, true).RefreshToken, true); err != nil {
		t.Fatal(err)
	}
	provider := l.microsoft.Provider().TenantID
	link := "open " + l.microsoft.Cloud().Portal + "?tid=" + tenant.ID + ", "
	for _, known := range []bool{false, true} {
		next, send := "tenant id your own", "the tenant ID [our tenant id]"
		if known {
			l.Provider = provider
			next, send = "tenant id "+provider, "the tenant ID "+provider
		}
		step, ok := find(l.Check(t.Context(), tenant), "api")
		if !ok || step.Done || step.Err.Code != tributary.CodeNotAuthorised || step.Fix != tributary.FixMSSP {
			t.Fatalf("got %+v", step)
		}
		for _, part := range []string{link + "Settings > SIEM > MSSP", l.app.ClientID, next, connect.PortalPermission} {
			if !strings.Contains(step.Next, part) {
				t.Errorf("the next step lacks %q: %s", part, step.Next)
			}
		}
		for _, part := range []string{link, "Settings > SIEM > MSSP", "application ID " + l.app.ClientID, send, connect.PortalPermission} {
			if !strings.Contains(step.Send, part) {
				t.Errorf("the sentence for the customer lacks %q: %s", part, step.Send)
			}
		}
	}
	if err := l.microsoft.Authorise(t.Context(), tenant.ID, l.app.ClientID, provider); err != nil {
		t.Fatal(err)
	}
	if step, _ := find(l.Check(t.Context(), tenant), "api"); !step.Done || step.Send != "" {
		t.Errorf("after the authorisation: %+v", step)
	}
}

func TestCheckCredential(t *testing.T) {
	t.Parallel()
	l := newLab(t, sim.Options{Tenants: 1, Alerts: 4, Seed: 1})
	tenant := l.tenant(0, tributary.AuthAppOnly, tributary.SourceGraph)
	if step, there := find(l.Check(t.Context(), tenant), "credential"); there {
		t.Errorf("the end of a secret is not known here: %+v", step)
	}
	l.app.ClientSecret = tributary.Secret{}
	for _, c := range []struct {
		left time.Duration
		done bool
		text string
		next string
	}{
		{200*24*time.Hour + time.Minute, true, "the certificate is good for 200 days, until 2", ""},
		{20*24*time.Hour + time.Minute, true, "the certificate is good for 20 days, until 2", "add a new one in the Entra admin center, change certificate_file, then remove the old one"},
		{-48 * time.Hour, false, "it ended on 2", "add a new one in the Entra admin center, change certificate_file, then remove the old one"},
	} {
		l.app.Certificate = certificateUntil(t, time.Now().Add(c.left))
		step, there := find(l.Check(t.Context(), tenant), "credential")
		if !there || step.Done != c.done || !strings.Contains(step.Text, c.text) || step.Next != c.next {
			t.Errorf("%v left: %s", c.left, fmt.Sprintf("%+v", step))
		}
	}
	l.app.Certificate = tributary.NewSecret("no PEM")
	if step, _ := find(l.Check(t.Context(), tenant), "credential"); step.Done || step.Err == nil || step.Err.Code != tributary.CodeCredential {
		t.Errorf("a certificate that can't be read: %+v", step)
	}
}
