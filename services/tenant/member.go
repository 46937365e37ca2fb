package tenant

import (
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Role is what a member is in an organization.
type Role string

// Roles, the mightiest first.
const (
	RoleOwner     Role = "owner"
	RoleAdmin     Role = "admin"
	RoleDeveloper Role = "developer"
	RoleBilling   Role = "billing"
	RoleViewer    Role = "viewer"
)

// Roles returns every role, the mightiest first.
func Roles() []Role { return []Role{RoleOwner, RoleAdmin, RoleDeveloper, RoleBilling, RoleViewer} }

func checkRole(pointer string, r Role, errs *contract.FieldErrors) {
	if !slices.Contains(Roles(), r) {
		errs.Add(pointer, "must be owner, admin, developer, billing or viewer")
	}
}

// Member is a user's place in an organization.
type Member struct {
	ID           string
	Organization core.OrganizationID
	UserID       string
	Email        string // of the user, as are Name and SecondFactor
	Name         string
	SecondFactor bool
	Role         Role
	Revision     uint64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Membership is an organization as one of its members sees it.
type Membership struct {
	Organization Organization
	MemberID     string
	Role         Role
}

// Invitation lets the holder of an address join an organization once.
type Invitation struct {
	ID           string
	Organization core.OrganizationID
	Email        string
	Role         Role
	InvitedBy    string // user id
	ExpiresAt    time.Time
	CreatedAt    time.Time
}

// InvitationInput invites an address.
type InvitationInput struct {
	Email string
	Role  Role
}

// Validate names every bad field.
func (in *InvitationInput) Validate() error {
	var errs contract.FieldErrors
	checkEmail("/email", in.Email, &errs)
	checkRole("/role", in.Role, &errs)
	return core.Invalid(errs.Err())
}
