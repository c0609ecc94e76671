package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tributary"
	"tributary/config"
)

// TestGood compares what files of all kinds give with golden files.
func TestGood(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/good/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a := readArchive(t, path)
			c, err := a.parse(t)
			if err != nil {
				t.Fatal(err)
			}
			for _, tenant := range c.Tenants {
				if err := c.CheckTenant(tenant); err != nil {
					t.Error(err)
				}
			}
			a.golden(t, describe(c))
		})
	}
}

// describe writes a configuration so that a golden file can hold it. Secrets
// show their length.
func describe(c *config.Config) string {
	var b strings.Builder
	for _, name := range sorted(c.Clouds) {
		cloud := c.Clouds[name]
		fmt.Fprintf(&b, "cloud %q: %s login=%s graph=%s endpoint=%s xdr=%s siem=%s portal=%s graph resource=%s ca=%t proxy=%v user=%d\n",
			name, cloud.Name, cloud.Login, cloud.Graph, cloud.Endpoint, cloud.XDR, cloud.SIEM, cloud.Portal,
			cloud.Resource(tributary.SourceGraph), len(cloud.Transport.CA) > 0, cloud.Transport.Proxy, len(cloud.Transport.ProxyUser.Reveal()))
	}
	for _, name := range sorted(c.Apps) {
		app := c.Apps[name]
		fmt.Fprintf(&b, "app %q: %s secret=%d certificate=%t redirect=%s\n", app.Name, app.ClientID, len(app.ClientSecret.Reveal()), !app.Certificate.IsZero(), app.RedirectURI)
	}
	for _, t := range c.Tenants {
		fmt.Fprintf(&b, "tenant %+v\n", t)
	}
	fmt.Fprintf(&b, "collect %+v\nstore %+v\nlisten %s\n", c.Collect, c.Store, c.Listen)
	if c.Public.On() {
		fmt.Fprintf(&b, "public %+v\n", c.Public)
	}
	for _, d := range c.Destinations {
		switch d := d.(type) {
		case config.Splunk:
			fmt.Fprintf(&b, "splunk %+v url=%s token=%d index=%s source=%s sourcetype=%s host=%s ca=%t proxy=%v\n", d.Common, d.URL, len(d.Token.Reveal()),
				d.Index, d.Source, d.SourceType, d.Host, len(d.Transport.CA) > 0, d.Transport.Proxy)
		default:
			fmt.Fprintf(&b, "%T %+v\n", d, d)
		}
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	return strings.ReplaceAll(b.String(), `\`, "/")
}

func sorted[V any](m map[string]V) []string {
	return config.SortedKeys(m)
}
