package developer

import (
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Prefixes of identities.
const (
	prefixDeveloper   = "dev"
	prefixApplication = "app"
	prefixSession     = "dse"
)

// Gateway is what the domain must know of a gateway.
type Gateway struct {
	Organization core.OrganizationID
	ID           string
	GatewayName  string
	Label        string // host label: the portal's address
}

// Portal is a gateway's developer portal. Without a row it is unpublished.
type Portal struct {
	Gateway
	Settings
	HasLogo     bool
	HasDocument bool // uploaded; else it is generated from the routes
	Revision    uint64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Settings are what an owner says of a portal.
type Settings struct {
	Published  bool    `json:"published"`
	Name       string  `json:"name"`
	Tagline    string  `json:"tagline,omitempty"`
	Text       string  `json:"text,omitempty"`        // plain text
	Accent     string  `json:"accent,omitempty"`      // on light pages
	AccentDark string  `json:"accent_dark,omitempty"` // on dark pages
	Support    string  `json:"support,omitempty"`     // a mail address or an https URL
	Plans      []Offer `json:"plans,omitempty"`
	MaxKeys    int     `json:"max_keys,omitempty"` // active ones of a developer
}

// Offer is a usage plan that developers can choose.
type Offer struct {
	UsagePlan   string `json:"usage_plan"` // name
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Approval    bool   `json:"approval,omitempty"` // the owner decides
}

// Offer finds a plan that is on offer.
func (s *Settings) Offer(plan string) (Offer, bool) {
	for _, o := range s.Plans {
		if o.UsagePlan == plan {
			return o, true
		}
	}
	return Offer{}, false
}

// Developer is an account of one portal.
type Developer struct {
	ID           string
	Organization core.OrganizationID
	Gateway      string // id
	Email        string // as it was given
	Name         string
	PasswordHash string // argon2id
	VerifiedAt   time.Time
	ConsumerID   string // empty: none (yet)
	Consumer     string // its name
	UsagePlan    string // the consumer's
	Revision     uint64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Verified says whether the developer has proved the address.
func (d *Developer) Verified() bool { return !d.VerifiedAt.IsZero() }

// States of a developer, for people.
const (
	StateNew     = "new"     // no usage plan
	StatePending = "pending" // asked for one and has none
	StateActive  = "active"
)

// States of an application.
const (
	Pending  = "pending"
	Approved = "approved"
	Refused  = "refused"
)

// Application asks the owner for a usage plan.
type Application struct {
	ID           string
	Organization core.OrganizationID
	Gateway      string // id
	Developer    string // id
	Email        string // of the developer, read only
	Name         string // of the developer, read only
	UsagePlan    string // name
	Message      string
	State        string
	Reason       string // of a refusal, for the developer
	DecidedBy    string
	DecidedAt    time.Time
	CreatedAt    time.Time
}

// Session is a developer's sign-in. It is of one portal.
type Session struct {
	Hash         []byte
	ID           string
	Organization core.OrganizationID
	Gateway      string // id
	Developer    string // id
	Client       string
	UserAgent    string
	ExpiresAt    time.Time
	SeenAt       time.Time
	CreatedAt    time.Time
}

// Link is a one-time link in a mail; only the hash of its secret is kept.
type Link struct {
	Hash         []byte
	Kind         string
	Organization core.OrganizationID
	Gateway      string // id
	Developer    string // id
	ExpiresAt    time.Time
}

// Key is an API key of a developer's consumer.
type Key struct {
	ID        string
	Name      string
	Prefix    string
	Consumer  string // name
	State     string
	Expires   time.Time
	Revoked   time.Time
	RotatedTo string
	CreatedAt time.Time
}

// IssuedKey is a key with its secret, which is shown once.
type IssuedKey struct {
	Key
	Secret   string
	Replaces *Key // after a rotation: the old one, with its new expiry
}
