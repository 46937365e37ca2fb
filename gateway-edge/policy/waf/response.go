package waf

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/corazawaf/coraza/v3"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/services/contract"
)

// responseEngines hold the rules about responses alone. A response is looked at
// in a transaction of its own, so that nothing of the request is held while the
// backend works.
var responseEngines [maxLevel + 1]func() (coraza.WAF, error)

func init() {
	for level := range responseEngines {
		responseEngines[level] = sync.OnceValues(func() (coraza.WAF, error) {
			w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(responseDirectives(level)))
			if err != nil {
				return nil, fmt.Errorf("compile the rules about responses: %w", err)
			}
			return w, nil
		})
	}
}

// responseType is the media type under which every body is handed over: which are
// looked at is decided here.
const responseType = "text/plain"

func responseDirectives(level int) string {
	return fmt.Sprintf(`
Include @crs-setup.conf.example
SecRuleEngine DetectionOnly
SecAuditEngine Off
SecDebugLogLevel 0
SecRxPreFilter Off
SecRequestBodyAccess Off
SecResponseBodyAccess On
SecResponseBodyMimeType %s
SecResponseBodyLimit %d
SecResponseBodyLimitAction ProcessPartial
SecAction "id:190002,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=%d,setvar:tx.detection_paranoia_level=%d"
Include @owasp_crs/REQUEST-901-INITIALIZATION.conf
Include @owasp_crs/RESPONSE-*.conf
`, responseType, 2*maxBody, level, level)
}

// responses is how answers are looked at.
type responses struct {
	waf       coraza.WAF
	threshold int
	max       int64
	strict    bool // bodies that are longer are refused
}

// textual reports whether a body is of a type that the rules are about: text, JSON,
// XML, scripts, and those that nobody named. Streams of events are not.
func textual(h policy.Headers) bool {
	v, typed := h.Get(policy.ContentType)
	if !typed {
		return true
	}
	typ, _, _ := v.Cut(';')
	switch typ = typ.Trim(); {
	case typ.HasPrefixFold("text/event-stream"), typ.HasPrefixFold("application/stream"), typ.HasPrefixFold("application/x-ndjson"):
		return false
	case typ.HasPrefixFold("text/"), typ.Empty(), suffixFold(typ, "json"), suffixFold(typ, "xml"), suffixFold(typ, "javascript"):
		return true
	}
	return false
}

func suffixFold(t policy.Text, suffix string) bool {
	return t.Len() >= len(suffix) && t.Slice(t.Len()-len(suffix), t.Len()).Fold(suffix)
}

// meant reports whether an answer is looked at: one that is not the edge's own, is
// whole, and ends.
func (r *responses) meant(x *policy.Exchange) bool {
	a := x.Response()
	return r != nil && a.Origin != policy.FromEdge && a.Status >= 200 && a.Status != 206 && a.Status != 304
}

func bodiless(x *policy.Exchange) bool {
	s := x.Response().Status
	return x.Request().Method.Is("HEAD") || s == 204 || s == 205
}

// wants takes a body that can be looked at. A length that nobody told is taken
// only where a longer body may be refused.
func (r *responses) wants(x *policy.Exchange) bool {
	if !r.meant(x) || bodiless(x) || !textual(x.Response().Header) {
		return false
	}
	n := x.Response().Length
	return r.strict || n >= 0 && n <= r.max
}

// ask makes the backend answer with a body that is whole and not encoded: else a
// caller could choose what is not looked at.
func (r *responses) ask(x *policy.Exchange) {
	if r != nil {
		h := x.Request().Header
		h.Del(policy.AcceptEncoding)
		h.Del(policy.Range)
	}
}

// OnResponse hands the answer over, as OnRequest does.
func (w *firewall) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	if !w.responses.meant(x) {
		return x.Next()
	}
	s.N[0] = 1
	return x.Wait()
}

// lookBack runs the rules about responses.
func (w *firewall) lookBack(x *policy.Exchange) (v verdict) {
	tx := w.responses.waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	tx.ProcessRequestHeaders() // the rules' variables are set there
	var body []byte
	if w.responses.wants(x) {
		var why string
		if body, why = readAll(x.Response().Header, x.Body(), w.responses.max); why != "" {
			v.note(why, true)
		}
	}
	tx.AddResponseHeader("Content-Type", responseType)
	tx.ProcessResponseHeaders(x.Response().Status, "HTTP/1.1")
	_, _, _ = tx.WriteResponseBody(body)
	_, _ = tx.ProcessResponseBody()
	w.judge(tx, &v)
	return v
}

// decideBack is decide for an answer.
func (w *firewall) decideBack(x *policy.Exchange, v *verdict) policy.Action {
	if len(v.notes) > 0 {
		x.Note("response " + v.summary(w.responses.threshold))
	}
	if w.block && v.bad(w.responses.threshold) {
		return x.RejectDetail(contract.CodeResponseInvalid, 0, "")
	}
	return x.Next()
}

// readAll joins a body of at most limit bytes, decoded; why it can't be read.
func readAll(h policy.Headers, b policy.Body, limit int64) (body []byte, why string) {
	if b.Len() == 0 {
		return nil, ""
	}
	c := coding.Of(h)
	if c == coding.Plain {
		body = make([]byte, 0, b.Len())
	}
	switch err := coding.Decode(c, b.Chunks(), limit, func(p []byte) bool {
		body = append(body, p...)
		return true
	}); err {
	case nil:
		return body, ""
	case coding.ErrTooLarge:
		return nil, "the decoded body is larger than " + strconv.FormatInt(limit, 10) + " bytes"
	case coding.ErrUnknown:
		return nil, "the body's Content-Encoding is not one that can be undone"
	}
	return nil, "the body is not what its Content-Encoding says"
}
