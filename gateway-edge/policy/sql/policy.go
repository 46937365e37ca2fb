package sql

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the integration's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "sql",
	Phase:   policy.PhaseIntegrate,
	Answers: true,
	New:     New,
}

// Config is the integration's configuration.
type Config struct {
	// Database is the secret with the database's address:
	// postgres://user:password@host:port/name?sslmode=verify-full.
	Database   contract.SecretRef `json:"database"`
	Statement  string             `json:"statement"`
	Parameters []Parameter        `json:"parameters"`
	Result     string             `json:"result"`
	Write      bool               `json:"write"`
	MaxRows    int                `json:"max_rows"`
	Timeout    contract.Duration  `json:"timeout"`
	Conns      int                `json:"connections"`
}

// Parameter is a value of the request, $1 the first.
type Parameter struct {
	From     string          `json:"from"`
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Optional bool            `json:"optional"`
	Default  json.RawMessage `json:"default"`
}

// Bounds of a configuration.
const (
	maxStatement  = 16 << 10
	maxParameters = 50
	maxMaxRows    = 10_000
	maxConns      = 20
	maxTimeout    = time.Minute
	maxBody       = 1 << 20 // of the request
	maxAnswer     = 4 << 20
)

var (
	sources = []string{"path", "query", "header", "body", "claim", "consumer"}
	types   = []string{"text", "integer", "number", "boolean", "timestamp", "uuid", "json"}
	results = []string{"rows", "one", "exec"}
)

// New makes the integration. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Result: "rows", MaxRows: 1000, Timeout: contract.Duration(5 * time.Second), Conns: 4}
	p := &statement{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, d, errs) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// statement is immutable; its pool is the state that outlives versions.
type statement struct {
	pool       *pool
	text       string
	parameters []parameter
	result     string
	write      bool
	maxRows    int
	timeout    time.Duration
	body       bool
}

type parameter struct {
	Parameter
	header policy.Name
	value  any // of Default
}

var (
	_ policy.Waiter = (*statement)(nil)
	_ policy.Needer = (*statement)(nil)
)

// Needs is the request's body where a parameter is of it.
func (p *statement) Needs() (request, response policy.Need) {
	if p.body {
		request = policy.Need{Mode: policy.NeedWhole, Max: maxBody}
	}
	return request, response
}

var placeholder = regexp.MustCompile(`\$(\d+)`)

func (p *statement) compile(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	p.text, p.result, p.write, p.maxRows, p.timeout = c.Statement, c.Result, c.Write, c.MaxRows, c.Timeout.Std()
	if n := len(c.Statement); n == 0 || n > maxStatement {
		errs.Add("/statement", fmt.Sprintf("is needed, of at most %d bytes", maxStatement))
	}
	if len(c.Parameters) > maxParameters {
		errs.Add("/parameters", fmt.Sprintf("has %d parameters, at most %d are allowed", len(c.Parameters), maxParameters))
		return
	}
	highest := 0
	for _, m := range placeholder.FindAllStringSubmatch(c.Statement, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			highest = max(highest, n)
		}
	}
	if highest > len(c.Parameters) {
		errs.Add("/parameters", fmt.Sprintf("has %d parameters, and the statement uses $%d", len(c.Parameters), highest))
	}
	if !slices.Contains(results, c.Result) {
		errs.Add("/result", "is rows, one or exec")
	}
	if c.MaxRows < 1 || c.MaxRows > maxMaxRows {
		errs.Add("/max_rows", fmt.Sprintf("is from 1 to %d", maxMaxRows))
	}
	if p.timeout < time.Millisecond || p.timeout > maxTimeout {
		errs.Add("/timeout", "must be from 1ms to 1m")
	}
	if c.Conns < 1 || c.Conns > maxConns {
		errs.Add("/connections", fmt.Sprintf("is from 1 to %d", maxConns))
	}
	for i := range c.Parameters {
		p.parameters = append(p.parameters, compileParameter(&c.Parameters[i], contract.Pointer("parameters", i), d.Scope.Params, errs))
		p.body = p.body || c.Parameters[i].From == "body"
	}
	p.connect(c, d, errs)
}

func (p *statement) connect(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	if c.Database.Secret == "" {
		errs.Add("/database", "is needed: {\"secret\": \"name\"}, a secret with the database's address")
		return
	}
	dsn, err := d.Secret(c.Database.Secret)
	if err != nil {
		errs.Add("/database/secret", err.Error())
		return
	}
	p.pool = poolOf(d, string(dsn), c.Conns)
}

func compileParameter(c *Parameter, at string, params []string, errs *contract.FieldErrors) parameter {
	out := parameter{Parameter: *c}
	if c.Type == "" {
		out.Type = "text"
	} else if !slices.Contains(types, c.Type) {
		errs.Add(at+"/type", "is text, integer, number, boolean, timestamp, uuid or json")
	}
	var err error
	switch {
	case !slices.Contains(sources, c.From):
		errs.Add(at+"/from", "is path, query, header, body, claim or consumer")
	case c.From == "consumer":
		if c.Name != "" {
			errs.Add(at+"/name", "is not given: a request has one consumer")
		}
	case c.Name == "" || len(c.Name) > 256:
		errs.Add(at+"/name", "is needed, of at most 256 characters")
	case c.From == "path" && params != nil && !slices.Contains(params, c.Name):
		errs.Add(at+"/name", fmt.Sprintf("the route's path has no parameter %.64q of one segment", c.Name))
	case c.From == "header":
		if out.header, err = policy.HeaderName(c.Name); err != nil {
			errs.Add(at+"/name", err.Error())
		}
	}
	if len(c.Default) > 0 {
		out.Optional = true
		if out.value, err = fromJSON(c.Default, out.Type); err != nil {
			errs.Add(at+"/default", err.Error())
		}
	}
	return out
}
