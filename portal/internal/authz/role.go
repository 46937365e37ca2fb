package authz

import (
	"slices"

	"github.com/tollgate/tollgate/services/tenant"
)

// Permission is one thing that a member or a management token may do.
type Permission string

// Permissions. Public, DeveloperOnly, OperatorOnly and Authenticated are for operations that
// belong to no organization; no role holds them and no token can be given them.
const (
	Public            Permission = "public"
	DeveloperOnly     Permission = "developer" // of a developer portal
	OperatorOnly      Permission = "operator"
	Authenticated     Permission = "authenticated"
	OrganizationRead  Permission = "organization:read"
	OrganizationWrite Permission = "organization:write"
	// OrganizationExport reads everything at once, OrganizationDelete ends it.
	OrganizationExport Permission = "organization:export"
	OrganizationDelete Permission = "organization:delete"
	MembersRead        Permission = "members:read"
	MembersWrite       Permission = "members:write"
	TokensRead         Permission = "tokens:read"
	TokensWrite        Permission = "tokens:write"
	AuditRead          Permission = "audit:read"
	BillingRead        Permission = "billing:read"
	BillingWrite       Permission = "billing:write"
	GatewaysRead       Permission = "gateways:read"
	GatewaysWrite      Permission = "gateways:write"
	SecretsWrite       Permission = "secrets:write"
	ConsumersRead      Permission = "consumers:read"
	ConsumersWrite     Permission = "consumers:write"
	KeysRead           Permission = "keys:read"
	KeysWrite          Permission = "keys:write"
	UsageRead          Permission = "usage:read"
	LogsRead           Permission = "logs:read"
	// ConnectionsWrite sends to clients' WebSockets and closes them.
	ConnectionsWrite Permission = "connections:write"
)

// All is the scope of a token that may do whatever its maker may.
const All = "*"

// grants is the whole of authorization: a role may do what its row names.
var grants = map[tenant.Role][]Permission{
	tenant.RoleOwner: {
		OrganizationRead, OrganizationWrite, OrganizationExport, OrganizationDelete, MembersRead, MembersWrite, TokensRead, TokensWrite, AuditRead,
		BillingRead, BillingWrite, GatewaysRead, GatewaysWrite, SecretsWrite, ConsumersRead, ConsumersWrite,
		KeysRead, KeysWrite, UsageRead, LogsRead, ConnectionsWrite,
	},
	tenant.RoleAdmin: {
		OrganizationRead, OrganizationWrite, OrganizationExport, MembersRead, MembersWrite, TokensRead, TokensWrite, AuditRead,
		BillingRead, GatewaysRead, GatewaysWrite, SecretsWrite, ConsumersRead, ConsumersWrite,
		KeysRead, KeysWrite, UsageRead, LogsRead, ConnectionsWrite,
	},
	tenant.RoleDeveloper: {
		OrganizationRead, MembersRead, TokensRead, TokensWrite, AuditRead,
		GatewaysRead, GatewaysWrite, SecretsWrite, ConsumersRead, ConsumersWrite,
		KeysRead, KeysWrite, UsageRead, LogsRead, ConnectionsWrite,
	},
	tenant.RoleBilling: {OrganizationRead, MembersRead, BillingRead, BillingWrite, UsageRead},
	tenant.RoleViewer:  {OrganizationRead, MembersRead, GatewaysRead, ConsumersRead, KeysRead, UsageRead, LogsRead},
}

// Permissions returns every permission that a token can be given, which is what
// an owner holds.
func Permissions() []Permission { return slices.Clone(grants[tenant.RoleOwner]) }

// Known says whether a token can be given the scope.
func Known(scope string) bool {
	return scope == All || slices.Contains(grants[tenant.RoleOwner], Permission(scope))
}

// Allowed says whether somebody with a role may do something. Scopes narrow the
// role; nil scopes (a session) narrow nothing, an empty list allows nothing.
func Allowed(role tenant.Role, scopes []string, p Permission) bool {
	if !slices.Contains(grants[role], p) {
		return false
	}
	return scopes == nil || slices.Contains(scopes, All) || slices.Contains(scopes, string(p))
}

// Within says whether somebody with a role and scopes may hand a scope on to a
// new token: nobody hands on more than they hold.
func Within(role tenant.Role, scopes []string, scope string) bool {
	if scope == All {
		return scopes == nil || slices.Contains(scopes, All)
	}
	return Allowed(role, scopes, Permission(scope))
}
