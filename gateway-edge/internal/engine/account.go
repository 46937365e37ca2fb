package engine

import (
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// This file is the one place that counts. A request is admitted before it is
// dispatched, committed when the client's socket took the first byte of the final
// head, credited when it was admitted and the edge itself ended up answering, and
// done when all is over.

type counter = atomic.Int64

func hotOf(p *policy.Principal) *meter.Hot { return meter.HotOf(&p.Locals[policy.LocalMeter]) }

// admit counts the request before it is dispatched.
func (j *job) admit() {
	j.ticket = j.eng.cfg.Meter.Admit(j.hot, &j.id)
	j.admitted = true
}

// commit is called once, when the first byte of the final head was written.
func (j *job) commit() {
	failpoint.Hit(failpoint.EdgeAfterHeaderWrite)
	e := j.e
	j.committed = j.eng.clock.Boot()
	e.Outcome.Committed = true
	e.Outcome.Status = e.Resp.Status
	e.Outcome.Billable = e.Resp.Origin != policy.FromEdge
	if j.counts == nil {
		return // no gateway answers for this host
	}
	if j.refused {
		j.eng.cfg.Meter.Refuse(j.hot, j.counts, &j.id, j.code, e.Resp.Status)
		return
	}
	j.eng.cfg.Meter.Commit(j.hot, j.counts, &j.id, e.Resp.Status, e.Outcome.Billable)
	if e.Resp.Origin == policy.FromBackend && j.target != nil {
		j.eng.cfg.Meter.Answered(j.counts, j.target.ID, e.Resp.Status)
	}
}

// answeredByTarget reports whether what the client got came from the last target tried.
func (j *job) answeredByTarget() bool {
	return j.target != nil && !j.refused && j.committed != 0 && j.e.Resp.Origin == policy.FromBackend
}

// failed counts a try that gave no answer which is passed on.
func (j *job) failed(t *balance.Target) {
	if j.counts != nil {
		j.eng.cfg.Meter.Failed(j.counts, t.ID)
	}
}

// end ends the exchange: every policy is told, then it is counted and logged.
func (j *job) end() {
	e := j.e
	o := &e.Outcome
	if j.timers != nil && j.timers.dead.Load() {
		j.ended = policy.EndedByEdge
	}
	o.BytesIn, o.BytesOut, o.Ended = j.bodyIn, j.bodyOut, j.ended
	if j.chain != nil {
		j.chain.EngineDone(j.x)
		j.panicked()
	}
	if j.admitted && !o.Billable {
		j.eng.cfg.Meter.Credit(j.ticket)
	}
	edge, upstream := j.spent()
	if j.counts != nil {
		in, out := j.headIn+j.bodyIn, j.headOut+j.bodyOut
		j.eng.cfg.Meter.Done(j.hot, j.counts, &j.id, in-j.carried[0], out-j.carried[1], edge, upstream)
		if j.answeredByTarget() {
			j.eng.cfg.Meter.AnsweredDone(j.counts, j.target.ID, in, out, upstream)
		}
	}
	if m := j.eng.cfg.Metrics; m != nil {
		m.End(protocols[j.cl.protocol()].metric, o.Status, j.code, j.refused, edge, upstream)
		if j.sent != 0 && j.rt != nil {
			m.Sent(j.integration(), o.Status, j.code, j.refused, upstream)
		}
		if e.EngineNoted() {
			m.Reported(e.EngineReported())
		}
	}
	if !j.shed || j.sampled() {
		j.log(edge, upstream)
	}
	j.leave()
}

// integration is how the request was sent on.
func (j *job) integration() observe.Integration {
	switch i := j.rt.Integration; {
	case i != observe.IntegrationHTTP:
		return i
	case j.head.WebSocket:
		return observe.IntegrationWebSocket
	case j.cl.protocol().multiplexed() && j.grpc() == "application/grpc":
		return observe.IntegrationGRPC
	default:
		return i
	}
}

// tally is what was counted of a WebSocket so far: it may last for a day, and what it
// carries counts when it is carried, not when it ends, which an edge that is killed
// never sees.
type tally struct {
	hot   *meter.Hot
	id    contract.CounterID
	heads [2]int64 // bytes of the handshake

	mu       sync.Mutex // guards what follows: the sweeper and the tunnel's end may meet
	bytes    [2]int64   // from the client, and to it
	messages [2]int64
}

// account counts what was carried since the last time.
func (t *tunnel) account() {
	y := &t.tally
	y.mu.Lock()
	defer y.mu.Unlock()
	bytes := [2]int64{y.heads[0] + t.up.in.Load(), y.heads[1] + t.down.out.Load()}
	messages := [2]int64{t.up.messages.Load(), t.down.messages.Load()}
	if bytes == y.bytes && messages == y.messages {
		return
	}
	in, out := bytes[0]-y.bytes[0], bytes[1]-y.bytes[1]
	t.eng.cfg.Meter.Carried(y.hot, &y.id, in, out)
	if m := t.eng.cfg.Metrics; m != nil {
		m.Carried(in, out, messages[0]-y.messages[0], messages[1]-y.messages[1])
	}
	y.bytes, y.messages = bytes, messages
}

// leave notes that the request is no longer under way.
func (j *job) leave() {
	j.exit()
	if j.entered {
		j.entered = false
		j.eng.served.Add(1)
		j.eng.open.Add(-1)
	}
}

// spent splits the time until the answer began, in microseconds: by the edge, and
// waiting for the upstream.
func (j *job) spent() (edge, upstream int64) {
	end := j.committed
	if end == 0 {
		end = j.eng.clock.Boot()
	}
	if j.sent != 0 {
		answered := j.answered
		if answered == 0 {
			answered = end
		}
		upstream = answered - j.sent
	}
	return max(0, end-j.began-upstream) / 1000, upstream / 1000
}

// log writes the access log's record of the exchange.
func (j *job) log(edge, upstream int64) {
	l := j.eng.cfg.Log
	if l == nil || j.gw == nil {
		return
	}
	code := ""
	if j.refused {
		code = j.code.String()
	}
	status := j.e.Outcome.Status
	bad := code != "" || status >= 500 || j.ended != policy.EndedWell
	traced, export := j.wanted(edge + upstream)
	logged := (traced || j.gw.LogShare.Wants(status, code, j.ended.String())) && !l.Full(j.id.Gateway, bad)
	if !logged && !export {
		return
	}
	r := observe.Record{
		Time: j.eng.clock.Milli(j.began), RequestID: policy.EngineString(j.idText),
		Organization: j.id.Organization, Gateway: j.id.Gateway, Version: j.gw.Doc.Version, RouteNum: j.id.Route,
		Method: policy.EngineString(j.e.CameMethod()), Host: policy.EngineString(j.host),
		Path: policy.EngineString(j.path), Query: policy.EngineString(j.query),
		Protocol: protocols[j.cl.protocol()].name, Client: j.e.ClientAddr,
		Status: status, Code: code,
		Billed: j.e.Outcome.Billable && j.gw.Doc.Mode != contract.ModeTest, Tries: j.tries,
		BytesIn: j.headIn + j.bodyIn, BytesOut: j.headOut + j.bodyOut,
		EdgeMicros: edge, UpstreamMicros: upstream, Aborted: j.ended.String(),
		Place: j.tracing.place, Traced: traced, Export: export, Unlogged: !logged,
	}
	if traced || export {
		r.Parts, r.TookMicros = j.parts(), (j.eng.clock.Boot()-j.began)/1000
	}
	if ua, ok := j.e.Req.Header.Get(policy.UserAgent); ok {
		r.UserAgent = policy.EngineString(ua)
	}
	if j.rt != nil {
		r.Route = j.rt.Policy.Name
	}
	if p := j.e.Caller(); p != nil {
		r.Consumer, r.ConsumerNum, r.Key = p.ConsumerName, p.Consumer, p.Key
	}
	if j.target != nil {
		r.Target = j.target.URL.String()
	}
	if bad || j.random&(traceShare-1) == 0 || j.e.EngineNoted() {
		r.Trace = j.trace()
	}
	l.Write(&r)
}

// traceShare: one of so many requests that went well keeps its decision trace.
const traceShare = 256

// trace tells after the fact how the request was decided.
func (j *job) trace() *contract.Trace {
	t := &contract.Trace{
		Edge: j.eng.cfg.Edge, Gateway: j.gw.Doc.Name, Version: j.gw.Doc.Version,
		Host: j.host.Clone(), Method: j.e.CameMethod().Clone(), Path: j.path.Clone(),
		Status: j.e.Outcome.Status, Detail: j.detail,
	}
	if j.rt != nil {
		t.Route = j.rt.Policy.Name
		t.Policies = j.chain.EngineVerdicts(j.x)
	}
	if p := j.e.Caller(); p != nil {
		t.Consumer, t.Key = p.ConsumerName, p.KeyDisplay
	}
	if j.refused {
		t.Code = j.code.String()
	}
	if j.target != nil {
		t.Target = j.target.URL.String()
	}
	return t
}

// protocol is what a client speaks.
type protocol uint8

const (
	protocolHTTP1 protocol = iota
	protocolHTTP2
	protocolHTTP3
)

// protocols are what the log, the Via field and the metrics say.
var protocols = [...]struct {
	name, via string
	metric    observe.Protocol
}{
	protocolHTTP1: {"HTTP/1.1", "1.1 " + gate.Pseudonym, observe.HTTP1},
	protocolHTTP2: {"HTTP/2.0", "2.0 " + gate.Pseudonym, observe.HTTP2},
	protocolHTTP3: {"HTTP/3.0", "3.0 " + gate.Pseudonym, observe.HTTP3},
}

// multiplexed: requests are streams of a connection, which can end alone.
func (p protocol) multiplexed() bool { return p != protocolHTTP1 }
