package policy

import (
	"context"
	"io"
	"net/netip"
	"time"
)

// Scope says where a policy stands: names for its errors, numbers for its
// runtime state.
type Scope struct {
	Organization, Gateway, Route          string // ids; Route "" for a policy of the whole gateway
	OrganizationNum, GatewayNum, RouteNum uint64
	Test                                  bool   // the gateway's mode is test
	From                                  string // gateway | route | usage_plan | organization
	Index                                 int    // position among policies of the same type there: makes a stable counter name
	// Upstream is the name of the route's upstream, "" where it has another
	// integration.
	Upstream string
	// Params are the path parameters of the route that match one segment; nil
	// where no one route is meant, as for a policy of a whole gateway.
	Params []string
	// Path is the route's path pattern, Methods its methods, none for all; both
	// empty where no one route is meant.
	Path    string
	Methods []string
}

// Deps is what a policy may ask of the edge. The control plane passes a Deps
// whose parts refuse use, which keeps its dry run honest.
type Deps struct {
	Scope    Scope
	Keys     Keys
	Counters Counters
	Fetch    Fetch
	// Upstream finds an upstream of the gateway by name; the error says that there is
	// none that requests can be sent to.
	Upstream func(name string) (Caller, error)
	// Dial connects to the outside; nil: nothing can be connected to.
	Dial Dial
	// Behind runs what outlives its request; nil: nothing does.
	Behind Behind
	// Identities tells which consumer a token's caller is; nil: none.
	Identities Identities
	// Cache holds the gateway's stored responses; nil: none are stored.
	Cache Cache
	// Keep holds what should outlive the process; nil: nothing does.
	Keep Keep
	// Secret returns a secret of the gateway by name.
	Secret func(name string) ([]byte, error)
	// State returns the value kept under key, made once by make: runtime state
	// that outlives versions of the configuration. The tenant is part of the key.
	State func(key string, make func() any) any
	// OpenAPI is the gateway's own OpenAPI document, in JSON and cut down to what
	// validation reads; nil: it has none.
	OpenAPI *Document
	// UsagePlans are the gateway's usage plans, their numbers by name.
	UsagePlans map[string]uint64
	// Country tells where an address is, as an ISO 3166-1 alpha-2 code, "" when it
	// is not known; nil: the operator gave the edge no database.
	Country func(netip.Addr) string
	// Wall is the time of day.
	Wall func() time.Time
}

// KeyState is what is known of an API key.
type KeyState uint8

// States of a key.
const (
	KeyInvalid     KeyState = iota // malformed, unknown, or another gateway's; zero: fails closed
	KeyOK                          // Principal is set
	KeyCold                        // Peek only: not known here yet, ask Load
	KeyExpired                     // the secret was right
	KeyRevoked                     // the secret was right
	KeyUnavailable                 // can't be checked at the moment
	KeyThrottled                   // too many unknown keys from this client
)

// KeyResult is the answer about a key. Principal is set for KeyOK only. Owner is
// whose a key is that was refused, for the access log: set for KeyExpired and
// KeyRevoked where it is known. It lets nobody in.
type KeyResult struct {
	State            KeyState
	Principal, Owner *Principal
}

// Keys checks the API keys of one gateway.
type Keys interface {
	// Peek answers from memory; now is the exchange's Now. It never blocks and
	// does not allocate.
	Peek(key Text, now int64) KeyResult
	// Load asks where the key is stored; it never answers KeyCold.
	Load(b Blocking, key Text, client netip.Addr) KeyResult
}

// Identity is a caller as an OIDC provider knows it, by the number and the hash
// under which its record is kept.
type Identity struct {
	KID  uint64
	Hash [32]byte
}

// Identities finds the consumers of one gateway that own OIDC identities.
type Identities interface {
	// Identity names a caller. It is computed once a token.
	Identity(issuer, subject string) Identity
	// PeekIdentity answers from memory: KeyOK with the consumer's principal,
	// KeyRevoked for one that is no consumer's any more, else KeyCold. It never
	// blocks and does not allocate.
	PeekIdentity(id *Identity) KeyResult
	// LoadIdentity asks where identities are stored. It never answers KeyCold;
	// KeyInvalid: no consumer has it.
	LoadIdentity(b Blocking, id *Identity) KeyResult
}

// Keep holds small values that outlive the process, such as an issuer's keys. Its
// keys are the tenant's own.
type Keep interface {
	// Load reads a value and when it was saved; nil when there is none. It may read
	// a disk.
	Load(key string) (value []byte, saved time.Time)
	// Save keeps a value, soon: it does not wait for the disk.
	Save(key string, value []byte)
}

// Behind runs what goes on after its request has ended, so that a drain can wait
// for it.
type Behind interface {
	// Go runs do on a goroutine of its own; a panic ends nothing but itself. Its
	// context ends when a drain has waited long enough. It reports false where there
	// is no room on the edge, or the edge drains: do is not run, and counted.
	Go(do func(ctx context.Context)) bool
	// Dropped counts what was left undone for want of the policy's own room.
	Dropped()
}

// Dial makes a TCP connection to host:port for integrations that speak another
// protocol, through the SSRF guard. What it returns is a net.Conn.
type Dial func(ctx context.Context, address string) (io.ReadWriteCloser, error)

// Fetch makes HTTP requests to the outside: through the SSRF guard, without
// proxies of the environment, without redirects to another host, under time
// limits. Nothing of the caller's request is sent along but what the policy names.
type Fetch interface {
	// Get reads at most limit bytes; a longer body is an error. Header has the
	// response's fields by canonical name, the last one of a name.
	Get(b Blocking, url string, limit int64) (body []byte, header map[string]string, status int, err error)
	// Do makes any request. Redirects are not followed. A response beside an error has
	// no body: its head came, and its body did not, or was too long.
	Do(b Blocking, r *FetchRequest) (*FetchResponse, error)
}

// FetchRequest is a request that a policy makes.
type FetchRequest struct {
	Method, URL string
	Header      map[string][]string // by canonical name; Host and framing are not taken
	Body        []byte
	Limit       int64         // of the answer's body, in bytes; a longer one is an error
	Timeout     time.Duration // 0: five seconds
}

// FetchResponse is the answer to it.
type FetchResponse struct {
	Status int
	Header map[string][]string // by canonical name
	Body   []byte
}
