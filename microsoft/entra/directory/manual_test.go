package directory

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestManualSteps(t *testing.T) {
	t.Parallel()
	var h holder
	multi := h.registration()
	multi.Secret = false
	multi.Sources = append(multi.Sources, tributary.SourceXDR, tributary.SourceGraphIncidents)
	single := Registration{
		Mark: mark, Customer: strings.ToUpper(customerTenant), RedirectURIs: []string{fabrikamURI}, PublicClient: true,
		Sources: []tributary.Source{tributary.SourceSIEM}, Auth: tributary.AuthDelegated, Secret: true, SecretLifetime: 365 * 24 * time.Hour,
	}
	for _, c := range []struct {
		golden, cloud string
		r             Registration
	}{{"manual-multi.txt", "global", multi}, {"manual-single.txt", "gcc-high", single}} {
		steps, err := ManualSteps(tributary.Clouds()[c.cloud], c.r)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for i, s := range steps {
			fmt.Fprintf(&b, "%d. %s\n", i+1, s.Title)
			for _, line := range s.Do {
				fmt.Fprintf(&b, "   - %s\n", line)
			}
			for _, v := range s.Values {
				fmt.Fprintf(&b, "     %s: %s\n", v.Field, v.Text)
			}
			if s.Note != "" {
				fmt.Fprintf(&b, "   Note: %s\n", s.Note)
			}
		}
		golden(t, c.golden, b.Bytes())
	}
}

func TestManualStepsOfACertificate(t *testing.T) {
	t.Parallel()
	r := Registration{Certificate: testCertificate().X509, Sources: []tributary.Source{tributary.SourceGraph}, Auth: tributary.AuthAppOnly, MultiTenant: true}
	steps, err := ManualSteps(tributary.Clouds()["global"], r)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(steps)
	if !strings.Contains(text, Thumbprint(testCertificate().X509)) || !strings.Contains(text, "AADSTS500113") || strings.Contains(text, "Grant admin consent") {
		t.Errorf("the steps are %s", text)
	}
	if _, err := ManualSteps(tributary.Cloud{}, Registration{Sources: []tributary.Source{"mail"}}); err == nil {
		t.Error("an unknown source has steps")
	}
	for login, want := range map[string]string{
		"https://login.microsoftonline.com": "https://entra.microsoft.com", "https://login.microsoftonline.us": "https://entra.microsoft.us",
		"https://login.partner.microsoftonline.cn": "https://portal.azure.cn", "https://login.lab.example": "https://entra.microsoft.com",
	} {
		if got := adminCenter(tributary.Cloud{Login: login}); got != want {
			t.Errorf("%s: %s", login, got)
		}
	}
}
