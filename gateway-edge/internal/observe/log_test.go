package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/services/contract"
)

func sample() *Record {
	return &Record{
		Time: 1_795_000_000_123, RequestID: "0197-abc", Organization: 1, Gateway: 2, Version: 3, RouteNum: 4, Route: "orders",
		Method: "GET", Host: "shop.example.com", Path: "/v1/orders/17", Query: "page=2&sort=asc", Protocol: "HTTP/1.1",
		Client: netip.MustParseAddr("192.0.2.7"), UserAgent: "curl/8.5", Consumer: "acme", ConsumerNum: 5, Key: 77,
		Status: 200, Billed: true, Target: "http://10.0.0.1:80", Tries: 1, BytesIn: 300, BytesOut: 1200, EdgeMicros: 85, UpstreamMicros: 12_345,
	}
}

func decode(t testing.TB, line []byte) contract.LogRecord {
	t.Helper()
	var r contract.LogRecord
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return r
}

func TestRecordHasEveryFieldOfTheContract(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Code, r.Aborted, r.DurationMicros = "internal", "client", 1_500_000
	r.Trace = &contract.Trace{Edge: "e", Route: "orders", Status: 200}
	r.Place, r.Traced, r.TookMicros = Place{High: 1, Low: 2, Parent: 3, Span: 0xabc}, true, 1234
	r.Parts = []Part{{Kind: contract.SpanTry, Name: "http://a", At: 5, Took: 6, ID: 7, Failed: true, Code: "upstream_reset"}, {Kind: contract.SpanPolicy, Name: "jwt"}}
	got := decode(t, appendRecord(nil, "edge-a", r))
	want := contract.LogRecord{
		Time: r.Time, RequestID: r.RequestID, Edge: "edge-a", Organization: 1, Gateway: 2, Version: 3, RouteNum: 4, Route: "orders",
		Method: "GET", Host: r.Host, Path: r.Path, Query: r.Query, Protocol: "HTTP/1.1", Client: "192.0.2.7", UserAgent: "curl/8.5",
		Consumer: "acme", ConsumerNum: 5, Key: contract.FormatKID(77), Status: 200, Code: "internal", Billed: true, Target: r.Target, Tries: 1,
		BytesIn: 300, BytesOut: 1200, EdgeMS: 0.085, UpstreamMS: 12.345, DurationMS: 1500, Aborted: "client", Trace: r.Trace,
		TraceID: "00000000000000010000000000000002", SpanID: "0000000000000abc", ParentID: "0000000000000003", Traced: true, TookUS: 1234,
		Spans: []contract.Span{
			{Kind: contract.SpanTry, Name: "http://a", At: 5, Took: 6, ID: "0000000000000007", Failed: true, Code: "upstream_reset"},
			{Kind: contract.SpanPolicy, Name: "jwt"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	v := reflect.ValueOf(got)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("field %s is never written", v.Type().Field(i).Name)
		}
	}
}

// TestMSC11 sends what log injection is made of (reliability.md 3.14).
func TestMSC11(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"CRLF": "a\r\nforged: line", "ANSI": "\x1b[2J\x1b[31mred", "NUL": "a\x00b", "DEL": "a\x7fb",
		"separators": "a\u2028b\u2029c", "fake fields": `","status":200,"billed":false,"x":"`, "backslash": `\`,
		"invalid": "\xff\xfe\xc0\xaf", "bidi": "a\u202eb\u2066c", "C1": "a\u0085b\u009bc", "BOM": "\ufeffa",
		"half rune": strings.Repeat("a", maxAgent-1) + "é", "64 KiB": strings.Repeat("Mozilla ", 8<<10), "surrogate": "\xed\xa0\x80",
	} {
		r := sample()
		r.Method, r.Path, r.Query, r.Host, r.UserAgent, r.RequestID, r.Consumer = bad, bad, bad, bad, bad, bad, bad
		r.Trace = &contract.Trace{Path: bad, Host: bad, Method: bad}
		line := appendRecord(nil, "edge-a", r)
		if len(line) > 3*(maxPath+maxQuery+maxHost)+8192 {
			t.Errorf("%s: the line is %d bytes", name, len(line))
		}
		if !utf8.Valid(line) {
			t.Errorf("%s: the line is not UTF-8", name)
		}
		for _, c := range string(line) {
			if c < 0x20 || c == 0x7f || c == 0x2028 || c == 0x2029 || c >= 0x80 && c < 0xa0 || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
				t.Errorf("%s: %U stands in the line", name, c)
			}
		}
		if got := decode(t, line); got.Status != 200 || !got.Billed {
			t.Errorf("%s: fields were forged: %s", name, line)
		}
	}
}

// TestMSC12 looks for canaries of every credential in what is logged.
func TestMSC12(t *testing.T) {
	t.Parallel()
	key, _, err := contract.GenerateKey(contract.KeyPrefixLive)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := contract.GenerateKey(contract.TokenPrefix)
	if err != nil {
		t.Fatal(err)
	}
	jwt := "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ"
	for _, secret := range []string{key, token, jwt, key[:len(key)-8], "CANARY-1234"} {
		places := []func(*Record){
			func(r *Record) { r.Query = "a=1&api_key=" + secret + "&b=2" },
			func(r *Record) { r.Query = "API%5FKey=" + secret },
			func(r *Record) { r.Query = "access_token=" + secret + "=" + secret },
			func(r *Record) { r.Query, r.Credential = "a=1&my%4bey="+secret, "mykey" },
		}
		if secret != "CANARY-1234" { // recognised wherever it stands
			places = append(places,
				func(r *Record) { r.Path = "/callback/" + secret + "/x" },
				func(r *Record) { r.Path = "/" + strings.Repeat("a", maxPath-40) + "/" + secret },
				func(r *Record) { r.UserAgent = "agent (" + secret + ")" },
				func(r *Record) { r.Query = "q=" + secret },
				func(r *Record) { r.Query = secret },
				func(r *Record) { r.Host = secret + ".example.com" },
				func(r *Record) { r.Method = secret },
				func(r *Record) { r.RequestID = secret },
				func(r *Record) {
					r.Trace = &contract.Trace{Path: "/" + secret, Key: secret, Detail: "bad key " + secret, Host: secret}
				})
		}
		for i, put := range places {
			r := sample()
			put(r)
			line := appendRecord(nil, "edge-a", r)
			decode(t, line)
			// Any ten characters of the secret part are too many.
			tail := secret[max(0, len(secret)-20):]
			for j := 0; j+10 <= len(tail); j++ {
				if bytes.Contains(line, []byte(tail[j:j+10])) {
					t.Errorf("place %d: %q of %q stands in %s", i, tail[j:j+10], secret, line)
					break
				}
			}
		}
	}
	r := sample()
	r.Query = "page=2&sort=asc&keyword=shoes&monkey=1"
	if got := decode(t, appendRecord(nil, "e", r)); got.Query != r.Query {
		t.Errorf("harmless query became %q", got.Query)
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	l := NewLog(LogConfig{Edge: "edge-a", Keys: testKeys(t), Out: &bytes.Buffer{}, Buffer: 64 << 20})
	r := sample()
	for range 20_000 { // grow the buffers
		l.Write(r)
	}
	for i := range l.stripes {
		l.stripes[i].served = l.stripes[i].served[:0]
	}
	if n := alloctest.PerRun(1000, func() { l.Write(r) }); n != 0 {
		t.Errorf("%v allocations a record, want 0", n)
	}
}

func TestServedRecordsNeverPushOutRefusedOnes(t *testing.T) {
	t.Parallel()
	out := &bytes.Buffer{}
	l := NewLog(LogConfig{Edge: "edge-a", Keys: testKeys(t), Out: out, Buffer: 64 << 10})
	served, refused := sample(), sample()
	refused.Status, refused.Code = 429, "rate_limited"
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range 2000 {
				l.Write(served)
			}
		})
	}
	all.Wait()
	for range 10 {
		l.Write(refused)
	}
	s := l.Stats()
	if s.Dropped == 0 || s.Written+s.Dropped != 4010 {
		t.Errorf("stats %+v: want a full buffer and every record accounted for", s)
	}
	if err := l.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if uint64(len(lines)) != s.Written {
		t.Errorf("%d lines, want %d", len(lines), s.Written)
	}
	for i := range 10 {
		if decode(t, lines[i]).Code != "rate_limited" {
			t.Errorf("line %d is not a refused one", i)
		}
	}
}

func TestOneGatewayCannotUseUpTheLog(t *testing.T) {
	t.Parallel()
	l := NewLog(LogConfig{Edge: "edge-a", Keys: testKeys(t)})
	loud, quiet := sample(), sample()
	quiet.Gateway = 3
	for range 5000 {
		l.Write(loud)
	}
	if !l.Full(loud.Gateway, false) || l.Full(quiet.Gateway, false) || l.Full(loud.Gateway, true) {
		t.Error("Full is wrong about who may write")
	}
	before := l.Stats()
	l.Write(quiet)
	if s := l.Stats(); before.Limited == 0 || s.Written != before.Written+1 {
		t.Errorf("before %+v, after %+v: the other gateway's record was left out", before, s)
	}
}

func TestShippedRecordsArriveSigned(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t)
	l := NewLog(LogConfig{Edge: `edge-"a`, Keys: testKeys(t), Redis: rdb})
	const n = 700 // more than one batch
	for i := range n {
		r := sample()
		r.RequestID, r.Gateway = fmt.Sprint("r", i), uint64(i%3+1)
		if i%7 == 0 {
			r.Status, r.Code, r.Trace = 503, "overloaded", &contract.Trace{Detail: "x"}
		}
		l.Write(r)
	}
	if err := l.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	entries, err := rdb.XRange(context.Background(), contract.RedisLogs(contract.LogStream(`edge-"a`)), "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var order []string
	for _, e := range entries {
		var b contract.LogBatch
		if err := contract.DecodeMessage(testKeys(t), contract.MessageLog, []byte(e.Values[contract.BatchField].(string)), &b); err != nil {
			t.Fatal(err)
		}
		if b.Edge != `edge-"a` || len(b.Records) > contract.MaxLogRecords {
			t.Errorf("batch of %q with %d records", b.Edge, len(b.Records))
		}
		for _, r := range b.Records {
			seen[r.RequestID] = true
			order = append(order, r.Code)
		}
	}
	if len(seen) != n || l.Stats().Shipped != n {
		t.Errorf("%d records arrived, %+v", len(seen), l.Stats())
	}
	if order[0] != "overloaded" || order[len(order)-1] != "" {
		t.Error("refused records do not come first")
	}
}

func TestDeadRedisOnlyDrops(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t)
	rdb.Close()
	l := NewLog(LogConfig{Edge: "edge-a", Keys: testKeys(t), Redis: rdb})
	l.Write(sample())
	if err := l.flush(context.Background()); err == nil {
		t.Error("no error from a dead Redis")
	}
	if s := l.Stats(); s.Dropped != 1 || s.ShipErrors != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	share := func(f float64) *float64 { return &f }
	for _, c := range []struct {
		in   *float64
		want Share
	}{{nil, math.MaxUint32}, {share(1), math.MaxUint32}, {share(2), math.MaxUint32}, {share(0), 0}, {share(-1), 0}, {share(math.NaN()), 0}, {share(0.5), math.MaxUint32 / 2}} {
		if got := ShareOf(c.in); got != c.want {
			t.Errorf("ShareOf(%v) = %d, want %d", c.in, got, c.want)
		}
	}
	half, n := ShareOf(share(0.5)), 0
	for range 10_000 {
		if half.Wants(200, "", "") {
			n++
		}
	}
	if n < 4500 || n > 5500 {
		t.Errorf("half a share logs %d of 10000", n)
	}
	var none Share
	if none.Wants(200, "", "") || !none.Wants(500, "", "") || !none.Wants(404, "no_route", "") || !none.Wants(0, "", "client") {
		t.Error("a share of 0 must log failures only")
	}
}

func FuzzAppendRecord(f *testing.F) {
	f.Add("GET", "/a", "a=1&key=x", "agent", "tg_live_0123456789_abcdefabcdef")
	f.Add("\x00", "\u2028", "%zz&&=&=", "\xff", "eyJ")
	f.Fuzz(func(t *testing.T, method, path, query, agent, host string) {
		r := sample()
		r.Method, r.Path, r.Query, r.UserAgent, r.Host, r.Credential = method, path, query, agent, host, method
		line := appendRecord(nil, "e", r)
		if bytes.ContainsAny(line, "\n\r\x1b\x00") {
			t.Errorf("control character in %q", line)
		}
		if got := decode(t, line); got.Status != r.Status || got.EdgeMS != 0.085 {
			t.Errorf("fields changed: %s", line)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	l := NewLog(LogConfig{Edge: "edge-a", Keys: testKeys(b), Out: &bytes.Buffer{}, Buffer: 1 << 20})
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		l.Write(r)
	}
}
