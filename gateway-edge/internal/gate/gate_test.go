package gate

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func newExchange() *policy.EngineExchange {
	return policy.EngineOf(policy.EngineNew(func() int64 { return 1 }, match.CanonPath))
}

const plainHead = "GET /v1/items/42?page=2 HTTP/1.1\r\nHost: demo.localhost\r\nUser-Agent: curl/8.5.0 (x86_64)\r\n" +
	"Accept: */*\r\nX-API-Key: tg_live_0123456789_abcdefghijklmnopqrstuvwxyzABCDEF012345\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\nCookie: session=abcdef0123456789; theme=dark\r\nX-Tenant: blue\r\n" +
	"X-Forwarded-For: 10.1.2.3\r\nConnection: keep-alive\r\n\r\n"

func TestParseRequestAllocatesNothing(t *testing.T) {
	e, h, b := newExchange(), &Head{}, []byte(plainHead)
	round := func() {
		e.Reset()
		if n, f := h.ParseRequest(e, b); n != len(b) || f != nil {
			t.Fatal(n, f)
		}
	}
	round()
	if n := alloctest.PerRun(100, round); n != 0 {
		t.Errorf("%v allocations a head, want 0", n)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	e, h, buf := newExchange(), &Head{}, []byte(plainHead)
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		e.Reset()
		if n, f := h.ParseRequest(e, buf); n == 0 || f != nil {
			b.Fatal(f)
		}
	}
}
