package engine

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// cleanResponse removes from a backend's head what it may not say: cookies for
// the domain that all gateways share.
func (j *job) cleanResponse() {
	e := j.e
	if e.Resp.Header.Has(policy.SetCookie) && j.eng.cfg.Domain != "" {
		host := policy.EngineString(j.host)
		if strings.HasSuffix(host, j.eng.cfg.Domain) {
			j.dropCookies(host)
		}
	}
}

// dropCookies removes cookies whose Domain reaches beyond the gateway's host: on
// the shared domain they would be sent to other tenants.
func (j *job) dropCookies(host string) {
	id := policy.EngineNameID(policy.SetCookie)
	fields := j.e.RespHeader.Fields()
	for i := range fields {
		if f := &fields[i]; f.ID == id && !f.Dead && cookieEscapes(f.Value, host) {
			j.e.RespHeader.Kill(i)
		}
	}
}

// cookieEscapes reports whether a Set-Cookie value names a domain other than
// host itself or one below it.
func cookieEscapes(value, host string) bool {
	_, attrs, _ := strings.Cut(value, ";")
	for attrs != "" {
		var a string
		a, attrs, _ = strings.Cut(attrs, ";")
		name, v, ok := strings.Cut(strings.TrimSpace(a), "=")
		if !ok || !policy.Static(strings.TrimSpace(name)).Fold("domain") {
			continue
		}
		d := strings.TrimPrefix(strings.TrimSpace(v), ".")
		if d == "" || policy.Static(d).Fold(host) {
			continue
		}
		if len(d) > len(host) && d[len(d)-len(host)-1] == '.' && policy.Static(d[len(d)-len(host):]).Fold(host) {
			continue
		}
		return true
	}
	return false
}
