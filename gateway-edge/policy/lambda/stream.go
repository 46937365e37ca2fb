package lambda

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	// integrationType is the content type of a stream that begins with the response's
	// head, as a JSON object and eight zero bytes.
	integrationType = "application/vnd.awslambda.http-integration-response"
	// framesType is that of the frames themselves.
	framesType = "application/vnd.amazon.eventstream"
	// maxPrelude bounds that head, in bytes.
	maxPrelude = 16 << 10
)

var delimiter = make([]byte, 8)

// errCut is a stream that broke off.
var errCut = errors.New("the function's stream broke off")

// stream invokes the function and passes on what it says as it comes.
func (p *function) stream(ctx context.Context, b policy.Blocking, x *policy.Exchange, event []byte) policy.Action {
	in := &lambda.InvokeWithResponseStreamInput{FunctionName: &p.name, Payload: event}
	if p.qualifier != "" {
		in.Qualifier = &p.qualifier
	}
	var out *lambda.InvokeWithResponseStreamOutput
	err := p.retried(ctx, func() (err error) {
		out, err = p.client.InvokeWithResponseStream(ctx, in)
		return err
	})
	if err != nil {
		return p.failed(ctx, x, err)
	}
	events := out.GetStream()
	defer events.Close()
	s := &source{events: events.Events(), err: events.Err}
	a, first, err := p.streamHead(s, out.ResponseStreamContentType)
	if err != nil {
		return p.failed(ctx, x, err)
	}
	a.stand(x)
	x.Response().Header.Set(policy.ContentType, a.contentType)
	w, err := b.Writer(policy.FromIntegration, a.status)
	if err != nil {
		return x.Reject(contract.CodeInternal, 0)
	}
	for ; err == nil; first, err = s.next() {
		if _, werr := w.Write(first); werr != nil {
			return x.Streamed()
		}
	}
	if err != io.EOF {
		// The head is out: the caller sees an answer without its end.
		x.Note(p.note(err))
		return x.Streamed()
	}
	_ = w.Close()
	return x.Streamed()
}

// streamHead reads the response's head, and what of the body came with it. The
// stream's own content type, which stands in Content-Type (API Reference,
// InvokeWithResponseStream), says whether it begins with one.
func (p *function) streamHead(s *source, contentType *string) (*answer, []byte, error) {
	a := &answer{status: 200, contentType: "application/octet-stream"}
	of := ""
	if contentType != nil {
		of = mediaType(*contentType)
	}
	if of == integrationType {
		return p.headed(s)
	}
	if of != "" && of != framesType && fieldedit.Legal(*contentType) {
		a.contentType = *contentType
	}
	first, err := s.next()
	if err == io.EOF {
		err = nil
	}
	return a, first, err
}

// headed reads a stream's beginning up to the head's end.
func (p *function) headed(s *source) (*answer, []byte, error) {
	var head []byte
	for {
		piece, err := s.next()
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		head = append(head, piece...)
		if at := bytes.Index(head[:min(len(head), maxPrelude+len(delimiter))], delimiter); at >= 0 {
			doc, ok := object(head[:at])
			if !ok {
				return nil, nil, &badAnswer{"", "begins with no JSON object"}
			}
			if _, given := doc["statusCode"]; !given {
				doc["statusCode"] = []byte("200")
			}
			a, err := p.head(doc, true)
			return a, head[at+len(delimiter):], err
		}
		if err == io.EOF || len(head) >= maxPrelude+len(delimiter) {
			return nil, nil, &badAnswer{"", "has no head of at most 16 KiB that ends with eight zero bytes"}
		}
	}
}

// source reads the body out of the events.
type source struct {
	events <-chan types.InvokeWithResponseStreamResponseEvent
	err    func() error
	ended  bool
}

// next returns the next piece; io.EOF at the end that the function meant.
func (s *source) next() ([]byte, error) {
	for !s.ended {
		e, ok := <-s.events
		if !ok {
			s.ended = true
			if err := s.err(); err != nil {
				return nil, err
			}
			return nil, errCut
		}
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			if len(e.Value.Payload) > 0 {
				return e.Value.Payload, nil
			}
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			if s.ended = true; e.Value.ErrorCode != nil {
				what := *e.Value.ErrorCode
				if e.Value.ErrorDetails != nil {
					what += ": " + *e.Value.ErrorDetails
				}
				return nil, &failure{bound("the function failed (" + what + ")")}
			}
		}
	}
	return nil, io.EOF
}
