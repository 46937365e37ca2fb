package provider

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// planned is what this run plans, so that the API can say of each object whether it
// would take it together with those that come before it.
type planned struct {
	c        *client.ClientWithResponses
	mu       sync.Mutex
	names    map[string]string // of gateways that get another name: the old one to the new
	gateways map[string]*draft // by name, as the resources say it
}

func newPlanned(c *client.ClientWithResponses) *planned {
	return &planned{c: c, names: map[string]string{}, gateways: map[string]*draft{}}
}

// renamed says whether a gateway called from is to be called to.
func (p *planned) renamed(from, to string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return from != "" && p.names[from] == to
}

// rename notes that a gateway gets another name.
func (p *planned) rename(from, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[from] = to
	p.gateways[to] = p.gatewayDraft(from)
}

// draft returns what is planned for a gateway.
func (p *planned) draft(gateway string) *draft {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gatewayDraft(gateway)
}

func (p *planned) gatewayDraft(gateway string) *draft {
	d := p.gateways[gateway]
	if d == nil {
		d = &draft{c: p.c, gateway: gateway, parts: map[string][]part{}, at: map[partKey]int{}}
		p.gateways[gateway] = d
	}
	return d
}

// draft is what is planned for one gateway.
type draft struct {
	c       *client.ClientWithResponses
	gateway string // as the API knows it

	mu       sync.Mutex
	parts    map[string][]part // by field of the configuration
	at       map[partKey]int
	policies any
	secrets  []string
	domains  []string
	asked    uint64   // how many parts there are to be checked
	running  *checked // the check under way
	// settled counts the routes that the API has judged: those before it are sent again
	// only where what is new could meet them.
	settled int
	// whole: something else than routes is new, and every route is to be judged by it.
	whole bool
}

type partKey struct{ field, name string }

// part is an object of the plan: as it was sent, under the name it is to have.
type part struct {
	name string
	body shape.Schema
}

// checked is the outcome of one check: what is wrong by field and index.
type checked struct {
	done  chan struct{}
	upTo  uint64
	wrong map[string]map[int][]finding
	rest  []finding        // about none of the parts
	sent  map[string][]int // which parts were asked about, by field
	// effects are by kind and name; the gateway's own have no name.
	effects map[partKey][]string
	err     error
}

// finding is something wrong, at a JSON pointer.
type finding struct{ pointer, detail string }

// secret and domain note what will be there.
func (d *draft) secret(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secrets = append(d.secrets, name)
}

func (d *draft) domain(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.domains = append(d.domains, host)
}

// verdict is what the API says of one object.
type verdict struct {
	wrong   []finding // with pointers into its body
	effects []string  // of its change on others
}

// put notes an object and returns what the API says of it. Objects that are planned at
// the same time are asked for together. kind is what the API calls it.
func (d *draft) put(ctx context.Context, kind, field, name string, body shape.Schema) (verdict, error) {
	d.mu.Lock()
	n := 0
	d.whole = d.whole || field != routesField
	if field == policiesField {
		d.policies = body["items"]
	} else {
		key := partKey{field, name}
		i, ok := d.at[key]
		if !ok {
			i = len(d.parts[field])
			d.at[key] = i
			d.parts[field] = append(d.parts[field], part{})
		}
		d.whole = d.whole || i < d.settled
		d.parts[field][i] = part{name, body}
		n = i
	}
	d.asked++
	mine := d.asked
	for {
		run := d.running
		if run == nil {
			run = &checked{done: make(chan struct{}), upTo: d.asked, sent: map[string][]int{}}
			d.running = run
			body, err := json.Marshal(d.document(run))
			d.mu.Unlock()
			if err == nil {
				run.ask(ctx, d.c, body)
			} else {
				run.err = err
			}
			d.mu.Lock()
			d.running = nil
			close(run.done)
		} else {
			d.mu.Unlock()
			select {
			case <-run.done:
			case <-ctx.Done():
				return verdict{}, ctx.Err()
			}
			d.mu.Lock()
		}
		if run.upTo >= mine {
			d.mu.Unlock()
			return verdict{append(slices.Clone(run.wrong[field][n]), run.rest...), run.effects[partKey{kind, name}]}, run.err
		}
	}
}

// Fields of a configuration.
const (
	policiesField = "policies"
	routesField   = "routes"
)

