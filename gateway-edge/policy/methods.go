package policy

import "github.com/tollgate/tollgate/services/contract"

// Place is where a request carries a credential of one kind. Credentials in
// different places are different ones; two policies that find theirs in the same
// place look at the same one.
type Place uint8

// Places of a credential. A client says those up to PlaceQuery with the request;
// those behind come along by themselves, with a browser or a connection, and give
// way to one that was said.
const (
	PlaceNone Place = iota
	PlaceAuthorization
	PlaceField
	PlaceQuery
	PlaceCookie
	PlaceConnection
	// PlaceLogin: there is no credential, but the policy has an answer of its own for
	// this request, such as a page to sign in.
	PlaceLogin
)

// said reports whether the client chose to send it with this request.
func (p Place) said() bool { return p >= PlaceAuthorization && p <= PlaceQuery }

// Method is a policy of phase authenticate that may stand beside others on one
// route: the first whose credential is there decides, and no other one is asked.
type Method interface {
	Policy
	// Credential says where the request carries a credential of this kind, PlaceNone
	// if it carries none. It neither allocates nor judges the credential.
	Credential(x *Exchange) Place
	// Challenge is the policy's WWW-Authenticate for a request without any credential
	// (RFC 9110 11.6.1).
	Challenge() string
}

// OwnPath is a path of the gateway's hosts at which a policy answers by itself.
type OwnPath struct {
	Field string // of the configuration that names it
	Path  string // canonical
}

// Owner is a policy with paths of its own. A browser is sent there from elsewhere, so
// that the route which takes such a path must have the policy too.
type Owner interface {
	Policy
	// OwnPaths are known from the configuration alone.
	OwnPaths() []OwnPath
}

// methods are the authentication policies of a chain that has several.
type methods struct {
	from, to int // steps; to is 0 where there are not several
	of       []Method
}

// choose finds the step that decides on the request. ambiguous: it carries
// different credentials of which each would do. none: it carries no credential, and
// the step's refusal is to hold all challenges.
func (m *methods) choose(x *Exchange) (step int, ambiguous, none bool) {
	said, ambient, login := -1, -1, -1
	var place Place
	for i, a := range m.of {
		switch p := a.Credential(x); {
		case p.said() && said >= 0:
			ambiguous = ambiguous || p != place
		case p.said():
			said, place = i, p
		case p == PlaceLogin:
			if login < 0 {
				login = i
			}
		case p != PlaceNone && ambient < 0:
			ambient = i
		}
	}
	for _, i := range [...]int{said, ambient, login} {
		if i >= 0 {
			return m.from + i, ambiguous, false
		}
	}
	return m.from, false, true
}

// skips reports whether step i is an authentication policy that was not chosen.
func (c *Chain) skips(e *EngineExchange, i int) bool {
	return i < c.auth.to && i >= c.auth.from && i != e.method
}

// method runs before the first of several authentication policies.
func (c *Chain) method(x *Exchange) (turned bool) {
	e := &x.e
	step, ambiguous, none := c.auth.choose(x)
	e.method, e.challenged = step, none
	if e.Trace != nil {
		for i := c.auth.from; i < c.auth.to; i++ {
			if i != step {
				s := &c.steps[i]
				e.Trace.Policies = append(e.Trace.Policies, contract.PolicyTrace{
					Type: s.typ, Phase: s.phase.String(), From: s.from, Verdict: "skipped", Detail: "another method of the route decides on this request",
				})
			}
		}
	}
	if ambiguous {
		x.RejectDetail(contract.CodeAmbiguousCredentials, 0, "The request carries credentials of several kinds; send one")
		if e.Trace != nil {
			e.trace(&c.steps[step], Action{actReject}, false)
		}
	}
	return ambiguous
}

// challenge adds what the other methods ask for to a refusal of the first one.
func (c *Chain) challenge(e *EngineExchange) {
	for i, m := range c.auth.of {
		if v := m.Challenge(); c.auth.from+i != e.method && v != "" {
			e.RespHeader.add(WWWAuthenticate, v)
		}
	}
}
