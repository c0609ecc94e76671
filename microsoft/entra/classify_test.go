package entra

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/oauth2"

	"tributary"
)

// Microsoft's list of numbers, as far as an MSSP meets them.
var numbersOfInterest = []int{
	16000, 50001, 50011, 50012, 700030, 50013, 500133, 50020, 50033, 50087, 90006, 90012, 90024, 90033, 90090, 50034, 50053,
	50055, 50144, 50056, 50064, 50126, 50057, 50058, 50059, 50128, 90019, 50072, 50074, 50076, 50078, 50079, 50089, 50132,
	50133, 50173, 50097, 53000, 53001, 53002, 50105, 50131, 53003, 530032, 530035, 50158, 50194, 50196, 500011, 500021,
	500022, 500113, 900971, 500212, 500213, 53004, 53010, 53011, 530034, 54005, 65001, 65004, 65005, 650056, 650057, 650052,
	650054, 70000, 70001, 7000112, 700005, 700011, 700016, 70002, 7000215, 70003, 70008, 700082, 70011, 28002, 28003, 700022,
	700023, 70012, 70016, 70018, 90119, 70019, 70021, 700020, 700025, 700027, 70043, 700084, 7000218, 7000222, 90002, 90038,
	900382, 900432, 90055, 90072, 90094, 90095, 90099, 900144, 9002313, 900561, 901002, 9001023,
}

