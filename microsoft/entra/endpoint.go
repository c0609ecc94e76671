package entra

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/oauth2"

	"tributary"
)

// endpoints of one tenant in a cloud. The tenant is a GUID, or a verified
// domain for configuration alone.
func endpoints(cloud tributary.Cloud, tenant string, v1 bool) oauth2.Endpoint {
	base := cloud.Login + "/" + url.PathEscape(tenant) + "/oauth2/"
	if !v1 {
		base += "v2.0/"
	}
	return oauth2.Endpoint{
		AuthURL:       base + "authorize",
		TokenURL:      base + "token",
		DeviceAuthURL: base + "devicecode",
		// Entra takes the credential either way, and its own libraries send it
		// as parameters.
		AuthStyle: oauth2.AuthStyleInParams,
	}
}

func configurationURL(cloud tributary.Cloud, tenant string) string {
	return cloud.Login + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration"
}

// defaultScope is v2's word for v1's resource=: all that was consented to for
// one API. A resource that ends in a slash gets a second one, as Entra wants.
func defaultScope(resource string) string { return resource + "/.default" }

// checkLogin refuses an identity service that secrets must not be sent to.
func checkLogin(cloud tributary.Cloud) error {
	u, err := url.Parse(cloud.Login)
	switch {
	case cloud.Login == "":
		return errors.New("the cloud has no login address")
	case err != nil || u.Host == "":
		return fmt.Errorf("the cloud's login address %q is not a URL", redactUserInfo(cloud.Login))
	case u.Scheme != "https":
		return fmt.Errorf("the cloud's login address %q doesn't begin with https://, and secrets are sent to it", redactUserInfo(cloud.Login))
	}
	return nil
}

var userInfo = regexp.MustCompile(`//[^/@\s]*@`)

// redactUserInfo takes a password out of a URL or of a text that quotes one: a
// proxy's address may hold one.
func redactUserInfo(text string) string { return userInfo.ReplaceAllString(text, "//[redacted]@") }

// name is what errors call a tenant.
func name(t tributary.Tenant) string {
	if t.Slug != "" {
		return t.Slug
	}
	return t.ID
}

// fill puts the tenant's name into a sentence of the catalogue.
func fill(sentence, tenant string) string {
	if tenant == "" {
		tenant = "<tenant>"
	}
	return strings.ReplaceAll(sentence, "{tenant}", tenant)
}
