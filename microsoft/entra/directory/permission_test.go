package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

func TestNeeds(t *testing.T) {
	t.Parallel()
	all := []tributary.Source{tributary.SourceXDR, tributary.SourceSIEM, tributary.SourceGraph, tributary.SourceGraphIncidents, tributary.SourceEndpoint, tributary.SourceGraph}
	for auth, want := range map[tributary.AuthMethod][]string{
		tributary.AuthAppOnly: {
			"SecurityAlert.Read.All of Microsoft Graph (application)", "SecurityIncident.Read.All of Microsoft Graph (application)",
			"Incident.Read.All of Microsoft Threat Protection (application)", "User.Read of Windows Azure Active Directory (delegated)",
			"Alert.Read.All of WindowsDefenderATP (application)",
		},
		tributary.AuthDelegated: {
			"SecurityAlert.Read.All of Microsoft Graph (delegated)", "SecurityIncident.Read.All of Microsoft Graph (delegated)",
			"offline_access of Microsoft Graph (delegated)", "openid of Microsoft Graph (delegated)", "profile of Microsoft Graph (delegated)",
			"Incident.Read of Microsoft Threat Protection (delegated)", "User.Read of Windows Azure Active Directory (delegated)",
			"Alert.Read of WindowsDefenderATP (delegated)",
		},
	} {
		needs, err := Needs(all, auth)
		var got []string
		for _, n := range needs {
			got = append(got, n.String())
			if strings.Contains(n.Name, "Write") {
				t.Errorf("%s is more than reading", n)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", auth, err, diff)
		}
	}
	for _, s := range tributary.Sources() {
		if _, known := sourceNeeds[s]; !known {
			t.Errorf("what source %s needs is not known", s)
		}
	}
	if _, err := PartnerGrants([]tributary.Source{"mail"}); err == nil {
		t.Error("an unknown source needs nothing")
	}
}

// TestPermissionOff: what an API has switched off, or doesn't have, isn't
// asked for.
func TestPermissionOff(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.principals[0]["appRoles"].([]any)[0].(map[string]any)["isEnabled"] = false
	var h holder
	r := h.registration()
	r.Sources = []tributary.Source{tributary.SourceGraph}
	_, err := f.client(t).Register(t.Context(), r)
	e := f.failed(t, err, CodeAPIMissing, tributary.FixMSSP)
	if !strings.Contains(fmt.Sprint(e), "SecurityAlert.Read.All of Microsoft Graph (application)") || len(f.apps) != 0 {
		t.Errorf("%v, %d applications", e, len(f.apps))
	}
}

func TestScopesFor(t *testing.T) {
	t.Parallel()
	got := ScopesFor(TaskRegister, TaskGrant, TaskPartner)
	want := []string{"Application.ReadWrite.All", "User.Read", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All", "DelegatedAdminRelationship.Read.All"}
	if !slices.Equal(got, want) {
		t.Errorf("scopes %q", got)
	}
	for _, task := range []Task{TaskRegister, TaskGrant, TaskShow, TaskGranted, TaskTenant, TaskPartner} {
		if len(ScopesFor(task)) == 0 {
			t.Errorf("task %s needs nothing", task)
		}
	}
}
