package tributary

import (
	"context"
	"time"
)

// AccessToken opens one API of one tenant.
type AccessToken struct {
	Value   Secret
	Expires time.Time // by our clock
}

// Tokens gives access tokens, however the tenant lets us in. It is safe for
// concurrent use and keeps tokens until shortly before they expire.
type Tokens interface {
	// Token returns a token for an API, named by its resource (an App ID URI
	// such as https://graph.microsoft.com, see [Cloud.Resource]). The error is
	// a *[Error] that says who can mend it.
	Token(ctx context.Context, tenant Tenant, resource string) (AccessToken, error)
	// Reject reports that the API refused this token with 401, so that the
	// next call gets another.
	Reject(tenant Tenant, resource string, token AccessToken)
}

// Grants keeps what customers gave us, sealed.
type Grants interface {
	// Grant returns a tenant's grant and its revision, or [ErrNotFound].
	Grant(ctx context.Context, tenant string) (Grant, uint64, error)
	// PutGrant stores the grant durably before it returns. Revision is what
	// Grant returned, 0 for a first one. [ErrConflict] means that another
	// instance changed it meanwhile: read it again.
	PutGrant(ctx context.Context, tenant string, g Grant, revision uint64) (uint64, error)
}
