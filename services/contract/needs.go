package contract

// DocumentNeeds returns the oldest schema that can read a gateway's document, by
// what it uses: the capability gate holds back what a live edge could not read,
// and nothing else. Whoever adds a field to a document adds a line here.
func DocumentNeeds(g *Gateway) int {
	if g.Tracing != nil {
		return 4
	}
	for i := range g.Routes {
		if r := &g.Routes[i]; len(r.Match.Claims) > 0 || r.Integration != nil {
			return 4
		}
	}
	if len(g.ClientCertificates) > 0 || len(g.OpenAPI) > 0 {
		return 3
	}
	for i := range g.Upstreams {
		if g.Upstreams[i].needsSchema3() {
			return 3
		}
	}
	if len(g.Streams) > 0 {
		return 3
	}
	for i := range g.Routes {
		if g.Routes[i].WebSocket != nil {
			return 3
		}
	}
	return DocumentSchema
}

// needsSchema3 reports whether the upstream uses a field or a word of schema 3.
func (u *Upstream) needsSchema3() bool {
	if u.Algorithm == LeastTime || u.Algorithm == RandomOfTwo || u.Breaker != nil || u.Sessions != nil || u.Queue != nil ||
		u.MaxRequests != 0 || u.SlowStart != 0 || u.DrainTimeout != 0 {
		return true
	}
	if t := u.TLS; t != nil && (t.ServerName != "" || t.MinVersion != "" || t.ClientCertificate != SecretRef{}) {
		return true
	}
	for i := range u.Targets {
		if t := &u.Targets[i]; IsStreamTarget(t.URL) || t.Priority != 0 || t.Backup || t.MaxRequests != 0 || t.SRV {
			return true
		}
	}
	if h := u.Health; h != nil && (h.Type == "grpc" || h.Type == "udp" || len(h.Headers) > 0 || h.BodyContains != "" || h.BodyRegex != "" || h.Service != "") {
		return true
	}
	if o := u.Outlier; o != nil && (o.Consecutive5xx != 0 || o.MinSuccessPercent != 0 || o.MinRequests != 0 || o.MaxEjection != 0) {
		return true
	}
	if r := u.Retries; r != nil {
		for _, on := range r.On {
			if on == "500" {
				return true
			}
		}
		return r.Backoff != 0 || r.MaxBackoff != 0
	}
	return false
}
