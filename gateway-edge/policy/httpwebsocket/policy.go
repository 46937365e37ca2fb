package httpwebsocket

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/reshape"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the integration's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "http_websocket",
	Phase:   policy.PhaseIntegrate,
	Answers: true,
	Request: policy.Need{Mode: policy.NeedWhole, Max: maxMessage},
	New:     New,
}

// Config is the integration's configuration; schema.json describes the same fields.
type Config struct {
	Upstream string `json:"upstream"`
	// Path is where the WebSocket is opened; "": the request's own path.
	Path string `json:"path"`
	// Message is what is sent; nil: the request's body.
	Message *Message `json:"message"`
	// SendAs is "auto", "text" or "binary".
	SendAs string `json:"send_as"`
	// Answer is "first" or "stream".
	Answer string `json:"answer"`
	// ContentType is that of the first message as a response; "": by what it is.
	ContentType  string   `json:"content_type"`
	Subprotocols []string `json:"subprotocols"`
	// MaxMessageBytes bounds messages either way, MaxMessages those of a stream.
	MaxMessageBytes int64 `json:"max_message_bytes"`
	MaxMessages     int   `json:"max_messages"`
	// Timeout is until the first message is there, or the stream has begun.
	Timeout     contract.Duration `json:"timeout"`
	IdleTimeout contract.Duration `json:"idle_timeout"`
	MaxDuration contract.Duration `json:"max_duration"`
	Heartbeat   contract.Duration `json:"heartbeat"`
	Connections int               `json:"connections"`
}

// Message is a message of fixed variables: JSON in whose strings they stand, or a
// text.
type Message struct {
	JSON json.RawMessage `json:"json"`
	Text string          `json:"text"`
}

// Bounds of a configuration.
const (
	maxPath         = 1024
	maxMessage      = 4 << 20
	maxMessages     = 1_000_000
	maxSubprotocols = 10
	maxTimeout      = 5 * time.Minute
	maxIdle         = time.Hour
	maxDuration     = 24 * time.Hour
	minHeartbeat    = time.Second
	maxConnections  = 1000
)

const (
	answerFirst  = "first"
	answerStream = "stream"

	asAuto   = "auto"
	asText   = "text"
	asBinary = "binary"
)

// New makes the integration. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{
		SendAs: asAuto, Answer: answerFirst, MaxMessageBytes: 1 << 20, MaxMessages: 10_000,
		Timeout: contract.Duration(10 * time.Second), IdleTimeout: contract.Duration(time.Minute),
		MaxDuration: contract.Duration(15 * time.Minute), Heartbeat: contract.Duration(15 * time.Second), Connections: 100,
	}
	p := &bridge{}
	if err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, d, errs) }); err != nil {
		return nil, err
	}
	return p, nil
}

// bridge is immutable but for open, which outlives it.
type bridge struct {
	Config
	up     policy.Opener
	make   *reshape.Change // nil: the request's body
	allow  string
	open   *atomic.Int64 // connections of the route
	behind policy.Behind
}

var (
	_ policy.Waiter = (*bridge)(nil)
	_ policy.Needer = (*bridge)(nil)
)

func (p *bridge) compile(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	p.Config, p.behind = *c, d.Behind
	if p.open = new(atomic.Int64); d.State != nil {
		p.open = d.State("http_websocket "+d.Scope.Route, func() any { return p.open }).(*atomic.Int64)
	}
	p.allow = strings.Join(slices.DeleteFunc(slices.Clone(d.Scope.Methods), func(m string) bool { return m == "HEAD" }), ", ")
	if p.allow == "" {
		p.allow = "GET, POST, PUT, PATCH, DELETE"
	}
	p.connect(c, d, errs)
	if c.Path != "" {
		if canon, _, err := match.CanonPath(nil, c.Path); err != nil || canon != c.Path || c.Path[0] != '/' || len(c.Path) > maxPath {
			errs.Add("/path", fmt.Sprintf("is a canonical path of at most %d bytes, such as \"/socket\"", maxPath))
		}
	}
	if m := c.Message; m != nil {
		p.message(m, d, errs)
	}
	choice(c.SendAs, "/send_as", errs, asAuto, asText, asBinary)
	choice(c.Answer, "/answer", errs, answerFirst, answerStream)
	if c.ContentType != "" {
		endpoint.CheckText(c.ContentType, "/content_type", 256, errs)
	}
	if c.MaxMessageBytes < 1 || c.MaxMessageBytes > maxMessage {
		errs.Add("/max_message_bytes", fmt.Sprintf("is from 1 to %d", maxMessage))
	}
	number(c.MaxMessages, "/max_messages", maxMessages, errs)
	number(c.Connections, "/connections", maxConnections, errs)
	endpoint.CheckDuration(c.Timeout, "/timeout", 100*time.Millisecond, maxTimeout, errs)
	endpoint.CheckDuration(c.IdleTimeout, "/idle_timeout", time.Second, maxIdle, errs)
	endpoint.CheckDuration(c.MaxDuration, "/max_duration", time.Second, maxDuration, errs)
	if c.Heartbeat != 0 {
		endpoint.CheckDuration(c.Heartbeat, "/heartbeat", minHeartbeat, maxIdle, errs)
	}
}

// connect finds the upstream.
func (p *bridge) connect(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	if len(c.Subprotocols) > maxSubprotocols {
		errs.Add("/subprotocols", fmt.Sprintf("has %d entries, at most %d are allowed", len(c.Subprotocols), maxSubprotocols))
	}
	for i, s := range c.Subprotocols {
		if !token(s) || len(s) > 64 {
			errs.Add(contract.Pointer("subprotocols", i), "has 1 to 64 letters, digits, dots and the like, and no comma")
		}
	}
	if c.Upstream == "" {
		errs.Add("/upstream", "is needed: one of the gateway's upstreams")
		return
	}
	up, err := d.Upstream(c.Upstream)
	if err != nil {
		errs.Add("/upstream", err.Error())
		return
	}
	var ok bool
	if p.up, ok = up.(policy.Opener); !ok {
		errs.Add("/upstream", "speaks HTTP/2: WebSockets need an upstream that speaks http1")
	}
}

// message compiles a message of the operator's own.
func (p *bridge) message(m *Message, d policy.Deps, errs *contract.FieldErrors) {
	if len(m.JSON) == 0 && m.Text == "" {
		errs.Add("/message", "is json or text")
		return
	}
	var found contract.FieldErrors
	p.make = reshape.Compile(&reshape.Config{Replace: &reshape.Replace{JSON: m.JSON, Text: m.Text}}, reshape.Options{Params: d.Scope.Params}, &found)
	for _, e := range found {
		errs.Add("/message"+strings.TrimPrefix(e.Pointer, "/replace"), e.Detail)
	}
}

func choice(s, at string, errs *contract.FieldErrors, of ...string) {
	if !slices.Contains(of, s) {
		errs.Add(at, "is "+strings.Join(of[:len(of)-1], ", ")+" or "+of[len(of)-1])
	}
}

func number(n int, at string, most int, errs *contract.FieldErrors) {
	if n < 1 || n > most {
		errs.Add(at, fmt.Sprintf("is from 1 to %d", most))
	}
}

// token is RFC 9110's.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// Needs is the request's body where it is the message.
func (p *bridge) Needs() (request, response policy.Need) {
	if p.make == nil {
		request = policy.Need{Mode: policy.NeedWhole, Max: p.MaxMessageBytes}
	}
	return request, response
}
