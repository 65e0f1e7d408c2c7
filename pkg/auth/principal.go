package auth

import "context"

// Scope is a right on a project.
type Scope string

// The scopes an operation can ask for.
const (
	ScopeIngest  Scope = "ingest"  // post events: editors, owners, ingest keys
	ScopeRead    Scope = "read"    // read analytics: members of any role, read keys
	ScopeAccount Scope = "account" // act on one's own account: users, no keys
	ScopeBrowser Scope = "browser" // post by the SDKs of vendors alone: keys in web pages, where they are public
	ScopeSQL     Scope = "sql"     // read events by SQL, whole and with all ids: owners, sql keys
)

// Role of a member in a project.
type Role string

// The roles, from most to least.
const (
	RoleOwner  Role = "owner"  // everything, members and keys included
	RoleEditor Role = "editor" // post and read
	RoleViewer Role = "viewer" // read
)

// Principal is the caller of a request and the project the request acts on.
type Principal struct {
	UserID    int64 // 0 for an API key
	KeyID     int64 // 0 for a user
	ShareID   int64 // of who has the secret of a share of a board and is nobody else; 0 for others
	ProjectID int64
	Role      Role  // of a user in ProjectID
	KeyScope  Scope // of an API key
	// Origins are those from which a key of ScopeBrowser may be used; empty for any.
	Origins []string
	// WeekStart is the day that weeks of the project begin on: monday, sunday or saturday.
	WeekStart string
	// Family is the login that the access token or cookie belongs to, for logout.
	Family string
}

// Has reports whether the caller may do what scope says.
func (p Principal) Has(scope Scope) bool {
	if p.ShareID != 0 {
		return false
	}
	if p.KeyID != 0 {
		return p.KeyScope == scope
	}
	switch scope {
	case ScopeIngest:
		return p.Role == RoleOwner || p.Role == RoleEditor
	case ScopeRead:
		return p.Role == RoleOwner || p.Role == RoleEditor || p.Role == RoleViewer
	case ScopeSQL:
		return p.Role == RoleOwner
	case ScopeAccount:
		return true
	}
	return false
}

type principalKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the caller of the request. An operation that needs one is reached
// only through the middleware, so that From panics when there is none.
func From(ctx context.Context) Principal { return ctx.Value(principalKey{}).(Principal) }

// Caller returns the caller of the request, if it has one.
func Caller(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

type checkKey struct{}

// WithCheck returns a context in which StillMay calls check.
func WithCheck(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, checkKey{}, check)
}

// StillMay looks again whether the caller of the request may do what it was let through
// for: an answer can outlast its credential. The error is that of Authenticate.
func StillMay(ctx context.Context) error {
	return ctx.Value(checkKey{}).(func(context.Context) error)(ctx)
}
