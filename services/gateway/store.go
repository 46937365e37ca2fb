package gateway

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// Kind is one of the kinds of named parts of a configuration.
type Kind uint8

// The kinds.
const (
	KindUpstream Kind = iota
	KindRoute
	KindUsagePlan
	KindStream
	kinds = iota
)

// Entry is a named part as the store keeps it: its document without id and num.
type Entry struct {
	ID        string
	Num       uint64 // 0: not stored yet
	Name      string
	Document  json.RawMessage
	Revision  uint64
	ManagedBy string // owner, which only SetOwner changes; empty: nobody
	CreatedAt time.Time
	UpdatedAt time.Time
}

// SecretValue is a secret with its two sealed forms.
type SecretValue struct {
	Secret
	Sealed     []byte // opens with the control plane's key for secrets at rest
	EdgeSealed []byte // as it stands in documents
}

// HistoryEntry is a version as the store keeps it.
type HistoryEntry struct {
	Version
	Delta    []byte // compressed changes
	Document []byte // compressed whole configuration, nil for most versions
}

// Store keeps gateways and their configuration. Lists are in the order of names
// and begin after the given one; limit 0 means all. A gateway that does not
// exist, is deleted, or is another organization's is CodeNotFound.
type Store interface {
	Tx(ctx context.Context, fn func(Tx) error) error
	// TxInLine is Tx for changes of one gateway (by id or name), which would only
	// wait for one another.
	TxInLine(ctx context.Context, org core.OrganizationID, ref string, fn func(Tx) error) error
	Gateways(ctx context.Context, org core.OrganizationID, limit int, after string) ([]Gateway, error)
	// Gateway finds by id or name.
	Gateway(ctx context.Context, org core.OrganizationID, ref string) (*Gateway, error)
	// Source reads all of a gateway at one moment.
	Source(ctx context.Context, org core.OrganizationID, gateway string) (*Source, error)
	Entries(ctx context.Context, org core.OrganizationID, gateway string, q EntryQuery) ([]Entry, error)
	// ListEntries finds a page of entries.
	ListEntries(ctx context.Context, org core.OrganizationID, gateway string, q EntryList) (core.Found[Entry], error)
	Secrets(ctx context.Context, org core.OrganizationID, gateway string) ([]Secret, error)
	// TakenPorts lists the ports of streams that a gateway can't have: another one
	// has them, or had them until lately.
	TakenPorts(ctx context.Context, org core.OrganizationID, gateway string) ([]StreamPort, error)
	// Certificates lists certificates by name, without their keys and facts.
	Certificates(ctx context.Context, org core.OrganizationID, gateway string) ([]Certificate, error)
	// Domains lists custom domains by host.
	Domains(ctx context.Context, org core.OrganizationID, gateway string) ([]Domain, error)
	// HostHolder finds whose domain a host is, of all organizations; nil: nobody's.
	HostHolder(ctx context.Context, host string) (*Domain, error)
	// DueDomains finds domains, of all organizations, whose record is to be looked for.
	DueDomains(ctx context.Context, now time.Time, limit int) ([]Domain, error)
	// ClaimCertificates takes certificates, of all organizations, that are due.
	ClaimCertificates(ctx context.Context, q ClaimCertificates) ([]CertificateJob, error)
	// ExtendCertificates prolongs all that a holder has taken.
	ExtendCertificates(ctx context.Context, holder string, until time.Time) error
	// Releasing reads releases, of all organizations, that are not at their end, by
	// their routes' ids, behind one.
	Releasing(ctx context.Context, after string, limit int) ([]Release, error)
	// FailedReleases reads those of a gateway, by its id, that are Failed.
	FailedReleases(ctx context.Context, org core.OrganizationID, gateway string) ([]Release, error)
	// History reads versions from newest to oldest, without delta and document.
	History(ctx context.Context, org core.OrganizationID, gateway string, limit int, before uint64) ([]HistoryEntry, error)
	// Lineup reads what is needed to rebuild a version: the newest entry with a
	// document that is not after it, and all that follow up to it, oldest first.
	Lineup(ctx context.Context, org core.OrganizationID, gateway string, version uint64) ([]HistoryEntry, error)
}

// EntryQuery chooses entries of one kind: one by name, or all by their names.
type EntryQuery struct {
	Kind  Kind
	Name  string
	Limit int
}

// EntryList chooses a page of entries of one kind. Upstream, Method and Policy
// narrow routes; empty ones narrow nothing.
type EntryList struct {
	Kind                     Kind
	Window                   core.Window
	Upstream, Method, Policy string
}

