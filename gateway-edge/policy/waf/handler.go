package waf

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/tidwall/gjson"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/scan"
	"github.com/tollgate/tollgate/gateway-edge/policy/turn"
	"github.com/tollgate/tollgate/services/contract"
)

// cores are the processors that look through requests: a body that is made for it
// takes seconds, and one is left for everything else that the edge does.
var (
	cores   = max(1, runtime.GOMAXPROCS(0)-1)
	looking = turn.NewRoom(cores)
)

// firewall is immutable.
type firewall struct {
	engine    *engine
	block     bool
	threshold int
	maxBody   int64
	pass      bool // bodies that are too large
	rules     map[int]bool
	tags      []string
	params    []Exclusion // names in lower case
	line      *turn.Line  // the gateway's
}

var (
	_ policy.Needer  = (*firewall)(nil)
	_ policy.Chooser = (*firewall)(nil)
	_ policy.Waiter  = (*firewall)(nil)
)

func newFirewall(c *Config, e *engine) *firewall {
	w := &firewall{
		engine: e, block: c.Mode == "block", threshold: c.Threshold, maxBody: c.MaxBody, pass: c.LargeBodies == "pass",
		rules: map[int]bool{}, tags: c.ExcludeTags, line: looking.Line((cores + 1) / 2),
	}
	for _, id := range c.ExcludeRules {
		w.rules[id] = true
	}
	for _, x := range c.ExcludeParameters {
		x.Name = strings.ToLower(x.Name)
		w.params = append(w.params, x)
	}
	return w
}

// Needs is the request's whole body.
func (w *firewall) Needs() (request, response policy.Need) {
	return policy.Need{Mode: policy.NeedWhole, Max: w.maxBody}, policy.Need{}
}

// WantsBody leaves alone what the rules do not read: media, archives and the like,
// and with large_bodies "pass" what is too large.
func (w *firewall) WantsBody(x *policy.Exchange, _ policy.Side) bool {
	if w.pass && x.Request().Length > w.maxBody {
		return false
	}
	v, typed := x.Request().Header.Get(policy.ContentType)
	if !typed {
		return true
	}
	m, ok := scan.ReadMediaType(v)
	if !ok || m.Kind != scan.Other {
		return true
	}
	for _, p := range []string{"image/", "video/", "audio/", "font/", "application/octet-stream", "application/zip", "application/gzip", "application/pdf", "application/grpc"} {
		if m.Type.HasPrefixFold(p) {
			return false
		}
	}
	return true
}

// OnRequest hands the request over: looking through it takes too long for a loop
// that carries other connections.
func (w *firewall) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

// Await looks through the request.
func (w *firewall) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	if !w.line.Enter(b) {
		if w.block || errors.Is(b.Context().Err(), context.Canceled) {
			return x.Reject(contract.CodeOverloaded, 0)
		}
		x.Note("not looked at: too many others were")
		return x.Next()
	}
	defer w.line.Leave()
	v := w.look(x)
	return w.decide(x, &v)
}

// look runs the rules.
func (w *firewall) look(x *policy.Exchange) (v verdict) {
	tx := w.engine.waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	w.head(tx, x)
	tx.ProcessRequestHeaders()
	body, why := w.readBody(x)
	if why != "" {
		v.note(why, w.block)
	} else if !w.arguments(tx, x, body) {
		v.note("more arguments than are looked at", true)
	}
	// An error says that the body can't be read, which a rule says too.
	_, _ = tx.ProcessRequestBody()
	w.judge(tx, &v)
	return v
}

