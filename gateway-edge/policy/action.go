package policy

import (
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Action is what a hook decides. It is made only by an Exchange; the zero Action
// refuses with 500, so that a forgotten branch fails closed.
type Action struct{ k uint8 }

const (
	actInvalid uint8 = iota
	actNext
	actWait
	actReject
	actAnswer
	actStreamed
	actAccept
)

// Next goes on.
func (x *Exchange) Next() Action { return Action{actNext} }

// Wait asks for the policy's Await where blocking is allowed.
func (x *Exchange) Wait() Action { return Action{actWait} }

// Reject answers with an error of the table. Retry, when positive, becomes
// Retry-After. Fields set on Response().Header before stand on the answer.
func (x *Exchange) Reject(c contract.Code, retry time.Duration) Action {
	return x.RejectDetail(c, retry, "")
}

// RejectDetail is Reject with a sentence for the caller, which must not hold
// anything the caller may not see. It is kept until the end of the exchange.
func (x *Exchange) RejectDetail(c contract.Code, retry time.Duration, detail string) Action {
	x.e.Reply = EngineReply{Code: c, Retry: retry, Detail: detail}
	return Action{actReject}
}

// RejectFields is RejectDetail with every bad field: they stand in the problem's
// "errors". A policy bounds how many it gives, and how long they are.
func (x *Exchange) RejectFields(c contract.Code, detail string, fields contract.FieldErrors) Action {
	x.e.Reply = EngineReply{Code: c, Detail: detail, Fields: fields}
	return Action{actReject}
}

// Answer answers with a body that must stay unchanged until the end of the
// exchange. Fields set on Response().Header before stand on the answer. The
// answer is the edge's own: it is never billed.
func (x *Exchange) Answer(status int, contentType string, body []byte) Action {
	x.e.Reply = EngineReply{Status: status, ContentType: contentType, Body: body}
	return Action{actAnswer}
}

// AnswerFrom is Answer with what a cache or an integration gave: the answer is
// billed like a backend's.
func (x *Exchange) AnswerFrom(o Origin, status int, contentType string, body []byte) Action {
	x.e.Reply = EngineReply{Status: status, ContentType: contentType, Body: body, Origin: o}
	return Action{actAnswer}
}

// EngineReply is an answer that a policy made.
type EngineReply struct {
	Status      int // 0: the error Code
	ContentType string
	Body        []byte
	Origin      Origin
	Code        contract.Code
	Retry       time.Duration
	Detail      string
	Fields      contract.FieldErrors
}

// Refusal is an error of the edge's own that is on its way to the client.
type Refusal struct {
	Code   contract.Code
	Detail string
	Fields contract.FieldErrors
}

// Refusal tells a Responder that the response is an error of the edge's own. It
// reports false for one that gRPC clients read, which has another form.
func (x *Exchange) Refusal() (Refusal, bool) {
	r := &x.e.Reply
	if !x.e.responding || x.e.Resp.Origin != FromEdge || r.Status != 0 || x.e.RespHeader.find(GRPCStatus) != nil {
		return Refusal{}, false
	}
	return Refusal{r.Code, r.Detail, r.Fields}, true
}