// Source is everything that a gateway's document is made of.
type Source struct {
	Gateway  Gateway
	Policies json.RawMessage
	OpenAPI  json.RawMessage // nil: none
	Entries  [kinds][]Entry  // by Kind, in the order of names
	Secrets  []SecretValue
	// Certificates are in the order of names, Domains in that of hosts.
	Certificates []CertificateValue
	Domains      []Domain

	byID [kinds]map[string]int // indexes of Entries, made when first asked
}

// Tx is one transaction on gateways; its methods work on the transaction's
// context. Every method that names a gateway is bound to the organization.
type Tx interface {
	// LockGateway finds by id or name and keeps everybody else from changing the
	// gateway until the transaction ends.
	LockGateway(org core.OrganizationID, ref string) (*Gateway, error)
	// LockOrganization guards what is counted against a plan's limit.
	LockOrganization(org core.OrganizationID) error
	CountGateways(org core.OrganizationID) (int, error)
	// TakeLabel reserves a host label; false when somebody has it.
	TakeLabel(org core.OrganizationID, label, gateway string) (bool, error)
	// FreeLabel starts the time after which a label may be taken again.
	FreeLabel(org core.OrganizationID, label string, until time.Time) error
	// CreateGateway sets the gateway's Num, OrganizationNum and times.
	CreateGateway(org core.OrganizationID, g *Gateway) error
	SaveGateway(org core.OrganizationID, g *Gateway, policies json.RawMessage) error

	// SaveOpenAPI replaces the gateway's OpenAPI document; nil removes it.
	SaveOpenAPI(org core.OrganizationID, gateway string, doc json.RawMessage) error

	Source(org core.OrganizationID, gateway string) (*Source, error)
	// PutEntries creates (Num 0) or replaces by id; it sets num, revision and times.
	PutEntries(org core.OrganizationID, gateway string, kind Kind, entries []*Entry) error
	// ParkEntries gives entries names that no other can want.
	ParkEntries(org core.OrganizationID, gateway string, kind Kind, ids []string) error
	DeleteEntries(org core.OrganizationID, gateway string, kind Kind, ids []string) error
	// SetOwner says whose entries are; empty: nobody's.
	SetOwner(org core.OrganizationID, gateway string, kind Kind, ids []string, owner string) error
	// SetGatewayOwner says whose a gateway's settings and policies are.
	SetGatewayOwner(org core.OrganizationID, gateway, owner string) error
	// PlanUsers counts consumers and active keys that have one of the usage plans.
	PlanUsers(org core.OrganizationID, gateway string, plans []string) (int, error)
	// TakenPorts is Store.TakenPorts.
	TakenPorts(org core.OrganizationID, gateway string) ([]StreamPort, error)
	// KeepPorts gives a gateway these ports of streams and no other; what it gives up
	// nobody else gets before until. It returns those that somebody else was faster to
	// take.
	KeepPorts(org core.OrganizationID, gateway string, ports []StreamPort, until time.Time) (lost []StreamPort, err error)
	PutSecret(org core.OrganizationID, gateway string, s *SecretValue) error
	DeleteSecret(org core.OrganizationID, gateway, id string) error
	PutCertificate(org core.OrganizationID, gateway string, c *CertificateValue) error
	DeleteCertificate(org core.OrganizationID, gateway, id string) error
	Domains(org core.OrganizationID, gateway string) ([]Domain, error)
	// PutDomain creates (Revision 0) or replaces by id.
	PutDomain(org core.OrganizationID, gateway string, d *Domain) error
	DeleteDomain(org core.OrganizationID, gateway, id string) error
	// TakeHost makes a domain the only one of its host; false when it is another's.
	TakeHost(org core.OrganizationID, host, domain string) (bool, error)
	// FreeHost starts the time after which another organization may take the host.
	FreeHost(org core.OrganizationID, domain string, until time.Time) error
	AddVersion(org core.OrganizationID, gateway string, v *HistoryEntry) error
	// SinceDocument counts the versions after the newest one with a document.
	SinceDocument(org core.OrganizationID, gateway string) (int, error)

	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
	// Emit tells the gateway's webhooks of what is no change of anybody's.
	Emit(org core.OrganizationID, gateway string, events ...event.Event) error
}

// Limits tells what an organization's subscription plan allows.
type Limits interface {
	Limits(ctx context.Context, org core.OrganizationID) (core.Limits, error)
}

// Checker checks a whole document with the code that the edge runs. Pointers
// are from the document's root.
type Checker interface {
	Check(doc *contract.Gateway) contract.FieldErrors
}
