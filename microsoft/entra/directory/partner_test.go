package directory

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"tributary"
)

func TestDelegatedRelationships(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/relationships.json")
	if err != nil {
		t.Fatal(err)
	}
	f := scripted(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1.0/tenantRelationships/delegatedAdminRelationships" || r.URL.Query().Get("$top") != "300" {
			t.Errorf("asked for %s", r.URL)
		}
		_, _ = w.Write(body)
	})
	got, err := f.client(t).DelegatedRelationships(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	contoso := Customer{customerTenant, "Contoso"}
	want := []Relationship{
		{ID: "open-1", Name: "Not taken up yet", Status: "approvalPending", Roles: []Role{{"F2EF992C-3AFB-46B9-B7CF-A126EE74C451", "Global Reader"}}},
		{
			ID: "active-2", Name: "Security", Customer: contoso, Status: "active", Extends: true,
			Roles:  []Role{{"5d6b6bb7-de71-4623-b4af-96380a352509", "Security Reader"}, {"12345678-0000-0000-0000-000000000000", ""}},
			Begins: time.Date(2026, 3, 1, 9, 30, 0, 123456700, time.UTC), Ends: time.Date(2028, 3, 1, 9, 30, 0, 0, time.UTC),
		},
		{
			ID: "ended-3", Name: "Helpdesk", Customer: contoso, Status: "terminated", Roles: []Role{{"729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator"}},
			Begins: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Ends: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if got[0].Active() || !got[1].Active() || !got[0].ReadsSecurity() || got[2].ReadsSecurity() {
		t.Error("what the relationships give is read wrongly")
	}
	if fmt.Sprint(got[1].Roles) != "[Security Reader 12345678-0000-0000-0000-000000000000]" {
		t.Errorf("roles in words: %v", got[1].Roles)
	}
	if got[0].InvitationURL() != "https://admin.microsoft.com/AdminPortal/Home#/partners/invitation/granularAdminRelationships/open-1" {
		t.Error(got[0].InvitationURL())
	}
}

func TestPartnerWithoutTheRole(t *testing.T) {
	t.Parallel()
	f := scripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "Forbidden", "Insufficient privileges to complete the operation.")
	})
	_, err := f.client(t).DelegatedCustomers(t.Context())
	e := f.failed(t, err, tributary.CodeForbidden, tributary.FixMSSP)
	if e.Next != "sign in again and consent to the permission DelegatedAdminRelationship.Read.All or DelegatedAdminRelationship.ReadWrite.All: the sign-in of anna@fabrikam.com didn't include it" {
		t.Errorf("next is %q", e.Next)
	}
	f.scopes = "DelegatedAdminRelationship.Read.All"
	_, err = f.client(t).DelegatedCustomers(t.Context())
	if e := f.failed(t, err, tributary.CodeForbidden, tributary.FixMSSP); !strings.Contains(e.Next, "AdminAgents") {
		t.Errorf("next is %q", e.Next)
	}
}

func TestConsentOnBehalf(t *testing.T) {
	t.Parallel()
	appID := newID()
	for _, c := range []struct {
		name         string
		status       int
		body         string
		already, ok  bool
		code         string
		fix          tributary.Fixer
		requests     int
		says, advice string
	}{
		{"new", http.StatusCreated, `{}`, false, true, "", "", 1, "", ""},
		{"there, 409", http.StatusConflict, `{"code":"Conflict","description":"Permission entry already exists."}`, true, true, "", "", 1, "", ""},
		{"there, 400", http.StatusBadRequest, `{"code":400,"description":"Permission entry already exists.","data":[],"source":"PartnerAPI"}`, true, true, "", "", 1, "", ""},
		{"no relationship", http.StatusForbidden, `{"code":"UserNotAuthorized","description":"No delegated admin privileges for the customer."}`, false, false, tributary.CodeForbidden, tributary.FixMSSP, 1, "No delegated admin privileges", "Admin agent"},
		{"wrong", http.StatusBadRequest, `{"code":"BadInput","description":"The scope is not valid."}`, false, false, CodeRequestRefused, tributary.FixMSSP, 1, "The scope is not valid", ""},
		{"unavailable", http.StatusServiceUnavailable, ``, false, false, tributary.CodeUnavailable, tributary.FixRetry, 4, "503", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var ids []string
			f := scripted(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != "/partner/v1/customers/"+customerTenant+"/applicationconsents" {
					t.Errorf("asked for %s %s", r.Method, r.URL)
				}
				var body any
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				want := map[string]any{"applicationId": appID, "displayName": "Fabrikam alerts", "applicationGrants": []any{
					map[string]any{"enterpriseApplicationId": graphAppID, "scope": "SecurityAlert.Read.All,offline_access,openid,profile"},
					map[string]any{"enterpriseApplicationId": defenderAppID, "scope": "Alert.Read"},
				}}
				if diff := cmp.Diff(any(want), body); diff != "" {
					t.Error(diff)
				}
				ids = append(ids, r.Header.Get("ms-requestid"))
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			grants, err := PartnerGrants([]tributary.Source{tributary.SourceEndpoint, tributary.SourceGraph})
			if err != nil {
				t.Fatal(err)
			}
			already, err := f.client(t).ConsentOnBehalf(t.Context(), strings.ToUpper(customerTenant), PartnerApp{appID, "Fabrikam alerts"}, grants)
			if already != c.already || (err == nil) != c.ok || f.count() != c.requests {
				t.Fatalf("already %t, %v, after %d requests", already, err, f.count())
			}
			for _, id := range ids {
				if uuid.Validate(id) != nil || id != ids[0] {
					t.Errorf("a repetition can't be known as one: %q", ids)
				}
			}
			if err != nil {
				if e := f.failed(t, err, c.code, c.fix); !strings.Contains(e.Error(), c.says) || !strings.Contains(e.Next, c.advice) {
					t.Errorf("%v; next: %s", e, e.Next)
				}
			}
		})
	}
}

func TestWithdrawOnBehalf(t *testing.T) {
	t.Parallel()
	appID := newID()
	f := scripted(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodDelete || r.URL.Path != "/partner/v1/customers/"+customerTenant+"/applicationconsents/"+appID {
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
		w.WriteHeader([]int{http.StatusNoContent, http.StatusNotFound}[n-1])
	})
	for range 2 {
		if err := f.client(t).WithdrawOnBehalf(t.Context(), customerTenant, PartnerApp{AppID: appID}); err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range [][2]string{{"contoso.com", appID}, {customerTenant, "app"}} {
		err := f.client(t).WithdrawOnBehalf(t.Context(), wrong[0], PartnerApp{AppID: wrong[1]})
		f.failed(t, err, CodeSettings, tributary.FixMSSP)
		_, err = f.client(t).ConsentOnBehalf(t.Context(), wrong[0], PartnerApp{AppID: wrong[1]}, nil)
		f.failed(t, err, CodeSettings, tributary.FixMSSP)
	}
	_, err := f.client(t).ConsentOnBehalf(t.Context(), customerTenant, PartnerApp{AppID: appID}, []PartnerGrant{{APIAppID: graphAppID}})
	f.failed(t, err, CodeSettings, tributary.FixMSSP)
	if f.count() != 2 {
		t.Errorf("%d requests", f.count())
	}
}
