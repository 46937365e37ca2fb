package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest asks for Await.
func (p *function) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

// Await invokes the function and answers.
func (p *function) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	f := p.facts(x)
	event, err := p.event(f)
	if err != nil {
		return x.Reject(contract.CodeInternal, 0)
	}
	if len(event) > maxPayload {
		return x.RejectDetail(contract.CodeBodyTooLarge, 0, "the request is larger than a function takes, which is 6 MiB as an event")
	}
	ctx, cancel := context.WithTimeout(b.Context(), p.timeout)
	defer cancel()
	switch p.invocation {
	case invokeStream:
		return p.stream(ctx, b, x, event)
	case invokeAsync:
		if _, err := p.invoke(ctx, event, types.InvocationTypeEvent); err != nil {
			return p.failed(ctx, x, err)
		}
		return x.AnswerFrom(policy.FromIntegration, 202, "", nil)
	}
	raw, err := p.invoke(ctx, event, types.InvocationTypeRequestResponse)
	if err != nil {
		return p.failed(ctx, x, err)
	}
	a, err := p.parse(raw, mediaType(f.get("Accept")))
	if err != nil {
		return p.failed(ctx, x, err)
	}
	a.stand(x)
	if a.status == 204 || a.status == 304 {
		a.body = nil
	}
	return x.AnswerFrom(policy.FromIntegration, a.status, a.contentType, a.body)
}

func (p *function) event(f *facts) ([]byte, error) {
	if p.version2 {
		return p.event2(f)
	}
	return p.event1(f)
}

// invoke returns what the function returned.
func (p *function) invoke(ctx context.Context, event []byte, how types.InvocationType) (raw []byte, err error) {
	in := &lambda.InvokeInput{FunctionName: &p.name, InvocationType: how, Payload: event}
	if p.qualifier != "" {
		in.Qualifier = &p.qualifier
	}
	err = p.retried(ctx, func() error {
		out, err := p.client.Invoke(ctx, in)
		switch {
		case err != nil:
			return err
		case out.FunctionError != nil:
			return functionError(*out.FunctionError, out.Payload)
		}
		raw = out.Payload
		return nil
	})
	return raw, err
}

// failure is a function that ended with an error of its own.
type failure struct{ what string }

func (e *failure) Error() string { return e.what }

const maxNote = 500

// functionError tells what the function's runtime said, for the tenant's eyes.
func functionError(kind string, payload []byte) error {
	var said struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	_ = json.Unmarshal(payload, &said) // a runtime may say anything
	return &failure{bound("the function failed (" + kind + ") " + strings.TrimSpace(said.Type+": "+said.Message))}
}

func bound(s string) string {
	if len(s) > maxNote {
		s = strings.ToValidUTF8(s[:maxNote], "") + "…"
	}
	return s
}

// failed answers for an invocation that gave no response. What went wrong stands
// in the trace; callers are told what kind of thing it was.
func (p *function) failed(ctx context.Context, x *policy.Exchange, err error) policy.Action {
	code, detail, retry := p.code(ctx, err)
	if what, _ := serviceError(err); what == "ExpiredTokenException" && p.role != nil {
		p.role.distrust()
	}
	x.Note(p.note(err))
	return x.RejectDetail(code, retry, detail)
}

func (p *function) code(ctx context.Context, err error) (code contract.Code, detail string, retry time.Duration) {
	var bad *badAnswer
	var own *failure
	var busy *types.TooManyRequestsException
	var untaken *roleError
	switch {
	case errors.As(err, &bad):
		if p.explains {
			return contract.CodeUpstreamProtocol, bad.Error(), 0
		}
		return contract.CodeUpstreamProtocol, "the function's answer is malformed", 0
	case errors.As(err, &own):
		return contract.CodeUpstreamProtocol, "the function failed", 0
	case errors.As(err, &busy):
		return contract.CodeUpstreamBusy, "the function is invoked as often as it may be", retryAfter(busy)
	case ctx.Err() != nil && errors.As(err, &untaken):
		return contract.CodeUpstreamTimeout, "the function took too long", 0
	case errors.As(err, &untaken):
		return contract.CodeUpstreamUnavailable, "the function can't be invoked at the moment", time.Second
	case errors.Is(err, errTooLong):
		return contract.CodeUpstreamProtocol, "the function's answer is longer than 6 MiB", 0
	case ctx.Err() != nil:
		return contract.CodeUpstreamTimeout, "the function took too long", 0
	}
	switch what, _ := serviceError(err); what {
	case "":
		var unmade *dialError
		if code := policy.CodeOf(err); code != contract.CodeUpstreamUnavailable || errors.As(err, &unmade) {
			return code, "the function can't be reached", 0
		}
		return contract.CodeUpstreamReset, "the connection to the function broke off", 0
	case "RequestTooLargeException":
		return contract.CodeBodyTooLarge, "the request is larger than the function takes", 0
	case "ServiceException", "EC2ThrottledException", "ENILimitReachedException", "ResourceNotReadyException", "SnapStartNotReadyException":
		return contract.CodeUpstreamUnavailable, "the function can't be invoked at the moment", time.Second
	}
	return contract.CodeUpstreamProtocol, "the function can't be invoked", 0
}

// note is the sentence in the trace: the service's words, never a key.
func (p *function) note(err error) string {
	var bad *badAnswer
	var own *failure
	var untaken *roleError
	what, said := serviceError(err)
	switch {
	case errors.As(err, &untaken) && what != "":
		return bound(fmt.Sprintf("assuming the role %s: %s: %s", untaken.arn, what, said))
	case errors.As(err, &untaken):
		return bound("assuming the role " + untaken.arn + ": " + plainly(untaken.err))
	case errors.As(err, &bad), errors.As(err, &own), errors.Is(err, errTooLong):
		return err.Error()
	case what != "":
		return bound(fmt.Sprintf("invoking %s: %s: %s", p.name, what, said))
	}
	return "invoking " + p.name + ": " + policy.CodeOf(err).String()
}

// plainly is what went wrong with STS, which may be our own word on its answer.
func plainly(err error) string {
	var connection interface{ Timeout() bool }
	if errors.As(err, &connection) {
		return policy.CodeOf(err).String()
	}
	return err.Error()
}
