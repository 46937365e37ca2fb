package publish

import (
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// webSocket checks how a route takes WebSockets.
func webSocket(f *findings, at string, doc *contract.Gateway, r *contract.Route) {
	w := r.WebSocket
	if w.MaxMessageBytes < 0 || w.MaxMessageBytes > contract.MaxMaxMessage {
		f.addf(at+"/max_message_bytes", "must be from 0 (the default, %d) to %d", contract.DefaultMaxMessage, contract.MaxMaxMessage)
	}
	if w.IdleTimeout != 0 && w.IdleTimeout.Std() < contract.MinWebSocketIdle {
		f.addf(at+"/idle_timeout", "is %s: must be at least %s", w.IdleTimeout, contract.MinWebSocketIdle)
	}
	duration(f, at+"/idle_timeout", w.IdleTimeout, contract.MaxWebSocketTime)
	duration(f, at+"/max_lifetime", w.MaxLifetime, contract.MaxWebSocketTime)
	if len(w.Origins) > contract.MaxOrigins {
		f.addf(at+"/origins", "has %d entries, at most %d are allowed", len(w.Origins), contract.MaxOrigins)
		return
	}
	for i, o := range w.Origins {
		if _, _, err := match.ParseOrigin(o); err != nil {
			f.add(fmt.Sprintf("%s/origins/%d", at, i), err.Error())
		}
	}
	for i := range doc.Upstreams {
		if u := &doc.Upstreams[i]; u.Name == r.Upstream && !speaksHTTP1(u) {
			f.addf(at, "upstream %.64q speaks %s: WebSockets need one that speaks http1", u.Name, u.Protocol)
		}
	}
}
