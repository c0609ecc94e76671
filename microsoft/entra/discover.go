package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tributary"
)

// Discovery is what a cloud tells anybody about a tenant.
type Discovery struct {
	TenantID  string // GUID, lower case
	Region    string // tenant_region_scope: NA, EU, AS, …
	SubRegion string // tenant_region_sub_scope: GCC, DOD, DODCON; mostly empty
	Cloud     string // our name of the cloud that the tenant seems to live in: global, gcc, gcc-high or dod; empty if it can't be told
}

var domainForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// Discover finds a tenant by its id or by one of its verified domains, such as
// contoso.com or contoso.onmicrosoft.com. It needs no credentials. The error of
// a tenant that the cloud doesn't know has the code tenant-unknown.
func Discover(ctx context.Context, cloud tributary.Cloud, client *http.Client, domainOrID string) (Discovery, error) {
	op, tenant := "look for the tenant", tributary.Tenant{ID: domainOrID}
	unknown := func(err error) error {
		return &tributary.Error{
			Code: tributary.CodeTenantUnknown, Op: op, Tenant: domainOrID, Err: err, Fix: tributary.FixMSSP,
			Next: conditions[tributary.CodeTenantUnknown].Next,
		}
	}
	if !domainForm.MatchString(domainOrID) {
		return Discovery{}, unknown(errors.New("this is neither a domain nor a tenant id"))
	}
	if err := checkLogin(cloud); err != nil {
		return Discovery{}, &tributary.Error{
			Code: CodeSettings, Op: op, Tenant: domainOrID, Err: err, Fix: tributary.FixMSSP, Next: "check the clouds in the configuration",
		}
	}
	ctx, cancel := context.WithTimeout(ctx, flightTime)
	defer cancel()
	w := newWire(ctx, client, time.Now)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, configurationURL(cloud, domainOrID), nil)
	if err != nil {
		return Discovery{}, unknown(err)
	}
	if _, err := w.RoundTrip(req); err != nil {
		return Discovery{}, w.failure(op, tenant, err)
	}
	// Entra answers 400 with its error body; a 404 would be another server's.
	if w.resp.StatusCode == http.StatusBadRequest {
		if a := parseAnswer(w.resp.StatusCode, w.body, nil); a.Code != "" {
			e := judge(a, domainOrID)
			return Discovery{}, unknown(e.Err)
		}
	}
	if w.resp.StatusCode != http.StatusOK {
		return Discovery{}, w.failure(op, tenant, nil)
	}
	d, err := parseConfiguration(w.body)
	if err != nil {
		return Discovery{}, &tributary.Error{
			Code: CodeSettings, Op: op, Tenant: domainOrID, Fix: tributary.FixMSSP,
			Err:  fmt.Errorf("%s doesn't answer as an identity service: %w", w.host, err),
			Next: "check the cloud's login address and the proxy",
		}
	}
	return d, nil
}

var guidInPath = regexp.MustCompile(`/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:/|$)`)

// parseConfiguration reads an openid-configuration. The tenant's id stands in
// the paths of its addresses.
func parseConfiguration(body []byte) (Discovery, error) {
	var c struct {
		Issuer        string `json:"issuer"`
		TokenEndpoint string `json:"token_endpoint"`
		Region        string `json:"tenant_region_scope"`
		SubRegion     string `json:"tenant_region_sub_scope"`
		Instance      string `json:"cloud_instance_name"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return Discovery{}, errors.New("the answer is not an OpenID configuration")
	}
	for _, address := range []string{c.Issuer, c.TokenEndpoint} {
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		if m := guidInPath.FindStringSubmatch(u.Path); m != nil {
			return Discovery{
				TenantID: strings.ToLower(m[1]), Region: c.Region, SubRegion: c.SubRegion,
				Cloud: guessCloud(c.Instance, c.SubRegion),
			}, nil
		}
	}
	return Discovery{}, errors.New("the OpenID configuration names no tenant")
}

// guessCloud follows the values that are seen; Microsoft documents few of them.
func guessCloud(instance, subRegion string) string {
	switch strings.ToUpper(subRegion) {
	case "GCC":
		return "gcc"
	case "DODCON":
		return "gcc-high"
	case "DOD":
		return "dod"
	}
	switch strings.ToLower(instance) {
	case "microsoftonline.com":
		return "global"
	case "microsoftonline.us":
		return "gcc-high"
	}
	return ""
}
