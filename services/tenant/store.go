package tenant

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Store is what the domain needs of the database. Each method of a transaction
// answers core.CodeNotFound for a row that is not there, or that belongs to
// another organization.
type Store interface {
	// View runs fn on rows that it may only read.
	View(ctx context.Context, fn func(Rows) error) error
	// Tx runs fn in one transaction; fn may run again after a conflict, so it has
	// no other effect. What it records becomes audit lines and outbox rows of
	// the same transaction.
	Tx(ctx context.Context, fn func(Tx) error) error
}

// Tx is a transaction that may write.
type Tx interface {
	Rows
	// Record appends the audit line of a change and its outbox rows.
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Rows are all rows of the domain, by kind.
type Rows interface {
	OrganizationRows
	UserRows
	MemberRows
	InvitationRows
	TokenRows
	SessionRows
	LinkRows
	MailRows
	ThrottleRows
	IdentityRows
	FactorRows
	SpentRows
	DeviceRows
}

// OrganizationRows holds organizations.
type OrganizationRows interface {
	// InsertOrganization stores o and sets its Num.
	InsertOrganization(ctx context.Context, o *Organization) error
	FindOrganization(ctx context.Context, org core.OrganizationID) (Organization, error)
	// UpdateOrganization stores o when its row still has o.Revision, and raises
	// the revision in both; else core.CodePreconditionFailed.
	UpdateOrganization(ctx context.Context, o *Organization) error
	// ListOrganizations returns organizations of all tenants after an id, in the
	// order of ids: for publishing.
	ListOrganizations(ctx context.Context, after string, limit int) ([]Organization, error)
	// EndedPeriods returns organizations whose billing period ended by now.
	EndedPeriods(ctx context.Context, now time.Time, limit int) ([]Organization, error)
	// DeletedOrganizations returns those that were deleted but not cleared yet.
	DeletedOrganizations(ctx context.Context, limit int) ([]Organization, error)
	// ListSuspensions returns why an organization is suspended, by cause.
	ListSuspensions(ctx context.Context, org core.OrganizationID) ([]Suspension, error)
	// PutSuspension stores one cause's suspension in place of its older one.
	PutSuspension(ctx context.Context, org core.OrganizationID, s *Suspension) error
	// DeleteSuspension lifts one cause's; one that is not there is no error.
	DeleteSuspension(ctx context.Context, org core.OrganizationID, by SuspendedBy) error
	// ClearedOrganization notes that nothing is left to clear.
	ClearedOrganization(ctx context.Context, org core.OrganizationID, now time.Time) error
}

// UserRows holds users.
type UserRows interface {
	// InsertUser answers core.CodeEmailTaken for an address that is there.
	InsertUser(ctx context.Context, u *User) error
	FindUser(ctx context.Context, id string) (User, error)
	// AnyUser says whether anybody has signed up yet.
	AnyUser(ctx context.Context) (bool, error)
	FindUserByEmail(ctx context.Context, emailKey string) (User, error)
	// UpdateUser stores u and raises its revision; core.CodeEmailTaken for an
	// address that another user has.
	UpdateUser(ctx context.Context, u *User) error
	// DeleteUser deletes a user with all that hangs on it.
	DeleteUser(ctx context.Context, id string) error
}

// MemberRows holds members.
type MemberRows interface {
	// InsertMember answers core.CodeConflict for a user who is a member already.
	InsertMember(ctx context.Context, m *Member) error
	FindMember(ctx context.Context, org core.OrganizationID, id string) (Member, error)
	FindMemberByUser(ctx context.Context, org core.OrganizationID, userID string) (Member, error)
	ListMembers(ctx context.Context, org core.OrganizationID, after string, limit int) ([]Member, error)
	// ListMemberships returns a user's organizations after an organization id.
	ListMemberships(ctx context.Context, userID, after string, limit int) ([]Membership, error)
	// LockOwners counts the owners of an organization and keeps others from
	// changing its members until the transaction ends.
	LockOwners(ctx context.Context, org core.OrganizationID) (int, error)
	// UpdateMember stores m when its row still has m.Revision.
	UpdateMember(ctx context.Context, m *Member) error
	DeleteMember(ctx context.Context, org core.OrganizationID, id string) error
	// DeleteEveryone deletes members, invitations and tokens of an organization.
	DeleteEveryone(ctx context.Context, org core.OrganizationID) error
}

// InvitationRows holds open invitations.
type InvitationRows interface {
	// PutInvitation stores inv in place of an older one to the same address.
	PutInvitation(ctx context.Context, inv *Invitation, tokenHash []byte) error
	// TakeInvitation deletes and returns the one with the hash that has not expired.
	TakeInvitation(ctx context.Context, tokenHash []byte, now time.Time) (Invitation, error)
	// LookUpInvitation returns the one with the hash that has not expired.
	LookUpInvitation(ctx context.Context, tokenHash []byte, now time.Time) (Invitation, error)
	ListInvitations(ctx context.Context, org core.OrganizationID, after string, limit int) ([]Invitation, error)
	FindInvitation(ctx context.Context, org core.OrganizationID, id string) (Invitation, error)
	DeleteInvitation(ctx context.Context, org core.OrganizationID, id string) error
}

// TokenRows holds management tokens.
type TokenRows interface {
	InsertToken(ctx context.Context, t *Token) error
	FindToken(ctx context.Context, org core.OrganizationID, id string) (Token, error)
	// FindTokenByKID is the one look-up without an organization: the token says which.
	FindTokenByKID(ctx context.Context, kid uint64) (Token, error)
	ListTokens(ctx context.Context, org core.OrganizationID, after string, limit int) ([]Token, error)
	TouchToken(ctx context.Context, org core.OrganizationID, id string, now time.Time) error
	DeleteToken(ctx context.Context, org core.OrganizationID, id string) error
	// DeleteTokensOf deletes the tokens that a user made in an organization.
	DeleteTokensOf(ctx context.Context, org core.OrganizationID, userID string) error
	// DeleteUserTokens deletes the tokens that a user made anywhere.
	DeleteUserTokens(ctx context.Context, userID string) error
}

// SessionRows holds sign-ins.
type SessionRows interface {
	// PutSession stores s or replaces what has its token hash.
	PutSession(ctx context.Context, s *Session) error
	FindSession(ctx context.Context, tokenHash string, now time.Time) (Session, error)
	// TouchSession notes that a session was seen; one that is gone stays gone.
	TouchSession(ctx context.Context, tokenHash, client string, now time.Time) error
	ListSessions(ctx context.Context, userID, after string, limit int, now time.Time) ([]Session, error)
	DeleteSession(ctx context.Context, tokenHash string) error
	DeleteSessionByID(ctx context.Context, userID, id string) error
	// DeleteSessions deletes all sessions of a user but the one with id keep.
	DeleteSessions(ctx context.Context, userID, keep string) error
	PurgeSessions(ctx context.Context, now time.Time) error
}

// LinkRows holds hashes of one-time links.
type LinkRows interface {
	// PutLink stores a link in place of the user's older ones of its kind.
	PutLink(ctx context.Context, l *Link) error
	// TakeLink deletes the link and returns it, if it has not expired.
	TakeLink(ctx context.Context, kind string, hash []byte, now time.Time) (Link, error)
	// DeleteLinks deletes a user's links of these kinds.
	DeleteLinks(ctx context.Context, userID string, kinds ...string) error
	PurgeLinks(ctx context.Context, now time.Time) error
}

// MailRows holds mails that wait.
type MailRows interface {
	InsertMail(ctx context.Context, m *QueuedMail) error
	// ClaimMails returns mails that are due and moves their next try to until, so
	// that no other process sends them meanwhile.
	ClaimMails(ctx context.Context, now, until time.Time, limit int) ([]QueuedMail, error)
	// RetryMail keeps a mail for another try.
	RetryMail(ctx context.Context, id string, next time.Time, reason string) error
	DeleteMail(ctx context.Context, id string) error
}

// ThrottleRows counts failures.
type ThrottleRows interface {
	FindThrottle(ctx context.Context, key string, now time.Time) (Throttle, error)
	PutThrottle(ctx context.Context, t *Throttle) error
	DeleteThrottle(ctx context.Context, key string) error
	PurgeThrottles(ctx context.Context, now time.Time) error
}

// IdentityRows holds accounts of sign-in providers.
type IdentityRows interface {
	// InsertIdentity answers core.CodeConflict for one that is linked already.
	InsertIdentity(ctx context.Context, i *LinkedIdentity) error
	FindIdentity(ctx context.Context, issuer, subject string) (LinkedIdentity, error)
	// ListIdentities returns a user's identities, the oldest first.
	ListIdentities(ctx context.Context, userID string) ([]LinkedIdentity, error)
	TouchIdentity(ctx context.Context, id string, now time.Time) error
	DeleteIdentity(ctx context.Context, userID, id string) error
	// DeleteIdentities deletes all identities of a user.
	DeleteIdentities(ctx context.Context, userID string) error
}

// FactorRows holds second factors.
type FactorRows interface {
	// PutTOTP stores a user's secret in place of an older one.
	PutTOTP(ctx context.Context, t *TOTP) error
	FindTOTP(ctx context.Context, userID string) (TOTP, error)
	// DeleteTOTP deletes a user's secret and recovery codes.
	DeleteTOTP(ctx context.Context, userID string) error
	// PutRecoveryCodes stores hashes in place of the user's older ones.
	PutRecoveryCodes(ctx context.Context, userID string, hashes [][]byte) error
	CountRecoveryCodes(ctx context.Context, userID string) (int, error)
	// TakeRecoveryCode deletes the code with a hash, or answers core.CodeNotFound.
	TakeRecoveryCode(ctx context.Context, userID string, hash []byte) error
}

// SpentRows remembers what was used and must not be used again.
type SpentRows interface {
	// Spend answers core.CodeConflict for a key that was spent before.
	Spend(ctx context.Context, key string, expires time.Time) error
	PurgeSpent(ctx context.Context, now time.Time) error
}

// DeviceRows holds sign-ins of command lines that wait.
type DeviceRows interface {
	InsertDevice(ctx context.Context, d *DeviceLogin) error
	// FindDevice returns the one with a device code's hash, also when it has expired.
	FindDevice(ctx context.Context, deviceHash []byte) (DeviceLogin, error)
	// FindDeviceByCode returns the one with a user code's hash that has not expired.
	FindDeviceByCode(ctx context.Context, userHash []byte, now time.Time) (DeviceLogin, error)
	// UpdateDevice stores the decision and the pace.
	UpdateDevice(ctx context.Context, d *DeviceLogin) error
	// DeleteDevice answers core.CodeNotFound for one that is gone.
	DeleteDevice(ctx context.Context, deviceHash []byte) error
	// DeleteUserDevices deletes those that a user has decided on.
	DeleteUserDevices(ctx context.Context, userID string) error
	CountDevices(ctx context.Context, now time.Time) (int, error)
	PurgeDevices(ctx context.Context, now time.Time) error
}
