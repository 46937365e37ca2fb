package engine

import (
	"net/http"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// announcement is what answers say of HTTP/3: made once, so that none pays for it.
type announcement struct {
	line   string   // of HTTP/1.1
	values []string // of HTTP/2; shared by all answers, never changed
}

// Announce makes answers over TLS of HTTP/1.1 and HTTP/2 carry an Alt-Svc field
// (RFC 7838, 3) with this value; "" ends it. So does the engine's drain.
func (e *Engine) Announce(value string) {
	if value == "" {
		e.announced.Store(nil)
		return
	}
	e.announced.Store(&announcement{line: "Alt-Svc: " + value + "\r\n", values: []string{value}})
}

// alternative is what the job's answer announces; nil: nothing. What a policy has
// set stands.
func (e *Engine) alternative(j *job) *announcement {
	if !j.info.TLS {
		return nil
	}
	a := e.announced.Load()
	if a == nil || e.draining.Load() || j.e.Resp.Header.Has(policy.AltSvc) || j.e.Resp.Status == http.StatusMisdirectedRequest {
		return nil
	}
	return a
}
