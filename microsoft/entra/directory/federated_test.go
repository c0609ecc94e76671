package directory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

func workload() Federated {
	return Federated{Name: "siem-01", Issuer: "https://oidc.fabrikam.com/cluster", Subject: "system:serviceaccount:siem:tributary", Description: "the cluster"}
}

// TestFederatedCutAnywhere adds, changes and removes a federated credential,
// each cut at every request and made again.
func TestFederatedCutAnywhere(t *testing.T) {
	t.Parallel()
	changed := workload()
	changed.Subject, changed.Audience = "system:serviceaccount:siem:next", "api://another"
	steps := []struct {
		name string
		do   func(t *testing.T, c *Client, appID string) error
		want []Federated
	}{
		{"add", func(t *testing.T, c *Client, appID string) error {
			_, err := c.AddFederated(t.Context(), appID, workload())
			return err
		}, []Federated{{Name: "siem-01", Issuer: workload().Issuer, Subject: workload().Subject, Audience: "api://AzureADTokenExchange", Description: "the cluster"}}},
		{"change", func(t *testing.T, c *Client, appID string) error {
			_, err := c.AddFederated(t.Context(), appID, changed)
			return err
		}, []Federated{changed}},
		{"remove", func(t *testing.T, c *Client, appID string) error {
			return c.RemoveFederated(t.Context(), appID, "SIEM-01")
		}, []Federated{}},
	}
	for _, lose := range []bool{false, true} {
		for n := 1; ; n++ {
			f, k := registered(t, true)
			c, appID := f.client(t), k.inUse.ClientID
			reached := false
			for _, step := range steps {
				f.serving(n, lose)
				if err := step.do(t, c, appID); err != nil {
					f.failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
				}
				reached = reached || f.count() >= n
				f.serving(0, false)
				if err := step.do(t, c, appID); err != nil {
					t.Fatalf("%s after a cut at request %d: %v", step.name, n, err)
				}
				got, err := c.Federated(t.Context(), appID)
				for i := range got {
					if got[i].ID == "" {
						t.Error("it has no id")
					}
					got[i].ID = ""
				}
				if diff := cmp.Diff(step.want, got); diff != "" || err != nil {
					t.Errorf("%s after a cut at request %d: %v %s", step.name, n, err, diff)
				}
			}
			if !reached {
				break
			}
		}
	}
}

func TestFederatedRefused(t *testing.T) {
	t.Parallel()
	f, k := registered(t, true)
	c := f.client(t)
	for _, wrong := range []Federated{
		{Name: "a", Issuer: "https://oidc.fabrikam.com", Subject: "x"},
		{Name: "-siem", Issuer: "https://oidc.fabrikam.com", Subject: "x"},
		{Name: "siem 01", Issuer: "https://oidc.fabrikam.com", Subject: "x"},
		{Name: "siem-01", Issuer: "http://oidc.fabrikam.com", Subject: "x"},
		{Name: "siem-01", Issuer: "https://oidc.fabrikam.com"},
		{Name: "siem-01", Issuer: "https://oidc.fabrikam.com", Subject: strings.Repeat("x", 601)},
		{Name: "siem-01", Issuer: "https://oidc.fabrikam.com", Subject: "x", Description: strings.Repeat("x", 601)},
	} {
		_, err := c.AddFederated(t.Context(), k.inUse.ClientID, wrong)
		f.failed(t, err, CodeSettings, tributary.FixMSSP)
	}
	if f.count() != 0 {
		t.Errorf("%d requests", f.count())
	}
	if _, err := c.AddFederated(t.Context(), k.inUse.ClientID, workload()); err != nil {
		t.Fatal(err)
	}
	again := workload()
	again.Name = "siem-02"
	_, err := c.AddFederated(t.Context(), k.inUse.ClientID, again)
	if e := f.failed(t, err, CodeSettings, tributary.FixMSSP); !strings.Contains(e.Error(), "siem-01") {
		t.Errorf("the error is %v", e)
	}
	for _, call := range []func(string) error{
		func(id string) error { _, err := c.AddFederated(t.Context(), id, workload()); return err },
		func(id string) error { _, err := c.Federated(t.Context(), id); return err },
		func(id string) error { return c.RemoveFederated(t.Context(), id, "siem-01") },
	} {
		f.failed(t, call(newID()), CodeNotThere, tributary.FixMSSP)
	}
}
