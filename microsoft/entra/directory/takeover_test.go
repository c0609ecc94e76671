package directory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

// byHand is an application as somebody registers it who follows Microsoft's
// MSSP page in the provider's own directory, with a secret that ends soon.
func byHand(f *fake) string {
	app := map[string]any{
		"id": newID(), "appId": newID(), "displayName": "Contoso SIEM MSSP Connector", "signInAudience": audienceSingle, "born": 0,
		"tags": []any{"HideApp"}, "createdDateTime": "2020-01-01T00:00:00Z", "isFallbackPublicClient": nil,
		"web":                    map[string]any{"redirectUris": []any{"https://fabrikam.com/SiemMsspConnector"}},
		"publicClient":           map[string]any{"redirectUris": []any{"http://localhost"}},
		"spa":                    map[string]any{"redirectUris": []any{}},
		"requiredResourceAccess": []any{map[string]any{"resourceAppId": graphAppID, "resourceAccess": []any{map[string]any{"id": scopeID(f, 0, "User.Read"), "type": "Scope"}}}},
		"keyCredentials":         []any{},
		"passwordCredentials": []any{map[string]any{
			"keyId": newID(), "displayName": "for the SIEM", "hint": "Abc", "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": noon.AddDate(0, 0, 30).Format(time.RFC3339),
		}},
	}
	f.apps = append(f.apps, app)
	return app["appId"].(string)
}

func scopeID(f *fake, api int, name string) string {
	for _, s := range f.principals[api]["oauth2PermissionScopes"].([]any) {
		if s.(map[string]any)["value"] == name {
			return s.(map[string]any)["id"].(string)
		}
	}
	f.t.Fatalf("no scope %s", name)
	return ""
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	appID := byHand(f)
	want := Registration{
		Mark: mark, MultiTenant: true, RedirectURIs: []string{fabrikamURI, "http://localhost"}, PublicClient: true,
		Sources: []tributary.Source{tributary.SourceGraph}, Auth: tributary.AuthAppOnly,
	}
	absent := want
	absent.Sources = []tributary.Source{tributary.SourceEndpoint}
	before := f.outcome()
	if review, err := f.client(t).TakeOver(t.Context(), appID, absent, false); err != nil || !slices.ContainsFunc(review.Differences, func(d Difference) bool {
		return d.What == "permission" && d.Blocks && strings.Contains(d.Text, "Alert.Read.All of WindowsDefenderATP")
	}) {
		t.Errorf("an API that isn't there: %+v, %v", review.Differences, err)
	}
	review, err := f.client(t).TakeOver(t.Context(), appID, want, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, f.outcome()); diff != "" {
		t.Errorf("looking changed the directory: %s", diff)
	}
	var found []string
	for _, d := range review.Differences {
		if d.Mended || d.Next == "" || d.Text == "" {
			t.Errorf("%+v", d)
		}
		line := d.What
		if d.Blocks {
			line += " blocks"
		}
		found = append(found, line)
	}
	all := []string{
		"audience blocks", "redirect-uri blocks", "redirect-uri blocks", "permission blocks", "surplus-permission", "public-client blocks", "credential", "service-principal",
	}
	if diff := cmp.Diff(all, found); diff != "" || review.Ready() {
		t.Errorf("ready %t: %s", review.Ready(), diff)
	}
	if !strings.Contains(review.Differences[0].Text, "AADSTS50194") || !strings.Contains(review.Differences[2].Text, "another platform") ||
		!strings.Contains(review.Differences[6].Text, "2026-12-23") {
		t.Errorf("%+v", review.Differences)
	}

	// Cut anywhere, mending is made again.
	for n := 1; ; n++ {
		f := newFake(t)
		appID := byHand(f)
		f.serving(n, true)
		_, err := f.client(t).TakeOver(t.Context(), appID, want, true)
		if err != nil {
			f.failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
		}
		reached := f.count() >= n
		f.serving(0, false)
		review, err := f.client(t).TakeOver(t.Context(), appID, want, true)
		if err != nil || !review.Ready() {
			t.Fatalf("after a cut at %d: %+v, %v", n, review.Differences, err)
		}
		after := []string{
			"application Contoso SIEM MSSP Connector AzureADMultipleOrgs tags [HideApp tributary:k7Fq2] web map[redirectUris:[https://fabrikam.com/SiemMsspConnector " +
				fabrikamURI + " http://localhost]] public true",
			"asks for Scope User.Read", "asks for Role SecurityAlert.Read.All", // nothing is taken away
		}
		if diff := cmp.Diff(after, f.outcome()[:3]); diff != "" {
			t.Errorf("after a cut at %d: %s", n, diff)
		}
		if !reached {
			break
		}
	}
}

func TestTakeOverOthers(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	appID := byHand(f)
	want := Registration{Mark: mark, Sources: []tributary.Source{tributary.SourceGraph}, Auth: tributary.AuthAppOnly}
	names := func() string {
		t.Helper()
		review, err := f.client(t).TakeOver(t.Context(), appID, want, false)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, d := range review.Differences {
			if strings.HasPrefix(d.What, "credential") || d.What == "disabled" {
				list = append(list, d.Text)
			}
		}
		return strings.Join(list, "; ")
	}
	secret := f.apps[0]["passwordCredentials"].([]any)[0].(map[string]any)
	secret["endDateTime"] = noon.Add(-time.Hour).Format(time.RFC3339)
	if got := names(); got != "none of its certificates and secrets is valid" {
		t.Error(got)
	}
	f.apps[0]["passwordCredentials"] = []any{}
	if got := names(); got != "it has neither a certificate nor a secret" {
		t.Error(got)
	}
	if _, err := f.client(t).AddFederated(t.Context(), appID, workload()); err != nil {
		t.Fatal(err)
	}
	if got := names(); got != "" {
		t.Error(got)
	}
	if _, err := f.client(t).ensurePrincipal(t.Context(), appID); err != nil {
		t.Fatal(err)
	}
	f.principals[len(f.principals)-1]["accountEnabled"] = false
	if got := names(); got != "it is switched off in its own directory" {
		t.Error(got)
	}
	_, err := f.client(t).TakeOver(t.Context(), newID(), want, true)
	f.failed(t, err, CodeNotThere, tributary.FixMSSP)
	want.Mark = ""
	_, err = f.client(t).TakeOver(t.Context(), appID, want, true)
	f.failed(t, err, CodeSettings, tributary.FixMSSP)
}

// TestTakenOverIsRegistered: Register completes what was taken over.
func TestTakenOverIsRegistered(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	appID := byHand(f)
	var h holder
	r := h.registration()
	if _, err := f.client(t).TakeOver(t.Context(), appID, r, true); err != nil {
		t.Fatal(err)
	}
	done, err := f.client(t).Register(t.Context(), h.registration())
	if err != nil || done.AppID != appID || done.Created || len(f.apps) != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	shown, err := f.client(t).Show(t.Context(), appID)
	names := make([]string, len(shown.Credentials))
	for i, c := range shown.Credentials {
		names[i] = c.Name
	}
	if err != nil || !slices.Equal(names, []string{"for the SIEM", "Tributary k7Fq2"}) {
		t.Errorf("credentials %q, %v", names, err)
	}
}
