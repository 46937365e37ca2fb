package engine

import (
	"context"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// answer writes what the edge itself answers: Reply holds it. Policies that said
// Next see it on its way out.
func (j *job) answer(ctx context.Context) {
	body := j.reply()
	body, ok := j.respond(ctx, body)
	if !ok || j.ended == policy.EndedByClient {
		j.cl.abort(j)
		return
	}
	j.send(body)
}

// respond runs the response side over an answer that is in memory.
func (j *job) respond(ctx context.Context, body []byte) (out []byte, ok bool) {
	if j.chain == nil {
		return body, true
	}
	st := j.chain.EngineRespond(j.x)
	for range 4 * policy.MaxChain {
		switch st {
		case policy.EngineGo:
			if b, replaced := j.e.Replacement(); replaced {
				body = b
			}
			return j.filtered(body)
		case policy.EngineNeedBody:
			if body, ok = j.collected(body); !ok {
				return nil, false
			}
			st = j.chain.EngineRespond(j.x)
		case policy.EngineSuspended:
			st = j.await(ctx)
		case policy.EngineTurned, policy.EngineFailed:
			j.panicked()
			body = j.reply()
			st = j.chain.EngineRespond(j.x)
		default:
			return nil, false
		}
	}
	return nil, false
}

// collected gives an answer that is in memory to the policy that asked for the whole
// of it.
func (j *job) collected(body []byte) ([]byte, bool) {
	body, ok := j.filtered(body)
	if !ok {
		return nil, false
	}
	j.e.Unfilter(policy.OnTheResponse)
	w := &j.whole[policy.OnTheResponse]
	w.Reset()
	w.Add(body)
	j.e.RespBody = w
	return body, true
}

// filtered sends an answer in memory through the response's filters.
func (j *job) filtered(body []byte) ([]byte, bool) {
	if on, _ := j.e.Filtered(policy.OnTheResponse); !on {
		return body, true
	}
	out, err := j.e.Push(j.x, policy.OnTheResponse, body, true, maxFiltered)
	if err != nil {
		j.panicked()
		return nil, false
	}
	return out, true
}

// maxFiltered bounds what a filter may make of one body, in bytes.
const maxFiltered = 1 << 30

// send writes an answer that is in memory.
func (j *job) send(body []byte) {
	r := &j.e.Resp
	has := !j.e.CameMethod().Is("HEAD") && r.Status != 204 && r.Status != 304 && r.Status >= 200
	length := int64(len(body))
	if r.Status == 304 || !has && (r.Length < 0 || len(body) == 0 && r.Length > 0) {
		length = -1 // what it would say is the length of what the client has, or would get by GET (RFC 9110, 8.6)
	}
	j.cl.begin(j, length, has)
	if err := j.cl.write(j, body, true); err != nil {
		j.ended = endedBy(err)
		j.cl.abort(j)
	}
}

// reply puts Reply in the response's place and returns its body. What a backend
// had answered is gone; what the policy set for its own answer stands.
func (j *job) reply() []byte {
	e := j.e
	r := e.Reply
	if e.Resp.Origin != policy.FromEdge {
		e.RespHeader.Reset()
		e.RespTrailer.Reset()
	}
	e.Resp.Origin = r.Origin
	e.Forget()
	if r.Status != 0 && (r.Status < 200 || r.Status > 599) {
		r = policy.EngineReply{Code: contract.CodeInternal}
	}
	if r.Status/100 == 2 && j.shake != nil && j.shake.client == "" {
		r = policy.EngineReply{Code: contract.CodeUpgradeRefused, Detail: "no WebSocket is opened here"} // a client would take it for open
	}
	var body []byte
	if r.Status != 0 {
		j.refused, j.code = false, 0
		e.Resp.Status, body = r.Status, r.Body
		j.foreign(r.Origin)
		if r.ContentType != "" {
			e.Resp.Header.Set(policy.ContentType, r.ContentType)
		}
	} else {
		j.refused, j.code, j.detail = true, r.Code, r.Detail
		body = j.problem(&r)
		j.retryAfter(r.Code, r.Retry)
	}
	e.Resp.Length = int64(len(body))
	return body
}

// foreign makes an answer that is not the edge's own one that is counted, and
// takes from it what a backend may not say either.
func (j *job) foreign(o policy.Origin) {
	if o == policy.FromEdge {
		return
	}
	if !j.admitted && !j.e.Dry {
		j.attribute()
		j.admit()
	}
	j.cleanResponse()
}

// retryAfter sets Retry-After, in whole seconds, rounded up.
func (j *job) retryAfter(code contract.Code, retry time.Duration) {
	if retry <= 0 {
		if !code.Info().Retryable {
			return
		}
		retry = time.Second
	}
	var b [20]byte
	j.e.Resp.Header.SetBytes(policy.RetryAfter, strconv.AppendInt(b[:0], int64((retry+time.Second-1)/time.Second), 10))
}

// endedBy says who ended an exchange whose answer could not be written.
func endedBy(err error) policy.Ended {
	switch err {
	case errClientSlow:
		return policy.EndedByTimeout
	case errClientGone:
		return policy.EndedByClient
	}
	return policy.EndedByUpstream
}
