package aggregate

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/jq"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the integration's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "aggregate",
	Phase:   policy.PhaseIntegrate,
	Answers: true,
	New:     New,
}

// Config is the integration's configuration.
type Config struct {
	Calls    []Call            `json:"calls"`
	Response string            `json:"response"`
	Budget   contract.Duration `json:"budget"`
}

// Call is one of the calls. Exactly one of Upstream and URL is given.
type Call struct {
	Name     string `json:"name"`
	Upstream string `json:"upstream"`
	// URL is an address outside: scheme and host; Path stands behind it.
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   map[string]string `json:"query"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"` // jq
	After   []string          `json:"after"`
	Timeout contract.Duration `json:"timeout"`
	// Optional and Fallback say what becomes of a failure: null, or this value, in
	// the call's place.
	Optional bool            `json:"optional"`
	Fallback json.RawMessage `json:"fallback"`
	Pick     string          `json:"pick"` // jq
}

// Bounds and defaults.
const (
	maxCalls       = 16
	maxPairs       = 30
	maxText        = 2048
	maxBody        = 1 << 20 // of the request, and of each answer
	maxMade        = 8 << 20 // of the answer, and of a body that is sent
	defaultBudget  = 10 * time.Second
	defaultTimeout = 5 * time.Second
	maxTime        = 5 * time.Minute
)

// New makes the integration. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Budget: contract.Duration(defaultBudget)}
	p := &aggregate{fetch: d.Fetch}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, d, errs) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// aggregate is immutable.
type aggregate struct {
	fetch    policy.Fetch
	calls    []call
	response *jq.Program // nil: an object of the calls' values
	budget   time.Duration
	body     bool // a text reads the request's body
}

type call struct {
	name     string
	up       policy.Caller // nil: base is asked
	base     string
	method   string
	path     text
	query    []pair
	headers  []pair
	body     *jq.Program
	after    []int
	timeout  time.Duration
	optional bool
	fallback any // with optional
	pick     *jq.Program
}

type pair struct {
	name string
	text text
}

var (
	_ policy.Waiter = (*aggregate)(nil)
	_ policy.Needer = (*aggregate)(nil)
)

// Needs is the request's body where a text reads it.
func (p *aggregate) Needs() (request, response policy.Need) {
	if p.body {
		request = policy.Need{Mode: policy.NeedWhole, Max: maxBody}
	}
	return request, response
}

var (
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	uses     = regexp.MustCompile(`\.calls\s*\.\s*([a-z][a-z0-9_]*)|\.calls\s*\[\s*"([^"]*)"`)
	reads    = regexp.MustCompile(`\.request\s*(\.|\[\s*")\s*body`)
	methods  = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"}
)

func (p *aggregate) compile(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	if n := len(c.Calls); n == 0 || n > maxCalls {
		errs.Add("/calls", fmt.Sprintf("has %d calls: 1 to %d are allowed", n, maxCalls))
		return
	}
	if p.budget = c.Budget.Std(); p.budget < time.Millisecond || p.budget > maxTime {
		errs.Add("/budget", "must be from 1ms to 5m")
	}
	names := make([]string, len(c.Calls))
	for i := range c.Calls {
		names[i] = c.Calls[i].Name
	}
	p.calls = make([]call, len(c.Calls))
	for i := range c.Calls {
		k := &compiler{errs: errs, at: contract.Pointer("calls", i), names: names, self: i, d: d}
		p.calls[i] = k.call(&c.Calls[i])
		p.body = p.body || k.reads
	}
	if c.Response != "" {
		k := &compiler{errs: errs, names: names, self: -1}
		p.response = k.program("/response", c.Response)
		p.body = p.body || k.reads
	}
	if i := cycle(p.calls); i >= 0 {
		errs.Add(contract.Pointer("calls", i), fmt.Sprintf("call %q waits for itself through the calls that it uses", names[i]))
	}
}

// compiler checks one call and remembers which others it uses.
type compiler struct {
	errs  *contract.FieldErrors
	at    string
	names []string
	self  int
	after []int
	reads bool
	d     policy.Deps
}

func (k *compiler) add(field, detail string) { k.errs.Add(k.at+field, detail) }