func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	for _, n := range numbersOfInterest {
		x, ok := Explain(n)
		if !ok || x.Says == "" {
			t.Errorf("AADSTS%d has no words", n)
		}
	}
	seen := map[int]bool{}
	for _, entry := range catalogue {
		for _, n := range entry.numbers {
			if seen[n] {
				t.Errorf("AADSTS%d stands twice", n)
			}
			seen[n] = true
		}
		for what, text := range map[string]string{"Says": entry.Says, "Next": entry.Next} {
			if strings.HasSuffix(text, ".") || strings.Contains(text, "\n") || text != "" && strings.ToLower(text[:1]) != text[:1] {
				t.Errorf("%v: %s is not a lower-case sentence without a full stop: %q", entry.numbers, what, text)
			}
		}
		if entry.Customer != "" && !strings.HasSuffix(entry.Customer, ".") {
			t.Errorf("%v: the customer's text is not whole sentences: %q", entry.numbers, entry.Customer)
		}
	}
	for code, x := range conditions {
		if x.Says == "" || x.Next == "" {
			t.Errorf("condition %s lacks words: %+v", code, x)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		error, suberror string
		status          int
		code            string
		fix             tributary.Fixer
	}{
		{"invalid_client", "", 401, tributary.CodeCredential, tributary.FixMSSP},
		{"invalid_client", "", 400, tributary.CodeCredential, tributary.FixMSSP},
		{"unauthorized_client", "", 400, tributary.CodeConsentMissing, tributary.FixCustomer},
		{"invalid_grant", "", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"invalid_grant", "bad_token", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"invalid_grant", "token_expired", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"invalid_grant", "basic_action", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"invalid_grant", "user_password_expired", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"invalid_grant", "client_mismatch", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"invalid_grant", "never_heard_of", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"invalid_grant", "consent_required", 400, tributary.CodeConsentMissing, tributary.FixCustomer},
		{"invalid_grant", "additional_action", 400, tributary.CodePolicy, tributary.FixPolicy},
		{"invalid_grant", "message_only", 400, tributary.CodePolicy, tributary.FixPolicy},
		{"invalid_grant", "protection_policy_required", 400, tributary.CodePolicy, tributary.FixPolicy},
		{"invalid_grant", "device_authentication_failed", 400, tributary.CodePolicy, tributary.FixPolicy},
		{"interaction_required", "", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"interaction_required", "message_only", 400, tributary.CodePolicy, tributary.FixPolicy},
		{"login_required", "", 0, tributary.CodeSignInAgain, tributary.FixMSSP},
		{"consent_required", "", 0, tributary.CodeConsentMissing, tributary.FixCustomer},
		{"access_denied", "", 0, tributary.CodeConsentMissing, tributary.FixCustomer},
		{"access_denied", "message_only", 403, tributary.CodePolicy, tributary.FixPolicy},
		{"invalid_resource", "", 400, CodeResource, tributary.FixCustomer},
		{"invalid_scope", "", 400, CodeRequest, tributary.FixMSSP},
		{"invalid_request", "", 400, CodeRequest, tributary.FixMSSP},
		{"unsupported_grant_type", "", 400, CodeRequest, tributary.FixMSSP},
		{"invalid_tenant", "", 400, tributary.CodeTenantUnknown, tributary.FixMSSP},
		{"temporarily_unavailable", "", 400, tributary.CodeUnavailable, tributary.FixRetry},
		{"server_error", "", 0, tributary.CodeUnavailable, tributary.FixRetry},
		{"slow_down", "", 400, tributary.CodeThrottled, tributary.FixRetry},
		{"expired_token", "", 400, tributary.CodeSignInAgain, tributary.FixMSSP},
		// The status goes first where it says "later".
		{"invalid_grant", "", 503, tributary.CodeUnavailable, tributary.FixRetry},
		{"invalid_client", "", 429, tributary.CodeThrottled, tributary.FixRetry},
		{"", "", 408, tributary.CodeUnavailable, tributary.FixRetry},
		{"", "", 500, tributary.CodeUnavailable, tributary.FixRetry},
		{"", "", 401, tributary.CodeCredential, tributary.FixMSSP},
		{"", "", 403, tributary.CodePolicy, tributary.FixPolicy},
		{"", "", 400, CodeRequest, tributary.FixMSSP},
		{"something_new", "", 400, CodeRequest, tributary.FixMSSP},
	}
	for _, tt := range tests {
		// No number changes the verdict.
		for _, number := range append([]int{0, 123456789}, numbersOfInterest...) {
			e := Classify(tt.error, tt.suberror, fmt.Sprintf("AADSTS%d: text", number), []int{number}, tt.status)
			if e.Code != tt.code || e.Fix != tt.fix {
				t.Fatalf("%s/%s/%d with AADSTS%d: %s, %s; want %s, %s", tt.error, tt.suberror, tt.status, number, e.Code, e.Fix, tt.code, tt.fix)
			}
			if e.Next == "" || e.Err.Error() == "" || strings.Contains(e.Next, "{tenant}") {
				t.Fatalf("AADSTS%d lacks words: %+v", number, e)
			}
			var a *Answer
			if !errors.As(e, &a) {
				t.Fatal("there is no Answer in it")
			}
			if (e.Fix == tributary.FixCustomer || e.Fix == tributary.FixPolicy) && a.Customer == "" {
				t.Fatalf("%s with AADSTS%d: nothing to tell the customer", tt.error, number)
			}
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, description string
		numbers           []int
		want              string
	}{
		{
			"the particular of two", "AADSTS70002: Error validating credentials. AADSTS70008: The provided authorization code or refresh token has expired.\r\nTrace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333\r\nCorrelation ID: aaaa0000-bb11-2222-33cc-444444dddddd\r\nTimestamp: 2026-01-09 02:02:12Z",
			[]int{70002, 70008},
			"the refresh token or the authorization code has expired (invalid_grant, AADSTS70002, AADSTS70008, trace id 0000aaaa-11bb-cccc-dd22-eeeeee333333, correlation id aaaa0000-bb11-2222-33cc-444444dddddd)",
		},
		{
			"number in the text only", "AADSTS700082: The refresh token has expired due to inactivity. Trace ID: abc Correlation ID: def Timestamp: x", nil,
			"the refresh token or the authorization code has expired (invalid_grant, AADSTS700082, trace id abc, correlation id def)",
		},
		{
			"unknown number", "AADSTS999999: The moon is in the wrong phase.\r\nTrace ID: abc\r\nCorrelation ID: def\r\nTimestamp: x", []int{999999},
			`the identity service doesn't accept the sign-in that we hold any more; Microsoft says: "AADSTS999999: The moon is in the wrong phase." (invalid_grant, AADSTS999999, trace id abc, correlation id def)`,
		},
		{"nothing", "", nil, "the identity service doesn't accept the sign-in that we hold any more (invalid_grant)"},
		{"control characters", "AADSTS999999: a\x1b[31mb\x00c", nil, `the identity service doesn't accept the sign-in that we hold any more; Microsoft says: "AADSTS999999: a [31mb c" (invalid_grant, AADSTS999999)`},
	}
	for _, tt := range tests {
		if got := Classify("invalid_grant", "", tt.description, tt.numbers, 400).Error(); got != ": "+tt.want && got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
	long := Classify("invalid_grant", "", "AADSTS999999: "+strings.Repeat("long ", 1000), nil, 400).Error()
	if len(long) > 600 {
		t.Errorf("%d characters", len(long))
	}
	// Words that can't be an error's name are not printed.
	if got := Classify("<b>bold</b>", "sub error", "", nil, 400).Error(); strings.Contains(got, "bold") || strings.Contains(got, "sub error") {
		t.Errorf("got %s", got)
	}
}

func TestParseAnswerBodies(t *testing.T) {
	t.Parallel()
	a := parseAnswer(400, []byte(`{"error":"interaction_required","error_codes":"odd","error_description":"AADSTS50076: MFA","claims":"{\"access_token\":{}}","trace_id":"not an id!"}`), nil)
	if a.Code != "interaction_required" || len(a.Numbers) != 1 || a.Numbers[0] != 50076 || a.Claims != `{"access_token":{}}` || a.TraceID != "" {
		t.Errorf("%+v", a)
	}
	if a := parseAnswer(502, []byte("<html>Bad Gateway</html>"), nil); a.Status != 502 || a.Code != "" || a.Text != "" {
		t.Errorf("%+v", a)
	}
}

// What azidentity and x/oauth2 return is classified alike.
func TestFromLibraries(t *testing.T) {
	t.Parallel()
	const body = `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.","error_codes":[7000222]}`
	answer := roundTrip(func(req *http.Request) (*http.Response, error) {
		text := body
		status := 401
		if req.Method == http.MethodGet {
			status, text = 200, `{"issuer":"https://login.contoso.example/`+tenantID+`/v2.0","authorization_endpoint":"https://login.contoso.example/a","token_endpoint":"https://login.contoso.example/t"}`
		}
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
	})
	options := &azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true}
	options.Cloud.ActiveDirectoryAuthorityHost = "https://login.contoso.example"
	options.Transport = &http.Client{Transport: answer}
	cred, err := azidentity.NewClientSecretCredential(tenantID, clientID, testSecret, options)
	if err != nil {
		t.Fatal(err)
	}
	_, fromAzure := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{graph + "/.default"}})
	fromOAuth := &oauth2.RetrieveError{Response: &http.Response{StatusCode: 401}, Body: []byte(body), ErrorCode: "invalid_client"}
	for name, err := range map[string]error{"azidentity": fromAzure, "x/oauth2": fmt.Errorf("wrapped: %w", fromOAuth)} {
		e := FromError("get a token", tributary.Tenant{Slug: "contoso"}, err)
		if e.Code != tributary.CodeCredential || e.Error() != "contoso: get a token: the client secret has expired (invalid_client, AADSTS7000222)" {
			t.Errorf("%s: %s: %v", name, e.Code, e)
		}
	}
	// An error that is ours already stays.
	e := FromError("get a token", tributary.Tenant{Slug: "contoso"}, fmt.Errorf("x: %w", &tributary.Error{Code: "c", Op: "read", Err: io.EOF}))
	if e.Code != "c" || e.Op != "read" || e.Tenant != "contoso" {
		t.Errorf("got %+v", e)
	}
	if FromError("x", tributary.Tenant{}, nil) != nil {
		t.Error("nil is an error")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`3599`: "59m59s", `"3599"`: "59m59s", `3599.5`: "59m59.5s", `"86400"`: "24h0m0s", `1e300`: "48h0m0s",
		`0`: "", `-1`: "", `""`: "", `null`: "", `"soon"`: "", `"NaN"`: "", `[]`: "",
	} {
		got, err := seconds(json.RawMessage(text))
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(400, []byte(`{"error":"invalid_grant","suberror":"bad_token","error_codes":[70008],"error_description":"AADSTS70008: x\r\nTrace ID: a"}`))
	f.Add(503, []byte(`<html>`))
	f.Add(400, []byte(`{"error_codes":[1,2,3,4,5,6,7,8,9,10,11],"error_description":"supersecret1 quoted"}`))
	secrets := []tributary.Secret{tributary.NewSecret("supersecret1")}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := judge(parseAnswer(status, body, secrets), "contoso")
		text := e.Error()
		if strings.Contains(text, "supersecret1") {
			t.Fatalf("shows a secret: %s", text)
		}
		if strings.ContainsAny(text, "\n\r\x1b\x00") || len(text) > 4000 {
			t.Fatalf("not fit to print: %q", text)
		}
		if e.Code == "" || e.Fix == "" || e.Next == "" {
			t.Fatalf("incomplete: %+v", *e)
		}
	})
}
