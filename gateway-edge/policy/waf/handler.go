package waf

import (
	"context"
	"errors"
	"runtime"
	"strings"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/tidwall/gjson"

	"github.com/tollgate/tollgate/gateway-edge/policy"
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
	pass      bool       // bodies that are too large
	responses *responses // nil: answers are not looked at
	rules     map[int]bool
	tags      []string
	params    []Exclusion // names in lower case
	line      *turn.Line  // the gateway's
}

var (
	_ policy.Needer    = (*firewall)(nil)
	_ policy.Chooser   = (*firewall)(nil)
	_ policy.Waiter    = (*firewall)(nil)
	_ policy.Responder = (*firewall)(nil)
)

func newFirewall(c *Config, e *engine, r *responses) *firewall {
	w := &firewall{
		engine: e, block: c.Mode == "block", threshold: c.Threshold, maxBody: c.MaxBody, pass: c.LargeBodies == "pass", responses: r,
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

// Needs is the request's whole body, and the answer's where that is looked at.
func (w *firewall) Needs() (request, response policy.Need) {
	if w.responses != nil {
		response = policy.Need{Mode: policy.NeedWhole, Max: w.responses.max}
	}
	return policy.Need{Mode: policy.NeedWhole, Max: w.maxBody}, response
}

// WantsBody leaves alone what the rules do not read: media, archives and the like,
// and with large_bodies "pass", or where it only detects, what is too large.
func (w *firewall) WantsBody(x *policy.Exchange, side policy.Side) bool {
	if side == policy.OnTheResponse {
		return w.responses.wants(x)
	}
	if (w.pass || !w.block) && x.Request().Length > w.maxBody {
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

// Await looks through the request, and the second time through the answer, when
// its turn has come.
func (w *firewall) Await(b policy.Blocking, x *policy.Exchange, s *policy.Slot) policy.Action {
	back := s.N[0] != 0
	if !back {
		w.responses.ask(x)
	}
	if !w.line.Enter(b) {
		if w.block || errors.Is(b.Context().Err(), context.Canceled) {
			return x.Reject(contract.CodeOverloaded, 0)
		}
		x.Note("not looked at: too many others were")
		return x.Next()
	}
	defer w.line.Leave()
	if back {
		v := w.lookBack(x)
		return w.decideBack(x, &v)
	}
	v := w.look(x)
	return w.decide(x, &v)
}

// look runs the rules.
func (w *firewall) look(x *policy.Exchange) (v verdict) {
	tx := w.engine.waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	head(tx, x)
	tx.ProcessRequestHeaders()
	body, why := readAll(x.Request().Header, x.Body(), w.maxBody)
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
	if len(v.notes) > 0 {
		x.Note(v.summary(w.threshold))
	}
	if w.block && v.bad(w.threshold) {
		return x.Reject(contract.CodeAttackSuspected, 0)
	}
	return x.Next()
}
