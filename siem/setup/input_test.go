package setup_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/siem/setup"
)

// value is what a setting of an inputs.conf says.
func value(t *testing.T, files []setup.File, key string) string {
	t.Helper()
	stanzas, err := readConf(body(t, files, "inputs.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range stanzas {
		return set[key]
	}
	return ""
}

func TestHostsByCloudAndRegion(t *testing.T) {
	t.Parallel()
	laboratory := tributary.Cloud{
		Name: "lab", Login: "https://127.0.0.1:8443/", SIEM: "https://127.0.0.1:8443/siem",
		Resources: map[tributary.Source]string{tributary.SourceSIEM: "https://WDATPAlertExport.Seville.onmicrosoft.com"},
	}
	clouds := tributary.Clouds()
	for _, tt := range []struct {
		cloud                      tributary.Cloud
		tenantRegion, region       string
		alerts, login, refreshWith string
	}{
		{clouds["global"], "", "", "https://wdatp-alertexporter-eu.securitycenter.windows.com", "https://login.microsoftonline.com", "https://graph.windows.net"},
		{clouds["global"], "us", "", "https://wdatp-alertexporter-us.securitycenter.windows.com", "https://login.microsoftonline.com", "https://graph.windows.net"},
		{clouds["global"], "us", "uk", "https://wdatp-alertexporter-uk.securitycenter.windows.com", "https://login.microsoftonline.com", "https://graph.windows.net"},
		{clouds["gcc"], "eu", "", "https://wdatp-alertexporter-us.gcc.securitycenter.windows.us", "https://login.microsoftonline.com", "https://graph.windows.net"},
		{clouds["gcc-high"], "", "", "https://wdatp-alertexporter-us.securitycenter.windows.us", "https://login.microsoftonline.us", "https://graph.windows.net"},
		{clouds["dod"], "", "", "https://wdatp-alertexporter-us.securitycenter.windows.us", "https://login.microsoftonline.us", "https://graph.windows.net"},
		{laboratory, "anywhere", "", "https://127.0.0.1:8443/siem", "https://127.0.0.1:8443", "https://WDATPAlertExport.Seville.onmicrosoft.com"},
	} {
		in := contoso()
		in.Cloud, in.Tenant.Region, in.Region = tt.cloud, tt.tenantRegion, tt.region
		in.Tenant.ID = strings.ToUpper(contosoID)
		files := made(t, setup.Splunk, in)
		for key, want := range map[string]string{
			"endpoint": tt.alerts + "/api/alerts", "oauth2_refresh_url": tt.login + "/" + contosoID + "/oauth2/token",
			"oauth2_refresh_props": "resource=" + tt.refreshWith,
		} {
			if got := value(t, files, key); got != want {
				t.Errorf("%s %s%s: %s is %s, not %s", tt.cloud.Name, tt.tenantRegion, tt.region, key, got, want)
			}
		}
		readme := body(t, made(t, setup.ArcSight, in), "README.txt")
		if want := tt.alerts + "/api/alerts/?sinceTimeUtc=$START_AT_TIME\n"; !strings.Contains(readme, want) {
			t.Errorf("the page doesn't say %s", want)
		}
		if told := strings.Contains(readme, "\nRegion "); told != (tt.cloud.Name == "global") {
			t.Errorf("%s: a region is told: %t", tt.cloud.Name, told)
		}
	}
}

func TestResourceAndIntervalByWish(t *testing.T) {
	t.Parallel()
	in := contoso()
	in.Resource, in.PollInterval = "https://WDATPAlertExport.Seville.onmicrosoft.com", 90*time.Second
	files := made(t, setup.Splunk, in)
	if got := value(t, files, "oauth2_refresh_props"); got != "resource="+in.Resource {
		t.Error(got)
	}
	if got := value(t, files, "polling_interval"); got != "90" {
		t.Error(got)
	}
	if readme := body(t, files, "README.txt"); !strings.Contains(readme, "about 80 times") {
		t.Error("two hours every 90 seconds are 80 copies: the page says otherwise")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	none := tributary.Secret{}
	for name, tt := range map[string]struct {
		change func(*setup.Input)
		code   string
		says   string // in the sentence or the next step
		splunk bool   // a matter of Splunk's alone
	}{
		"a slug that is a path":       {func(in *setup.Input) { in.Tenant.Slug = "../contoso" }, setup.CodeValue, "slug", false},
		"a slug with a bracket":       {func(in *setup.Input) { in.Tenant.Slug = "a]\n[b" }, setup.CodeValue, "slug", false},
		"a tenant id that is none":    {func(in *setup.Input) { in.Tenant.ID = "contoso.com" }, setup.CodeValue, "GUID", false},
		"a cloud without the API":     {func(in *setup.Input) { in.Cloud.SIEM, in.Cloud.Name = "", "21vianet" }, setup.CodeNoSIEMAPI, "the cloud 21vianet has no SIEM REST API", false},
		"a region without it":         {func(in *setup.Input) { in.Tenant.Region = "au" }, setup.CodeNoSIEMAPI, `us, eu and uk, not in "au"`, false},
		"a cloud without a host":      {func(in *setup.Input) { in.Cloud.Login = "" }, setup.CodeValue, "an address that is none", false},
		"nobody has signed in":        {func(in *setup.Input) { in.Grant.RefreshToken = none }, setup.CodeNoRefreshToken, "tributary tenant connect contoso", false},
		"an app-only tenant":          {func(in *setup.Input) { in.Grant, in.Tenant.Auth = tributary.Grant{}, tributary.AuthAppOnly }, setup.CodeNoRefreshToken, "client credentials work with the generic API only", false},
		"no client id":                {func(in *setup.Input) { in.App.ClientID = "" }, setup.CodeNoSecret, "client_id", false},
		"no secret":                   {func(in *setup.Input) { in.App.ClientSecret = none }, setup.CodeNoSecret, "client_secret", false},
		"a certificate":               {func(in *setup.Input) { in.App.ClientSecret, in.App.Certificate = none, in.App.ClientSecret }, setup.CodeNoSecret, "client secrets only", false},
		"another application's":       {func(in *setup.Input) { in.Grant.ClientID = contosoID }, setup.CodeGrantUnfit, "tenant connect contoso", false},
		"obtained without the secret": {func(in *setup.Input) { in.Grant.Public = true }, setup.CodeGrantUnfit, "in a browser", false},
		"a resource that is none":     {func(in *setup.Input) { in.Resource = "graph" }, setup.CodeValue, "App ID URI", false},
		"a resource with a comma":     {func(in *setup.Input) { in.Resource = "https://graph.windows.net,x=y" }, setup.CodeValue, "App ID URI", false},
		"a resource with a line":      {func(in *setup.Input) { in.Resource = "https://graph.windows.net\nx" }, setup.CodeValue, "App ID URI", false},
		"via http":                    {func(in *setup.Input) { in.Via = "http://tributary.fabrikam.com" }, setup.CodeValue, "https://", false},
		"via a query":                 {func(in *setup.Input) { in.Via = "https://tributary.fabrikam.com/?a=b" }, setup.CodeValue, "nothing else", false},
		"via a fragment":              {func(in *setup.Input) { in.Via = "https://tributary.fabrikam.com/#" }, setup.CodeValue, "nothing else", false},
		"via a password":              {func(in *setup.Input) { in.Via = "https://kim:pw@tributary.fabrikam.com" }, setup.CodeValue, "nothing else", false},
		"via a variable":              {func(in *setup.Input) { in.Via = "https://tributary.fabrikam.com/$x$" }, setup.CodeValue, "variable", false},
		"via nothing":                 {func(in *setup.Input) { in.Via = "https://" }, setup.CodeValue, "https://", false},
		"via control characters":      {func(in *setup.Input) { in.Via = "https://a\n.example" }, setup.CodeValue, "can't be read", false},
		"via without a token":         {func(in *setup.Input) { in.Via, in.Grant = "https://tributary.fabrikam.com", tributary.Grant{} }, setup.CodeNoRefreshToken, "pull client", false},
		"via without a secret":        {func(in *setup.Input) { in.Via, in.App.ClientSecret = "https://tributary.fabrikam.com", none }, setup.CodeNoSecret, "pull client", false},
		"an interval of nothing":      {func(in *setup.Input) { in.PollInterval = time.Millisecond }, setup.CodeValue, "whole seconds", true},
		"an interval of less":         {func(in *setup.Input) { in.PollInterval = -time.Minute }, setup.CodeValue, "whole seconds", true},
		"an interval that loses":      {func(in *setup.Input) { in.PollInterval = 2 * time.Hour }, setup.CodeValue, "loses alerts", true},
		"a variable in the API":       {func(in *setup.Input) { in.Cloud.SIEM = "https://api.example/$x$" }, setup.CodeValue, "variable", true},
		"a source type of two lines":  {func(in *setup.Input) { in.Splunk.SourceType = "a\nb" }, setup.CodeValue, "sourcetype", true},
	} {
		for siem, how := range map[string]func(setup.Input) ([]setup.File, error){"ArcSight": setup.ArcSight, "Splunk": setup.Splunk} {
			in := contoso()
			tt.change(&in)
			files, err := how(in)
			if tt.splunk && siem == "ArcSight" {
				if err != nil {
					t.Errorf("%s, %s: %v", siem, name, err)
				}
				continue
			}
			e := tributary.AsError(err)
			if e == nil || e.Code != tt.code || e.Fix != tributary.FixMSSP || files != nil {
				t.Errorf("%s, %s: %v", siem, name, err)
				continue
			}
			if text := e.Error() + "\n" + e.Next; !strings.Contains(text, tt.says) || !strings.Contains(text, siem) || strings.Contains(text, "kim:pw") {
				t.Errorf("%s, %s says: %s", siem, name, text)
			}
		}
	}
}

// A cloud that has no SIEM API is no hindrance where Tributary answers.
func TestViaTributaryNeedsNoCloud(t *testing.T) {
	t.Parallel()
	in := viaTributary()
	in.Tenant.Auth, in.Tenant.Region = tributary.AuthAppOnly, "au"
	files := made(t, setup.Splunk, in)
	if got := value(t, files, "endpoint"); got != "https://tributary.fabrikam.com:8480/contoso/api/alerts" {
		t.Error(got)
	}
	if got := value(t, files, "oauth2_refresh_url"); got != "https://tributary.fabrikam.com:8480/"+contosoID+"/oauth2/token" {
		t.Error(got)
	}
}

// No printed form of a file tells what is in it.
func TestFilesPrintNoSecret(t *testing.T) {
	t.Parallel()
	files := made(t, setup.ArcSight, contoso())
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "file", files[2])
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "file", files[2], "files", files)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&log, format, files)
		fmt.Fprintf(&log, format, setup.TenantFiles{Slug: "contoso", Files: files})
	}
	raw := fmt.Sprint([]byte(refreshToken)) // as %v prints bytes
	if s := log.String(); strings.Contains(s, refreshToken) || strings.Contains(s, raw[1:30]) || !strings.Contains(s, "refresh-token.txt") {
		t.Error(s)
	}
}
