package directory

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"tributary"
)

// Organization is the directory that the token is for.
type Organization struct {
	TenantID string // GUID, lower case
	Name     string
	Domains  []Domain
	Country  string // two letters; may be empty
	Type     string // AAD, AAD B2C or CIAM; may be empty
}

// Domain is a verified domain of a directory.
type Domain struct {
	Name    string
	Default bool
	Initial bool // the one that ends in onmicrosoft.com, or its like
}

// DefaultDomain is the domain that new people's names get.
func (o Organization) DefaultDomain() string {
	for _, d := range o.Domains {
		if d.Default {
			return d.Name
		}
	}
	return ""
}

// Organization reads what the directory is called. The permission User.Read is
// enough.
func (c *Client) Organization(ctx context.Context) (Organization, error) {
	const op = "look at the directory"
	var answer struct {
		Value []struct {
			ID      string `json:"id"`
			Name    string `json:"displayName"`
			Country string `json:"countryLetterCode"`
			Type    string `json:"tenantType"`
			Domains []struct {
				Name    string `json:"name"`
				Default bool   `json:"isDefault"`
				Initial bool   `json:"isInitial"`
			} `json:"verifiedDomains"`
		} `json:"value"`
	}
	err := c.do(ctx, call{op: op, need: readOrganization, method: http.MethodGet, path: "/organization", into: &answer})
	if err != nil {
		return Organization{}, err
	}
	if len(answer.Value) != 1 || answer.Value[0].ID == "" {
		return Organization{}, c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errors.New("the answer names no directory"), "start it again")
	}
	found := answer.Value[0]
	o := Organization{TenantID: strings.ToLower(found.ID), Name: found.Name, Country: found.Country, Type: found.Type}
	for _, d := range found.Domains {
		o.Domains = append(o.Domains, Domain(d))
	}
	return o, nil
}

// TenantInformation is what Microsoft tells anybody of a directory.
type TenantInformation struct {
	TenantID      string // GUID, lower case
	Name          string
	DefaultDomain string
	Brand         string // federation brand; may be empty
}

// TenantByDomain looks up the directory of a domain, in the cloud of the
// client. An unknown one is an error of code [tributary.CodeTenantUnknown]. The
// permission is CrossTenantInformation.ReadBasic.All; without it
// [tributary/microsoft/entra.Discover] finds the id alone.
func (c *Client) TenantByDomain(ctx context.Context, domain string) (TenantInformation, error) {
	return c.tenantInformation(ctx, "find the tenant of "+clean(domain, 100), "findTenantInformationByDomainName(domainName=", domain)
}

// TenantByID looks up a directory by its id. See [Client.TenantByDomain].
func (c *Client) TenantByID(ctx context.Context, id string) (TenantInformation, error) {
	const op = "find the tenant by its id"
	if err := tributary.CheckTenantID(id); err != nil {
		return TenantInformation{}, c.failure(op, CodeSettings, tributary.FixMSSP, err, "correct the tenant id")
	}
	return c.tenantInformation(ctx, op, "findTenantInformationByTenantId(tenantId=", strings.ToLower(id))
}

func (c *Client) tenantInformation(ctx context.Context, op, function, value string) (TenantInformation, error) {
	if value == "" || strings.ContainsAny(value, "'/\\?#%()& ") {
		return TenantInformation{}, c.failure(op, CodeSettings, tributary.FixMSSP, errors.New("it is not a domain name"), "give a domain such as contoso.com")
	}
	var answer struct {
		ID     string `json:"tenantId"`
		Name   string `json:"displayName"`
		Domain string `json:"defaultDomainName"`
		Brand  string `json:"federationBrandName"`
	}
	err := c.do(ctx, call{
		op: op, need: readTenants, method: http.MethodGet, path: "/tenantRelationships/" + function + quoted(value) + ")", query: url.Values{}, into: &answer,
	})
	if missing(err) {
		return TenantInformation{}, c.failure(op, tributary.CodeTenantUnknown, tributary.FixMSSP, err, "check the spelling, and whether the customer is in another of Microsoft's clouds")
	}
	if err != nil {
		return TenantInformation{}, err
	}
	if answer.ID == "" {
		return TenantInformation{}, c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errors.New("the answer names no tenant"), "start it again")
	}
	return TenantInformation{TenantID: strings.ToLower(answer.ID), Name: answer.Name, DefaultDomain: answer.Domain, Brand: answer.Brand}, nil
}