func (k *compiler) call(c *Call) (out call) {
	out = call{name: c.Name, method: c.Method, timeout: c.Timeout.Std(), optional: c.Optional || len(c.Fallback) > 0}
	switch at := slices.Index(k.names, c.Name); {
	case !nameForm.MatchString(c.Name):
		k.add("/name", "is needed: a lower-case letter, then letters, digits and underscores, at most 64")
	case at != k.self:
		k.add("/name", fmt.Sprintf("another call is called %q already", c.Name))
	}
	k.destination(c, &out)
	if out.method == "" {
		out.method = "GET"
	} else if !slices.Contains(methods, out.method) {
		k.add("/method", "is one of "+strings.Join(methods, ", "))
	}
	if !strings.HasPrefix(c.Path, "/") {
		k.add("/path", "is needed and begins with \"/\"")
	}
	out.path = k.text("/path", c.Path)
	out.query = k.pairs("/query", c.Query, nil)
	out.headers = k.pairs("/headers", c.Headers, header)
	if c.Body != "" {
		out.body = k.program("/body", c.Body)
	}
	if c.Pick != "" {
		own := *k // what it reads is the answer, which has no calls
		out.pick = own.program("/pick", c.Pick)
	}
	for i, name := range c.After {
		if !k.use(name) {
			k.add(contract.Pointer("after", i), fmt.Sprintf("there is no other call %.64q", name))
		}
	}
	switch {
	case c.Timeout == 0:
		out.timeout = defaultTimeout
	case out.timeout < time.Millisecond || out.timeout > maxTime:
		k.add("/timeout", "must be from 1ms to 5m")
	}
	if len(c.Fallback) > 0 {
		var err error
		if out.fallback, err = document.ParseJSON(c.Fallback); err != nil {
			k.add("/fallback", err.Error())
		}
	}
	out.after = k.after
	return out
}

func (k *compiler) destination(c *Call, out *call) {
	switch {
	case (c.Upstream == "") == (c.URL == ""):
		k.add("/upstream", "exactly one of upstream and url is given")
	case c.Upstream != "":
		var err error
		if out.up, err = k.d.Upstream(c.Upstream); err != nil {
			k.add("/upstream", err.Error())
		}
	default:
		u, err := url.Parse(c.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || len(c.URL) > maxText {
			k.add("/url", "is scheme and host only, such as \"https://api.example.com\"; what follows is the path")
		}
		out.base = c.URL
	}
}

// header says why a field can't be set; "" where it can.
func header(name string) string {
	if _, err := policy.HeaderName(name); err != nil {
		return err.Error()
	}
	if why, protected := fieldedit.Request(name); protected {
		return why
	}
	return ""
}

func (k *compiler) pairs(field string, m map[string]string, check func(string) string) (out []pair) {
	if len(m) > maxPairs {
		k.add(field, fmt.Sprintf("has %d entries, at most %d are allowed", len(m), maxPairs))
		return nil
	}
	for name, s := range m {
		at := field + contract.Pointer(name)
		if name == "" || len(name) > 256 {
			k.add(at, "a name has 1 to 256 characters")
		} else if check != nil {
			if why := check(name); why != "" {
				k.add(at, why)
			}
		}
		out = append(out, pair{name, k.text(at, s)})
	}
	slices.SortFunc(out, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	return out
}

// program compiles jq and notes what it uses.
func (k *compiler) program(field, source string) *jq.Program {
	k.reads = k.reads || reads.MatchString(source)
	for _, m := range uses.FindAllStringSubmatch(source, -1) {
		if name := m[1] + m[2]; k.self >= 0 && !k.use(name) {
			k.add(field, fmt.Sprintf("there is no other call %.64q", name))
		}
	}
	p, err := jq.Compile(source)
	if err != nil {
		k.add(field, err.Error())
	}
	return p
}

// use notes that the call waits for another.
func (k *compiler) use(name string) bool {
	i := slices.Index(k.names, name)
	if i < 0 || i == k.self {
		return false
	}
	if !slices.Contains(k.after, i) {
		k.after = append(k.after, i)
	}
	return true
}

// cycle returns a call that waits for itself, or -1.
func cycle(calls []call) int {
	state := make([]uint8, len(calls)) // 1: on the way, 2: done
	var visit func(i int) bool
	visit = func(i int) bool {
		state[i] = 1
		for _, j := range calls[i].after {
			if state[j] == 1 || state[j] == 0 && visit(j) {
				return true
			}
		}
		state[i] = 2
		return false
	}
	for i := range calls {
		if state[i] == 0 && visit(i) {
			return i
		}
	}
	return -1
}
