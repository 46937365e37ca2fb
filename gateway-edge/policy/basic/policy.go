package basic

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/throttle"
	"github.com/tollgate/tollgate/gateway-edge/policy/turn"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:   "basic",
	Phase:  policy.PhaseAuthenticate,
	Single: []policy.Name{policy.Authorization},
	New:    New,
}

// Config is the policy's configuration.
type Config struct {
	// Users: name → the secret that holds the password or its hash.
	Users map[string]endpoint.Secret `json:"users"`
	// Realm is what a browser shows when it asks.
	Realm string `json:"realm"`
	grant.Consumers
	// Forward leaves the Authorization field for the backend.
	Forward bool `json:"forward"`
}

const (
	maxUsers = 200
	maxUser  = 64
	maxRealm = 64
	// mostFailures of one client in ten seconds.
	mostFailures = 10
)

// hashing is where the edge computes hashes: each may take 64 MiB.
var hashing = turn.NewRoom(2)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Realm: "api"}
	p := &passwords{wall: d.Wall, identities: d.Identities, users: map[string]*user{}}
	parts := []string{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		for _, name := range slices.Sorted(maps.Keys(c.Users)) {
			at := contract.Pointer("users", name)
			secret := c.Users[name].Value(d.Secret, at, "the secret that holds the password or its hash", errs)
			u := &user{name: name, secret: parseSecret(secret)}
			if p.users[name] = u; u.secret.slow() && p.nobody == nil {
				p.nobody = &user{secret: u.secret}
			}
			parts = append(parts, name, secret)
		}
	})
	if err != nil {
		return nil, err
	}
	p.config, p.challenge = c, `Basic realm="`+c.Realm+`", charset="UTF-8"`
	p.state = newState()
	if d.State != nil {
		p.state = d.State("basic", func() any { return p.state }).(*state)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	p.print = memo.Print(append(parts, string(text), string(p.state.salt[:]))...)
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	switch n := len(c.Users); {
	case n == 0:
		errs.Add("/users", "needs an entry")
	case n > maxUsers:
		errs.Add("/users", fmt.Sprintf("has %d entries, at most %d are allowed", n, maxUsers))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Users)) {
		at := contract.Pointer("users", name)
		if endpoint.CheckText(name, at, maxUser, errs); strings.Contains(name, ":") {
			errs.Add(at, `has no ":" (RFC 7617 2)`)
		}
	}
	if endpoint.CheckText(c.Realm, "/realm", maxRealm, errs); strings.ContainsAny(c.Realm, `"\`) {
		errs.Add("/realm", `has no quote and no backslash`)
	}
	c.Check(errs)
}

// user is one who may call.
type user struct {
	name   string
	secret secret
}

// passwords is immutable; the state is the gateway's.
type passwords struct {
	config     Config
	users      map[string]*user
	nobody     *user // stands for a user that does not exist; nil: no hash is slow
	challenge  string
	print      [32]byte // of the configuration and the passwords: part of every credential's hash
	state      *state
	wall       func() time.Time
	identities policy.Identities // nil: users are no consumers
}

// state outlives versions of the configuration.
type state struct {
	salt    [32]byte
	right   memo.Table[entry, *entry]
	clients *throttle.Table
	line    *turn.Line // the gateway's
}

func newState() *state {
	s := &state{clients: throttle.New(mostFailures), line: hashing.Line(1)}
	_, _ = rand.Read(s.salt[:]) // it never fails (crypto/rand)
	return s
}

// entry is a credential that was found right.
type entry struct {
	hash  [32]byte
	until int64 // CLOCK_BOOTTIME
	known caller.Known
}

// Hash implements memo.Entry.
func (e *entry) Hash() *[32]byte { return &e.hash }

// Good implements memo.Entry.
func (e *entry) Good(boot, _ int64) bool { return boot < e.until }

// Weight implements memo.Entry.
func (e *entry) Weight() int { return 512 }

var (
	_ policy.Method = (*passwords)(nil)
	_ policy.Waiter = (*passwords)(nil)
)
