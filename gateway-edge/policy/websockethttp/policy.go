package websockethttp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the integration's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "websocket_http",
	Phase:   policy.PhaseIntegrate,
	Answers: true,
	Accepts: true,
	New:     New,
}

// Config is the integration's configuration; schema.json describes the same fields.
type Config struct {
	Upstream       string            `json:"upstream"`
	ConnectPath    string            `json:"connect_path"`
	MessagePath    string            `json:"message_path"`
	DisconnectPath string            `json:"disconnect_path"`
	Select         string            `json:"select"`
	Paths          map[string]string `json:"paths"`
	Replies        bool              `json:"replies"`
	OnError        string            `json:"on_error"`
	Timeout        contract.Duration `json:"timeout"`
	Rate           int               `json:"messages_per_second"`
	Burst          int               `json:"burst"`
	Concurrency    int               `json:"concurrency"`
	Ping           contract.Duration `json:"ping"`
	// Token is sent as a bearer token, so that the upstream knows the gateway.
	Token endpoint.Secret `json:"token"`
}

// Bounds of a configuration.
const (
	maxPaths       = 50
	maxPath        = 1024
	maxValue       = 256
	maxRate        = 1000
	maxBurst       = 10_000
	maxConcurrency = 16
	maxTimeout     = 25 * time.Second // the engine lets messages end for 30 s
	minPing        = 5 * time.Second
	maxPing        = time.Hour
)

// What a client is told of a message that failed.
const (
	onReport = "report"
	onIgnore = "ignore"
	onClose  = "close"
)

// New makes the integration. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Replies: true, OnError: onReport, Timeout: contract.Duration(10 * time.Second), Rate: 20, Burst: 40, Concurrency: 1}
	p := &bridge{}
	if err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, d, errs) }); err != nil {
		return nil, err
	}
	return p, nil
}

// bridge is immutable.
type bridge struct {
	up                           policy.Caller
	connect, message, disconnect string
	where                        document.Path // nil: every message goes to message
	paths                        map[string]string
	replies                      bool
	onError                      string
	timeout                      time.Duration
	opt                          policy.SocketOptions
	token                        string
}

var _ policy.Waiter = (*bridge)(nil)

func (p *bridge) compile(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	var err error
	if c.Upstream == "" {
		errs.Add("/upstream", "is needed: one of the gateway's upstreams")
	} else if p.up, err = d.Upstream(c.Upstream); err != nil {
		errs.Add("/upstream", err.Error())
	}
	if c.MessagePath == "" {
		errs.Add("/message_path", "is needed, such as \"/message\"")
	}
	for _, f := range [...][2]string{{"/connect_path", c.ConnectPath}, {"/message_path", c.MessagePath}, {"/disconnect_path", c.DisconnectPath}} {
		if f[1] != "" {
			checkPath(f[1], f[0], errs)
		}
	}
	p.connect, p.message, p.disconnect = c.ConnectPath, c.MessagePath, c.DisconnectPath
	p.choose(c, errs)
	p.replies, p.onError = c.Replies, c.OnError
	if !slices.Contains([]string{onReport, onIgnore, onClose}, c.OnError) {
		errs.Add("/on_error", "is report, ignore or close")
	}
	p.timeout = c.Timeout.Std()
	endpoint.CheckDuration(c.Timeout, "/timeout", 100*time.Millisecond, maxTimeout, errs)
	number(c.Rate, "/messages_per_second", maxRate, errs)
	number(c.Burst, "/burst", maxBurst, errs)
	number(c.Concurrency, "/concurrency", maxConcurrency, errs)
	if c.Ping != 0 {
		endpoint.CheckDuration(c.Ping, "/ping", minPing, maxPing, errs)
	}
	p.opt = policy.SocketOptions{Concurrency: c.Concurrency, Rate: c.Rate, Burst: c.Burst, Ping: c.Ping.Std()}
	if p.token = c.Token.Value(d.Secret, "/token", "", errs); !fieldedit.Legal(p.token) {
		errs.Add("/token", "the secret holds a control character")
	}
}

// choose compiles the choice of a path by what a message says.
func (p *bridge) choose(c *Config, errs *contract.FieldErrors) {
	switch {
	case c.Select == "" && len(c.Paths) > 0:
		errs.Add("/select", "is needed with paths: where a message says what it is, such as \"/action\"")
	case c.Select != "" && len(c.Paths) == 0:
		errs.Add("/paths", "is needed with select")
	case len(c.Paths) > maxPaths:
		errs.Add("/paths", fmt.Sprintf("has %d entries, at most %d are allowed", len(c.Paths), maxPaths))
	case c.Select != "":
		var err error
		if p.where, err = document.ParsePath(c.Select); err != nil {
			errs.Add("/select", err.Error())
		}
	}
	for _, value := range slices.Sorted(maps.Keys(c.Paths)) {
		at := "/paths" + contract.Pointer(value)
		if len(value) > maxValue {
			errs.Add(at, fmt.Sprintf("a value has at most %d bytes", maxValue))
		}
		checkPath(c.Paths[value], at, errs)
	}
	p.paths = c.Paths
}

func checkPath(s, at string, errs *contract.FieldErrors) {
	if canon, _, err := match.CanonPath(nil, s); err != nil || canon != s || s[0] != '/' || len(s) > maxPath {
		errs.Add(at, fmt.Sprintf("is a canonical path of at most %d bytes, such as \"/message\"", maxPath))
	}
}

func number(n int, at string, most int, errs *contract.FieldErrors) {
	if n < 1 || n > most {
		errs.Add(at, fmt.Sprintf("is from 1 to %d", most))
	}
}
