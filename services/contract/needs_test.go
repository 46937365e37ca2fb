package contract

import "testing"

// TestDocumentNeeds: what is new raises the schema that a document is marked with,
// and nothing else does.
func TestDocumentNeeds(t *testing.T) {
	t.Parallel()
	if n := DocumentNeeds(sampleGateway()); n != DocumentSchema {
		t.Errorf("the first version's document needs schema %d", n)
	}
	if n := DocumentNeeds(&Gateway{Tracing: &Tracing{}}); n != 4 {
		t.Errorf("tracing needs schema %d", n)
	}
	for name, u := range map[string]Upstream{
		"algorithm": {Algorithm: LeastTime},
		"limit":     {MaxRequests: 1},
		"target":    {Targets: []Target{{Backup: true}}},
		"check":     {Health: &HealthCheck{Type: "grpc"}},
		"datagram":  {Health: &HealthCheck{Type: "udp"}},
		"outlier":   {Outlier: &OutlierDetection{Consecutive5xx: 1}},
		"retries":   {Retries: &Retries{On: []string{"500"}}},
		"backoff":   {Retries: &Retries{Backoff: 1}},
		"sessions":  {Sessions: &Sessions{By: "ip"}},
		"breaker":   {Breaker: &CircuitBreaker{}},
	} {
		if n := DocumentNeeds(&Gateway{Upstreams: []Upstream{u}}); n != 3 {
			t.Errorf("%s: schema %d", name, n)
		}
	}
	if n := DocumentNeeds(&Gateway{OpenAPI: []byte("{}")}); n != 3 {
		t.Errorf("an OpenAPI document: schema %d", n)
	}
	claims := Route{Match: Match{Path: "/", Claims: []FieldMatch{{Name: "tier", Exact: "gold"}}}}
	if n := DocumentNeeds(&Gateway{Routes: []Route{claims}, Streams: []Stream{{}}}); n != 4 {
		t.Errorf("claims: schema %d", n)
	}
	integrated := Route{Match: Match{Path: "/"}, Integration: &Policy{Type: "static"}}
	if n := DocumentNeeds(&Gateway{Routes: []Route{{Match: Match{Path: "/a"}}, integrated}}); n != 4 {
		t.Errorf("an integration: schema %d", n)
	}
}
