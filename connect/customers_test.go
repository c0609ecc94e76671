package connect_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tributary"
	"tributary/connect"
)

const (
	contosoID  = "11111111-2222-3333-4444-555555555555"
	fabrikamID = "22222222-2222-3333-4444-555555555555"
)

// rules know one cloud and one application besides the default ones.
func rules() connect.Rules {
	return connect.Rules{
		File: "customers.csv", Regions: []string{"eu", "uk", "us"},
		Check: func(t tributary.Tenant) error {
			if t.Cloud != "" && t.Cloud != "gcc" {
				return &tributary.Error{Code: "config-invalid", Op: "find the cloud", Err: fmt.Errorf("no cloud has the name %q", t.Cloud), Next: "choose from gcc"}
			}
			return t.Check()
		},
		Nearest: func(word string, known []string) string {
			for _, k := range known {
				if word != "" && k[0] == word[0] {
					return k
				}
			}
			return ""
		},
	}
}

func TestReadCustomers(t *testing.T) {
	t.Parallel()
	got, err := connect.ReadCustomers(strings.NewReader("\uFEFF"+`Name, Tenant ID,domain,sources,AUTH,labels,slug,cloud,region
# who we have had since 2024
"Contoso, Ltd",,Contoso.com,"graph,endpoint",,tier=gold;note=a\;b=c,,,

Fabrikam,`+strings.ToUpper(fabrikamID)+`,,siem,Delegated,,fab,gcc,UK
,11111111-2222-3333-4444-555555555555,,,,,the-other
Étoile Bleue,33333333-2222-3333-4444-555555555555
`), rules())
	if err != nil {
		t.Fatal(err)
	}
	graph := []tributary.Source{tributary.SourceGraph}
	want := []connect.Customer{
		{Line: 3, Domain: "contoso.com", Tenant: tributary.Tenant{
			Slug: "contoso", Name: "Contoso, Ltd", Auth: tributary.AuthAppOnly,
			Sources: []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint}, Labels: map[string]string{"tier": "gold", "note": "a;b=c"},
		}},
		{Line: 5, Tenant: tributary.Tenant{
			Slug: "fab", ID: fabrikamID, Name: "Fabrikam", Auth: tributary.AuthDelegated, Sources: []tributary.Source{tributary.SourceSIEM}, Cloud: "gcc", Region: "uk",
		}},
		{Line: 6, Tenant: tributary.Tenant{Slug: "the-other", ID: contosoID, Auth: tributary.AuthAppOnly, Sources: graph}},
		{Line: 7, Tenant: tributary.Tenant{Slug: "toile-bleue", ID: "33333333-2222-3333-4444-555555555555", Name: "Étoile Bleue", Auth: tributary.AuthAppOnly, Sources: graph}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(connect.Customer{})); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"domain;labels\ncontoso.com;\"a=1;b=2\"\n", "domain\tlabels\r\ncontoso.com\ta=1;b=2\r\n"} {
		got, err := connect.ReadCustomers(strings.NewReader(text), rules())
		if err != nil || len(got) != 1 || got[0].Tenant.Slug != "contoso" || got[0].Tenant.Labels["b"] != "2" {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// Everything that is wrong comes at once, each with its line and what to do.
func TestReadCustomersListsAllMistakes(t *testing.T) {
	t.Parallel()
	got, err := connect.ReadCustomers(strings.NewReader(`domain,tenant_id,slug,auth,sources,cloud,region,labels
contoso.com,,,app_only,graph siam,,,
,not-a-guid,x,,,,,
,,y,,,,,
contoso.com,,other,,,,,
fabrikam.com,,Fab!,,,gc,,
fabrikam.se,,,,,mars,mars,tier
,22222222-2222-3333-4444-555555555555,,,,,,
adatum.com,,contoso,,graph graph,,,
tail"spin.com,,,,,,,
adatum.net,,,,,,,,,
wingtip.com,,,,,mars,,
`), rules())
	if got != nil {
		t.Error("customers came with the mistakes")
	}
	e := tributary.AsError(err)
	if e == nil || e.Code != connect.CodeCustomers || e.Fix != tributary.FixMSSP || !strings.Contains(e.Next, "nothing has been imported") {
		t.Fatalf("got %v", err)
	}
	var mistakes connect.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("got %v", err)
	}
	var lines []string
	for _, m := range mistakes {
		lines = append(lines, fmt.Sprintf("%d %s: %s → %s", m.Line, m.Column, m.Text, m.Next))
	}
	want := []string{
		`2 auth: "app_only" is not known → did you mean app-only? choose from app-only, delegated`,
		`2 sources: "siam" is not known → did you mean siem? choose from graph, endpoint, siem`,
		`3 tenant_id: "not-a-guid" is not a GUID such as 11111111-2222-3333-4444-555555555555 → copy Tenant ID from the overview in the customer's Entra admin center, or give a domain instead`,
		`4 : there is neither a domain nor a tenant_id → give one of the customer's domains`,
		`5 domain: contoso.com stands on line 2 already → remove one of the two lines`,
		`6 slug: "Fab!": use 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end → `,
		`7 region: "mars" is not known → choose from eu, uk, us`,
		`7 labels: "tier" has no = → write key=value, with ; between two: tier=gold;desk=north`,
		`8 slug: there is none, and neither a domain nor a name to make one from → give the customer a short name; it never changes`,
		`9 sources: graph is named twice → remove one`,
		`9 slug: contoso stands on line 2 already → give one of the two another name in the column slug`,
		`10 : the quotes are not right: bare " in non-quoted-field → a cell with a quote in it stands in quotes, each of its own doubled: "the ""best"" customer"`,
		`11 : there are 10 cells and 8 columns → put a cell that holds the sign between cells into quotes`,
		`12 : no cloud has the name "mars" → choose from gcc`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(err.Error(), "14 mistakes\ncustomers.csv:2: auth: ") {
		t.Errorf("the text: %v", err)
	}
}

func TestReadCustomersHeader(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                            "there is no header",
		"# nothing\n":                 "there is no header",
		"name,slug\nA,a\n":            "neither a column domain nor a column tenant_id",
		"domain,Domain\n":             "the column domain stands twice",
		"domain,regoin\na.com,\n":     `no column is called "regoin"` + "\n    did you mean region?",
		"domain\n\xff\xfe.com\n":      "not text in UTF-8",
		"d\x00o\x00m\x00a\x00i\x00n,": "not text in UTF-8",
	} {
		if _, err := connect.ReadCustomers(strings.NewReader(text), rules()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got, err := connect.ReadCustomers(strings.NewReader("domain,name\n"), rules()); err != nil || len(got) != 0 {
		t.Errorf("a file without customers: %v, %v", got, err)
	}
}

// What is written can be read, and says the same.
func TestCustomersRoundTrip(t *testing.T) {
	t.Parallel()
	word := rapid.StringOf(rapid.RuneFrom([]rune("ab ;=\\\",'#\n\téÅ0"), unicode.Letter))
	rapid.Check(t, func(t *rapid.T) {
		var tenants []tributary.Tenant
		for i := range rapid.IntRange(0, 5).Draw(t, "tenants") {
			tenant := tributary.Tenant{
				Slug: fmt.Sprintf("t-%d", i), ID: fmt.Sprintf("%08d-2222-3333-4444-555555555555", i), Name: strings.TrimSpace(word.Draw(t, "name")),
				Auth:    rapid.SampledFrom([]tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated}).Draw(t, "auth"),
				Sources: rapid.Permutation(tributary.Sources()).Draw(t, "sources")[:rapid.IntRange(1, 3).Draw(t, "n")],
				Region:  rapid.SampledFrom([]string{"", "eu", "us"}).Draw(t, "region"),
				Cloud:   rapid.SampledFrom([]string{"", "gcc"}).Draw(t, "cloud"),
			}
			for range rapid.IntRange(0, 3).Draw(t, "labels") {
				if key := strings.TrimSpace(word.Draw(t, "key")); key != "" {
					if tenant.Labels == nil {
						tenant.Labels = map[string]string{}
					}
					tenant.Labels[key] = "x" + word.Draw(t, "value") + "x"
				}
			}
			tenants = append(tenants, tenant)
		}
		var b bytes.Buffer
		if err := connect.WriteCustomers(&b, tenants); err != nil {
			t.Fatal(err)
		}
		got, err := connect.ReadCustomers(&b, rules())
		if err != nil {
			t.Fatal(err)
		}
		var back []tributary.Tenant
		for _, c := range got {
			back = append(back, c.Tenant)
		}
		if diff := cmp.Diff(tenants, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzReadCustomers(f *testing.F) {
	f.Add("domain,name,labels\ncontoso.com,\"Contoso, Ltd\",tier=gold;a\\;b=c\n")
	f.Add("tenant_id;sources\n" + contosoID + ";graph siem\n")
	f.Add("domain\n\"contoso.com\nfabrikam.com\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := connect.ReadCustomers(strings.NewReader(text), rules())
		if err != nil {
			if got != nil {
				t.Error("customers came with an error")
			}
			return
		}
		slugs := map[string]bool{}
		for _, c := range got {
			if c.Tenant.ID == "" {
				c.Tenant.ID = contosoID
			}
			if err := c.Tenant.Check(); err != nil || c.Line < 2 || slugs[c.Tenant.Slug] {
				t.Errorf("%+v: %v", c, err)
			}
			slugs[c.Tenant.Slug] = true
		}
	})
}
