package graphql

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:     "graphql",
	Phase:    policy.PhaseTransform,
	Request:  policy.Need{Mode: policy.NeedWhole, Max: defaultBytes},
	Response: policy.Need{Mode: policy.NeedWhole, Max: maxBytes},
	New:      New,
}

// Config is the policy's configuration. Operation or Persisted is given.
type Config struct {
	// Operation is the one that REST requests run.
	Operation string `json:"operation"`
	// Path of the backend that takes GraphQL.
	Path string `json:"path"`
	// Result points at the part of the answer's data that callers get (RFC 6901).
	Result string `json:"result"`
	// BodyVariable is the variable that takes the whole JSON body; "": the body's
	// fields are variables.
	BodyVariable string `json:"body_variable"`
	// IgnoreQuery are query parameters that are no variables.
	IgnoreQuery []string `json:"ignore_query"`
	// Partial says what becomes of an answer with data and errors: refuse | pass.
	Partial string `json:"partial"`
	// NullStatus is the status where the result is null without an error.
	NullStatus int `json:"null_status"`
	// Statuses: an error's extensions.code → HTTP status.
	Statuses map[string]int `json:"statuses"`
	// Persisted: "" | automatic | registered, for GraphQL that passes through.
	Persisted string `json:"persisted"`
	// Operations that are registered, by a name of the tenant's.
	Operations map[string]string `json:"operations"`
	MaxBytes   int64             `json:"max_bytes"`
}

const (
	defaultBytes  = 1 << 20
	maxBytes      = 16 << 20
	maxOperation  = 64 << 10
	maxOperations = 1000
	maxRegistered = 1 << 20 // bytes of all operations
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Path: "/graphql", Partial: "refuse", NullStatus: 404, MaxBytes: defaultBytes}
	var p policy.Policy
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		switch {
		case c.Operation != "" && c.Persisted != "":
			errs.Add("/persisted", "operation and persisted can't both be given")
		case c.Operation != "":
			p = c.rest(errs)
		case c.Persisted != "":
			p = c.pass(errs, d)
		default:
			errs.Add("", "needs operation, for REST requests, or persisted, for GraphQL that passes through")
		}
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	if canon, err := match.PathString(c.Path); err != nil || canon != c.Path {
		errs.Add("/path", "is a path in its canonical form, such as /graphql")
	}
	if c.Partial != "refuse" && c.Partial != "pass" {
		errs.Add("/partial", "is refuse or pass")
	}
	if c.NullStatus < 200 || c.NullStatus > 599 {
		errs.Add("/null_status", "is between 200 and 599")
	}
	if c.MaxBytes < 1 || c.MaxBytes > maxBytes {
		errs.Add("/max_bytes", fmt.Sprintf("is between 1 and %d", maxBytes))
	}
	if len(c.Statuses) > 100 {
		errs.Add("/statuses", "has at most 100 codes")
	}
	for _, code := range slices.Sorted(maps.Keys(c.Statuses)) {
		if s := c.Statuses[code]; s < 400 || s > 599 || code == "" || len(code) > 256 {
			errs.Add(contract.Pointer("statuses", code), "is a status between 400 and 599, for a code of 1 to 256 bytes")
		}
	}
	if len(c.IgnoreQuery) > 100 {
		errs.Add("/ignore_query", "has at most 100 names")
	}
	for i, n := range c.IgnoreQuery {
		if n == "" || len(n) > 256 {
			errs.Add(contract.Pointer("ignore_query", strconv.Itoa(i)), "has 1 to 256 bytes")
		}
	}
	if c.Result != "" && (c.Result[0] != '/' || len(c.Result) > 1024) {
		errs.Add("/result", "is a JSON pointer such as /user, of at most 1024 bytes")
	}
}

// rest makes the translator of REST requests.
func (c *Config) rest(errs *contract.FieldErrors) policy.Policy {
	vars, name, err := parseOperation(c.Operation)
	if err != nil {
		errs.Add("/operation", err.Error())
		return nil
	}
	t := &rest{
		operation: c.Operation, name: name, path: []byte(c.Path), vars: vars, whole: c.BodyVariable, ignore: map[string]bool{},
		pass: c.Partial == "pass", null: c.NullStatus, statuses: maps.Clone(defaultStatuses), max: c.MaxBytes,
	}
	if c.BodyVariable != "" && vars[c.BodyVariable] == nil {
		errs.Add("/body_variable", fmt.Sprintf("the operation declares no variable %q", c.BodyVariable))
	}
	for _, n := range c.IgnoreQuery {
		t.ignore[n] = true
	}
	maps.Copy(t.statuses, c.Statuses)
	if c.Result != "" {
		for part := range strings.SplitSeq(c.Result[1:], "/") {
			t.result = append(t.result, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
		}
	}
	return t
}

// pass makes the keeper of persisted queries.
func (c *Config) pass(errs *contract.FieldErrors, d policy.Deps) policy.Policy {
	if c.Persisted != "automatic" && c.Persisted != "registered" {
		errs.Add("/persisted", "is automatic or registered")
		return nil
	}
	if c.Persisted == "registered" && len(c.Operations) == 0 {
		errs.Add("/operations", "needs an operation: nothing else is let through")
	}
	if len(c.Operations) > maxOperations {
		errs.Add("/operations", fmt.Sprintf("has at most %d operations", maxOperations))
	}
	p := &persisted{route: strconv.FormatUint(d.Scope.RouteNum, 10) + " ", only: c.Persisted == "registered", known: map[string]string{}, max: c.MaxBytes}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(c.Operations)) {
		text := c.Operations[name]
		if size += len(text); name == "" || len(name) > 256 {
			errs.Add(contract.Pointer("operations", name), "has a name of 1 to 256 bytes")
			continue
		}
		if _, _, err := parseOperation(text); err != nil {
			errs.Add(contract.Pointer("operations", name), err.Error())
			continue
		}
		p.known[name], p.known[hash(text)] = text, text
	}
	if size > maxRegistered {
		errs.Add("/operations", fmt.Sprintf("the operations are %d bytes, at most %d are allowed", size, maxRegistered))
	}
	if !p.only && d.State != nil {
		p.shown = d.State("graphql persisted", func() any { return &store{entries: map[string]*entry{}} }).(*store)
	}
	return p
}

// hash is how clients name a query.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
