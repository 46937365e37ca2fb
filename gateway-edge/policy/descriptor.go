package policy

import "encoding/json"

// Phase is when a policy runs. Phases belong to the platform, the order inside
// one to the tenant.
type Phase uint8

// Phases in the order they run.
const (
	PhaseGuard Phase = iota
	PhaseAuthenticate
	PhaseAuthorize
	PhaseLimit
	PhaseTransform
	PhaseCache
	// PhaseIntegrate is the route's integration: the one step that answers in the
	// place of an upstream.
	PhaseIntegrate
	numPhases
)

var phaseNames = [numPhases]string{"guard", "authenticate", "authorize", "limit", "transform", "cache", "integrate"}

// String returns the phase's word in documents and traces.
func (p Phase) String() string {
	if p < numPhases {
		return phaseNames[p]
	}
	return "unknown"
}

// NeedMode says how a policy sees a body.
type NeedMode uint8

// Modes of a need.
const (
	NeedNone   NeedMode = iota
	NeedStream          // in chunks, through a BodyFilter
	NeedWhole           // complete, before the hook is called
)

// Need is what a policy asks of one side's body.
type Need struct {
	Mode NeedMode
	// Max bounds a whole body in bytes: a longer request is answered 413, a longer
	// response 502.
	Max int64
	// SameLength promises that the filter keeps the length, so that
	// Content-Length stays.
	SameLength bool
}

// Needer is a policy whose configuration decides what it needs: it stands in the
// place of the descriptor's needs.
type Needer interface {
	Needs() (request, response Need)
}

// Chooser is asked before a whole body is collected for the policy, so that only
// what it can read is held in memory, and nothing that never ends. Where it says
// false the hook is called without the body, unless another policy has had it
// collected. It is called on the side's turn, and may be called again.
type Chooser interface {
	WantsBody(x *Exchange, s Side) bool
}

// Policy is one step on a request's way. OnRequest never blocks: it is given
// nothing that could.
type Policy interface {
	OnRequest(x *Exchange, s *Slot) Action
}

// Waiter goes on after the policy said Wait, on either side, where blocking is
// allowed. It must not say Wait again.
type Waiter interface {
	Await(b Blocking, x *Exchange, s *Slot) Action
}

// Bounded is a Waiter whose requests wait for one another and do nothing meanwhile: a
// wait costs memory alone, and the policy bounds how many there are. They take no
// place among those that the edge lets wait at once, and do not count against the
// requests that an organization may have open.
type Bounded interface {
	Waiter
	BoundsWaits()
}

// Responder sees the response, in reverse order, whoever made it: if the policy
// said Next on the way in.
type Responder interface {
	OnResponse(x *Exchange, s *Slot) Action
}

// Finisher is told the end, exactly once for each policy whose OnRequest began.
type Finisher interface {
	OnDone(x *Exchange, s *Slot)
}

// Slot is one policy's memory for one exchange. P holds a pointer to a type of
// the policy's own (a pointer in an interface does not allocate).
type Slot struct {
	N [3]uint64
	P any
}

// Descriptor says what a type of policy is. New is called by the control plane
// to check a configuration and by the edge to compile it: the code that checks
// is the code that runs. Its error is a contract.FieldErrors with pointers
// relative to cfg where fields are wrong.
type Descriptor struct {
	Type              string
	Phase             Phase
	Request, Response Need
	// Answers says that the policy always answers by itself: its route needs no
	// upstream.
	Answers bool
	// Accepts says that the integration takes WebSockets, and nothing else: only then
	// may its route take them.
	Accepts bool
	// Identifies says that a policy of phase authorize may say who calls, and may be
	// all the authentication that a route has.
	Identifies bool
	// Unrouted says that the policy, where it stands on the gateway, also sees the
	// refusals of requests that no route takes.
	Unrouted bool
	// Single are fields of which a second one is refused with 400 before any
	// policy runs.
	Single []Name
	New    func(cfg json.RawMessage, d Deps) (Policy, error)
}
