package policytest

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Suite is what Run runs for one policy.
type Suite struct {
	Cases []Case
	// Dir is the policy's folder with testdata/valid and testdata/invalid; "."
	// when empty.
	Dir string
}

// Case is one configuration and the requests that meet it in order.
type Case struct {
	Name   string
	Config string // JSON; empty means {}
	// Deps makes what the policy may ask for; it is called once for each driver,
	// so that they do not share state. Nil means NewDeps().
	Deps  func(t testing.TB) policy.Deps
	Steps []Step
	// Hot says that the first step must not allocate once it ran a few times.
	// The case must then give the same answer every time.
	Hot bool
	// Error, when not empty, is a part of the error that New must give; there are
	// no steps then.
	Error string
}

// Step is one request and what must come of it.
type Step struct {
	Request Request
	Backend Response // what the backend answers when the request is sent on
	Want    Want
	// Wait moves the exchange's clock on before this step.
	Wait time.Duration
	// Check looks at whatever else.
	Check func(t testing.TB, r *Result)
}

// Request is a request as the gate lets it through.
type Request struct {
	Method string // GET when empty
	Scheme string // https when empty
	Host   string // api.example.com when empty
	Port   int    // behind the host; 0: none
	Path   string // canonical; "/" when empty
	Query  string
	Header Fields
	Body   string
	Client string // 192.0.2.1 when empty
	Params map[string]string
	// Socket is the id of the WebSocket that the request asks for; "": it asks for none.
	Socket string
	// Principal is who calls, for policies behind authentication.
	Principal *policy.Principal
	// Certificate is the client's; nil: it showed none.
	Certificate *policy.Certificate
	Route       *policy.Route // a live route of gateway 2 in organization 1 when nil
}

// Response is a backend's answer.
type Response struct {
	Status  int // 200 when 0
	Header  Fields
	Body    string
	Trailer Fields
}

// Fields are header fields in order: name, value, name, value.
type Fields []string

// Get returns the first value of a name, compared without case.
func (f Fields) Get(name string) (string, bool) {
	for i := 0; i+1 < len(f); i += 2 {
		if policy.Static(f[i]).Fold(name) {
			return f[i+1], true
		}
	}
	return "", false
}

// All returns every value of a name.
func (f Fields) All(name string) (out []string) {
	for i := 0; i+1 < len(f); i += 2 {
		if policy.Static(f[i]).Fold(name) {
			out = append(out, f[i+1])
		}
	}
	return out
}

// Want is what must come of a step; zero parts are not looked at.
type Want struct {
	Status int           // of the response
	Code   contract.Code // of a rejection, when Rejected
	// Rejected, Answered, Forwarded, Accepted: exactly one is given.
	Rejected, Answered, Forwarded, Accepted bool
	Retry                                   time.Duration
	// Sent are fields of the request that is sent on: "" means absent.
	Sent map[string]string
	// Header are fields of the response: "" means absent.
	Header map[string]string
	Path   *string
	Query  *string
	Body   *string // of the response
	// Consumer is the principal's consumer name.
	Consumer *string
}

// Result is what came of a step.
type Result struct {
	Driver    string
	Forwarded bool
	Rejected  bool
	Streamed  bool                   // the answer was written through Blocking.Writer
	Whole     bool                   // and ended
	Accepted  *policy.EngineAccepted // what the integration does with the WebSocket; nil: nothing
	Reply     policy.EngineReply
	Sent      SentRequest
	Status    int
	Header    Fields
	Body      string
	Trailer   Fields
	Principal *policy.Principal
	Outcome   policy.Outcome
	Trace     contract.Trace
	Waited    int // how often the policy said Wait
}

// SentRequest is what the backend would get.
type SentRequest struct {
	Method, Host, Path, Query string
	Header                    Fields
	Body                      string
}

// Run runs the suite under every driver.
func Run(t *testing.T, d *policy.Descriptor, s Suite) {
	t.Helper()
	samples(t, d, s.Dir)
	for _, c := range s.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Error != "" {
				refused(t, d, &c)
				return
			}
			var first []*Result
			for _, dr := range drivers {
				t.Run(dr.name, func(t *testing.T) {
					results := play(t, d, &c, dr)
					if first == nil {
						first = results
						return
					}
					agree(t, first, results)
				})
			}
			t.Run("cut short", func(t *testing.T) { cutShort(t, d, &c) })
			if c.Hot {
				t.Run("allocations", func(t *testing.T) { allocations(t, d, &c) })
			}
		})
	}
}

// compile makes a chain of the one policy.
func compile(t testing.TB, d *policy.Descriptor, c *Case) (*policy.Chain, policy.Policy, policy.Deps) {
	t.Helper()
	deps := NewDeps()
	if c.Deps != nil {
		deps = c.Deps(t)
	}
	p, err := d.New(config(c), deps)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	ch, err := policy.CompileChain([]policy.Step{{Policy: p, Descriptor: d, From: "route"}})
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return ch, p, deps
}

func config(c *Case) json.RawMessage {
	if c.Config == "" {
		return json.RawMessage("{}")
	}
	return json.RawMessage(c.Config)
}

func play(t *testing.T, d *policy.Descriptor, c *Case, dr *driver) []*Result {
	ch, p, deps := compile(t, d, c)
	pl := &player{driver: dr, chain: ch, now: 1_000_000_000_000}
	var out []*Result
	for i := range c.Steps {
		st := &c.Steps[i]
		pl.now += int64(st.Wait)
		r := pl.serve(t, st)
		check(t, i, st, r)
		if st.Check != nil {
			st.Check(t, r)
		}
		out = append(out, r)
		if dr.poison {
			searchPoison(t, p, deps.State, r)
		}
	}
	return out
}

func clientAddr(s string) netip.Addr {
	if s == "" {
		s = "192.0.2.1"
	}
	return netip.MustParseAddr(s)
}
