package contract

import (
	"testing"
	"time"
)

// TestStreamsNeedTheirSchema: an edge that knows no streams must not get them.
func TestStreamsNeedTheirSchema(t *testing.T) {
	with := sampleGateway()
	with.Streams = []Stream{{Name: "s", Protocol: StreamTCP, Port: 9000, Upstream: "app"}}
	target := sampleGateway()
	target.Upstreams = append([]Upstream(nil), target.Upstreams...)
	target.Upstreams = append(target.Upstreams, Upstream{Name: "db", Targets: []Target{{URL: "tcp://a.example.com:5432"}}})
	for name, g := range map[string]*Gateway{"a stream": with, "a stream's target": target} {
		if n := DocumentNeeds(g); n != 3 {
			t.Errorf("%s needs schema %d", name, n)
		}
	}
}

func TestStreamDefaults(t *testing.T) {
	for _, c := range []struct {
		s         Stream
		transport string
		idle      time.Duration
	}{
		{Stream{Protocol: StreamTCP}, StreamTCP, DefaultStreamIdle},
		{Stream{Protocol: StreamTLS}, StreamTCP, DefaultStreamIdle},
		{Stream{Protocol: StreamUDP}, StreamUDP, DefaultFlowIdle},
		{Stream{Protocol: StreamUDP, IdleTimeout: Duration(time.Hour)}, StreamUDP, time.Hour},
	} {
		if got := c.s.Transport(); got != c.transport || c.s.Idle() != c.idle {
			t.Errorf("%+v: %s, %v", c.s, got, c.s.Idle())
		}
	}
}