// document is the body of the question; the lock is held.
func (d *draft) document(run *checked) map[string]any {
	config := map[string]any{}
	for field, parts := range d.parts {
		list := make([]any, 0, len(parts))
		for _, i := range d.sent(field) {
			list = append(list, parts[i].body)
			run.sent[field] = append(run.sent[field], i)
		}
		config[field] = list
	}
	d.settled, d.whole = len(d.parts[routesField]), false
	if d.policies != nil {
		config[policiesField] = d.policies
	}
	out := map[string]any{"gateway": d.gateway, "config": config}
	if len(d.secrets) > 0 {
		out["secrets"] = d.secrets
	}
	if len(d.domains) > 0 {
		out["domains"] = d.domains
	}
	return out
}

// sent are the parts of a field that a question is to hold: all of them, but of the
// routes that were judged already only those that could take the requests of a new
// one, and those that a usage plan names. A plan of a thousand routes would otherwise
// send each of them a hundred times.
func (d *draft) sent(field string) []int {
	parts := d.parts[field]
	from := 0
	if field == routesField && !d.whole {
		from = d.settled
	}
	var out []int
	if from > 0 {
		paths, named := map[string]bool{}, map[string]bool{}
		for _, p := range parts[from:] {
			paths[pathGroup(p.body)] = true
		}
		for _, p := range d.parts["usage_plans"] {
			routes, _ := p.body[routesField].([]any)
			for _, name := range routes {
				if s, ok := name.(string); ok {
					named[s] = true
				}
			}
		}
		for i, p := range parts[:from] {
			if group := pathGroup(p.body); group == "" || paths[group] || named[p.name] || paths[""] {
				out = append(out, i)
			}
		}
	}
	for i := from; i < len(parts); i++ {
		out = append(out, i)
	}
	return out
}

// pathGroup is the same for routes that could take one request with the same
// precedence; "": it could be any.
func pathGroup(route shape.Schema) string {
	match, _ := route["match"].(shape.Schema)
	text, _ := match["path"].(string)
	if text == "" || strings.HasPrefix(text, "~") || strings.Contains(text, "%") {
		return ""
	}
	segments := strings.Split(strings.TrimRight(text, "/"), "/")
	for i, s := range segments {
		if s == "*" || strings.Contains(s, "{") {
			segments[i] = "{"
		}
	}
	return strings.Join(segments, "/") + "/"
}

// ask asks the API about a document.
func (r *checked) ask(ctx context.Context, c *client.ClientWithResponses, body []byte) {
	got, err := read(c.CheckPlanWithBody(ctx, mediaJSON, strings.NewReader(string(body))))
	r.effects = effects(got.body)
	var e *client.Error
	if !errors.As(err, &e) || e.Errors == nil {
		r.err = err
		return
	}
	r.wrong = map[string]map[int][]finding{}
	for _, f := range *e.Errors {
		field, i, rest, ok := planPointer(f.Pointer)
		if !ok { // something that is there already and would no longer do
			r.rest = append(r.rest, finding{"", f.Detail})
			continue
		}
		if field != policiesField {
			if i >= len(r.sent[field]) {
				r.rest = append(r.rest, finding{"", f.Pointer + ": " + f.Detail})
				continue
			}
			i = r.sent[field][i]
		}
		if r.wrong[field] == nil {
			r.wrong[field] = map[int][]finding{}
		}
		r.wrong[field][i] = append(r.wrong[field][i], finding{rest, f.Detail})
	}
}

// planPointer reads /config/routes/3/match/path.
func planPointer(p string) (field string, i int, rest string, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(p, "/config/"), "/", 3)
	if len(parts) < 2 || !strings.HasPrefix(p, "/config/") {
		return "", 0, "", false
	}
	if parts[0] == policiesField {
		return policiesField, 0, "/items" + strings.TrimPrefix(p, "/config/policies"), true
	}
	i, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", 0, "", false
	}
	if len(parts) == 3 {
		rest = "/" + parts[2]
	}
	return parts[0], i, rest, true
}

// effects reads those of a Diff of the API.
func effects(diff shape.Schema) map[partKey][]string {
	out := map[partKey][]string{}
	list, _ := diff["effects"].([]any)
	for _, v := range list {
		e, _ := v.(shape.Schema)
		kind, _ := e["kind"].(string)
		detail, _ := e["detail"].(string)
		if detail != "" {
			key := partKey{kind, nameOf(v)}
			out[key] = append(out[key], detail)
		}
	}
	return out
}
