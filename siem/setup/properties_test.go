package setup_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tributary"
	"tributary/siem/setup"
)

// readProperties reads a .properties file as the documentation of
// java.util.Properties.load says, and by nothing that wrote it.
func readProperties(file []byte) (map[string]string, error) {
	units := make([]uint16, len(file)) // ISO 8859-1: a byte is a character
	for i, b := range file {
		units[i] = uint16(b)
	}
	set := map[string]string{}
	for _, line := range logicalLines(units) {
		end, valueAt := len(line), len(line)
		separated := false
		for i := 0; i < len(line); i++ {
			if line[i] == '\\' {
				i++
				continue
			}
			if line[i] == '=' || line[i] == ':' || blank(line[i]) {
				end, valueAt, separated = i, i, true
				break
			}
		}
		if separated {
			for valueAt < len(line) && blank(line[valueAt]) {
				valueAt++
			}
			if valueAt < len(line) && (line[valueAt] == '=' || line[valueAt] == ':') {
				valueAt++
				for valueAt < len(line) && blank(line[valueAt]) {
					valueAt++
				}
			}
		}
		key, err := unescape(line[:end])
		if err != nil {
			return nil, err
		}
		if set[key], err = unescape(line[valueAt:]); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func blank(u uint16) bool { return u == ' ' || u == '\t' || u == '\f' }

// logicalLines joins what a backslash before the line end continues, and drops
// comments and blank lines.
func logicalLines(units []uint16) (list [][]uint16) {
	var line []uint16
	continued := false
	end := func() {
		slashes := 0
		for i := len(line) - 1; i >= 0 && line[i] == '\\'; i-- {
			slashes++
		}
		if continued = slashes%2 == 1; continued {
			line = line[:len(line)-1]
			return
		}
		if len(line) > 0 {
			list = append(list, line)
		}
		line = nil
	}
	for i := 0; i < len(units); {
		from := i
		for i < len(units) && units[i] != '\n' && units[i] != '\r' {
			i++
		}
		natural := units[from:i]
		if i < len(units) && units[i] == '\r' && i+1 < len(units) && units[i+1] == '\n' {
			i++
		}
		i++
		for len(natural) > 0 && blank(natural[0]) {
			natural = natural[1:]
		}
		if !continued && (len(natural) == 0 || natural[0] == '#' || natural[0] == '!') {
			continue
		}
		line = append(line, natural...)
		end()
	}
	if continued && len(line) > 0 {
		list = append(list, line)
	}
	return list
}

func unescape(units []uint16) (string, error) {
	var out []uint16
	for i := 0; i < len(units); i++ {
		if units[i] != '\\' {
			out = append(out, units[i])
			continue
		}
		if i++; i == len(units) {
			break
		}
		switch units[i] {
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 'f':
			out = append(out, '\f')
		case 'u':
			if i+4 >= len(units) {
				return "", fmt.Errorf(`a \u is cut off`)
			}
			n, err := strconv.ParseUint(string(utf16.Decode(units[i+1:i+5])), 16, 16)
			if err != nil {
				return "", err
			}
			out = append(out, uint16(n))
			i += 4
		default:
			out = append(out, units[i])
		}
	}
	return string(utf16.Decode(out)), nil
}

// hostile are secrets that no one should ever get, and somebody will.
var hostile = []string{
	clientSecret,
	" leading blank", "\tleading tab", "trailing blank ", "  two", "a  b",
	"=", ":", "#", "!", "\\", "\\\\", "\\u0041", "ends with \\", "a=b:c#d!e",
	"line\nfeed", "carriage\rreturn", "both\r\nreauthenticate=true", "form\ffeed", "nul\x00", "bell\x07", "del\x7f",
	"Örebro", "日本語", "🔑", "\u2028", "\u0085", "\ufeff", `"quoted"`, "'single'", "${env:HOME}", "$START_AT_TIME", "%s%d%n", "{{.Secret}}",
}

// wanted is what the OAuth file of an input must say.
func wanted(in setup.Input) map[string]string {
	return map[string]string{
		"client_id": in.App.ClientID, "client_secret": in.App.ClientSecret.Reveal(),
		"auth_url":     "https://login.microsoftonline.com/" + contosoID + "/oauth2/authorize?resource=https%3A%2F%2Fgraph.windows.net",
		"token_url":    "https://login.microsoftonline.com/" + contosoID + "/oauth2/token",
		"redirect_uri": "https://localhost:44300/wdatpconnector",
		"scope":        "", "reauthenticate": "false",
	}
}

func TestOAuthFileRoundTrip(t *testing.T) {
	t.Parallel()
	for _, secret := range hostile {
		in := contoso()
		in.App.ClientSecret = tributary.NewSecret(secret)
		in.Tenant.Name = "Contoso\n[x]\nclient_secret=forged\\\r\u2028reauthenticate=true" + secret
		file := body(t, made(t, setup.ArcSight, in), "WDATP-connector.properties")
		got, err := readProperties([]byte(file))
		if err != nil {
			t.Fatalf("%q: %v", secret, err)
		}
		if diff := cmp.Diff(wanted(in), got); diff != "" {
			t.Errorf("secret %q: -want +got\n%s", secret, diff)
		}
		if i := strings.IndexFunc(strings.Join(lines(file), ""), func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Errorf("secret %q: a line holds more than printable ASCII", secret)
		}
	}
}

// java is the reader that the connector has.
func TestJavaReadsTheOAuthFile(t *testing.T) {
	t.Parallel()
	java, err := exec.LookPath("java")
	if err != nil || testing.Short() {
		t.Skip("needs Java, and takes a second")
	}
	dir := t.TempDir()
	args := []string{filepath.Join("testdata", "ReadProperties.java")}
	var all []map[string]string
	for i, secret := range hostile {
		in := contoso()
		in.App.ClientSecret = tributary.NewSecret(secret)
		all = append(all, wanted(in))
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(body(t, made(t, setup.ArcSight, in), "WDATP-connector.properties")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), java, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("this Java doesn't run a source file: %v\n%s", err, stderr.String())
	}
	got := make([]map[string]string, len(all))
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimRight(line, "\r\n"), " ")
		if len(fields) != 3 {
			t.Fatalf("Java says %q", line)
		}
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		if got[n] == nil {
			got[n] = map[string]string{}
		}
		key, err1 := hex.DecodeString(fields[1])
		value, err2 := hex.DecodeString(fields[2])
		if err1 != nil || err2 != nil {
			t.Fatalf("Java says %q", line)
		}
		got[n][string(key)] = string(value)
	}
	for i := range all {
		if diff := cmp.Diff(all[i], got[i]); diff != "" {
			t.Errorf("secret %q: -want +got by Java\n%s", hostile[i], diff)
		}
	}
}

func FuzzProperties(f *testing.F) {
	for _, secret := range hostile {
		f.Add(secret, "Contoso")
	}
	f.Fuzz(func(t *testing.T, secret, name string) {
		in := contoso()
		in.App.ClientSecret, in.Tenant.Name = tributary.NewSecret(secret), name
		files, err := setup.ArcSight(in)
		if secret == "" || !utf8.ValidString(secret) {
			if err == nil {
				t.Fatalf("secret %q is written", secret)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := readProperties([]byte(body(t, files, "WDATP-connector.properties")))
		if err != nil || !maps.Equal(got, wanted(in)) {
			t.Fatalf("secret %q, name %q: %v, read %q", secret, name, err, got)
		}
	})
}