// head hands the request's head to the rules, in strings of its own: the
// transaction keeps them.
func (w *firewall) head(tx types.Transaction, x *policy.Exchange) {
	q := x.Request()
	tx.ProcessConnection(x.Client().String(), 0, "", 0)
	tx.ProcessURI(target(x.Asked(), q.Query), q.Method.Clone(), "HTTP/1.1")
	decoded := coding.Of(q.Header) == coding.Gzip // the rules see the body without it
	host := q.Host.Clone()
	tx.SetServerName(host)
	tx.AddRequestHeader("Host", host)
	length := false
	for name, value := range q.Header.Each() {
		if name.Fold("Host") || decoded && name.Fold("Content-Encoding") {
			continue
		}
		length = length || name.Fold("Content-Length") || name.Fold("Transfer-Encoding")
		tx.AddRequestHeader(name.Clone(), value.Clone())
	}
	switch {
	case length:
	case q.Length > 0:
		tx.AddRequestHeader("Content-Length", strconv.FormatInt(q.Length, 10))
	case q.Length < 0:
		tx.AddRequestHeader("Transfer-Encoding", "chunked")
	default:
		if q.Method.Is("POST") || q.Method.Is("PUT") || q.Method.Is("PATCH") {
			tx.AddRequestHeader("Content-Length", "0")
		}
	}
}

// target puts path and query together. The path is the canonical one: what would
// be read as something else in a target is escaped again.
func target(path, query policy.Text) string {
	b := make([]byte, 0, path.Len()+query.Len()+1)
	for i := range path.Len() {
		switch c := path.At(i); {
		case c <= ' ' || c == '%' || c == '?' || c == '#' || c == 0x7F:
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		default:
			b = append(b, c)
		}
	}
	if !query.Empty() {
		b = query.AppendTo(append(b, '?'))
	}
	return string(b)
}

// readBody joins the body, decoded; why it can't be read.
func (w *firewall) readBody(x *policy.Exchange) (body []byte, why string) {
	b := x.Body()
	if b.Len() == 0 {
		return nil, ""
	}
	switch coding.Of(x.Request().Header) {
	case coding.Plain:
		body = make([]byte, 0, b.Len())
		for p := range b.Chunks() {
			body = append(body, p...)
		}
	case coding.Gzip:
		switch err := coding.Decode(b.Chunks(), w.maxBody, func(p []byte) bool {
			body = append(body, p...)
			return true
		}); {
		case errors.Is(err, coding.ErrTooLarge):
			return nil, "the decoded body is larger than max_body_bytes"
		case err != nil:
			return nil, "the body is not what its Content-Encoding says"
		}
	default:
		return nil, "the body's Content-Encoding is not one that can be undone"
	}
	return body, ""
}

// arguments hands the body to the rules: JSON value by value without the plain
// ones, all else as it is. False: it has more values than are looked at.
func (w *firewall) arguments(tx types.Transaction, x *policy.Exchange, body []byte) bool {
	if len(body) == 0 {
		return true
	}
	if w.engine.filter != nil && isJSON(x) && wellFormed(body) {
		f := flatten{tx: tx, f: w.engine.filter, key: append(make([]byte, 0, 256), "json"...)}
		return f.walk(gjson.ParseBytes(body))
	}
	_, n, err := tx.WriteRequestBody(body)
	return err == nil && n == len(body)
}

// isJSON reports whether the rule set reads the body as JSON.
func isJSON(x *policy.Exchange) bool {
	v, _ := x.Request().Header.Get(policy.ContentType)
	m, ok := scan.ReadMediaType(v)
	return ok && m.Kind == scan.KindJSON && m.UTF8() && m.Type.HasPrefixFold("application/")
}

var jsonLimits = scan.JSONLimits{
	Depth: maxDepth - 1, Keys: maxBody, ArrayLength: maxBody, Values: maxBody, KeyLength: maxBody, StringLength: maxBody, NumberLength: 1000,
	Duplicates: true,
}

// wellFormed reports whether a text is JSON that no two readers take apart in two
// ways; what is not is left to Coraza's reader, and the rules about it.
func wellFormed(body []byte) bool {
	var s scan.JSON
	s.Reset(&jsonLimits, false)
	return s.Feed(body) && s.End()
}

// decide refuses what is an attack, and notes what matched for the tenant.
func (w *firewall) decide(x *policy.Exchange, v *verdict) policy.Action {
	bad := v.hard || v.score >= w.threshold
	if len(v.notes) > 0 {
		x.Note("score " + strconv.Itoa(v.score) + " of " + strconv.Itoa(w.threshold) + ": " + strings.Join(v.notes, ", "))
	}
	if bad && w.block {
		return x.Reject(contract.CodeAttackSuspected, 0)
	}
	return x.Next()
}
