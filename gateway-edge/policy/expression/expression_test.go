package expression_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/expression"
)

// exchange is a request to look at.
func exchange(who *policy.Principal) *policy.Exchange {
	x := policy.EngineNew(func() int64 { return 1 }, nil)
	e := policy.EngineOf(x)
	e.Req.Method, e.Req.Scheme, e.Req.Host, e.Req.Path = policy.Static("GET"), policy.Static("https"), policy.Static("api.example.com"), policy.Static("/users/7")
	e.Req.Query = policy.Static("lang=de&q=a+b%21&lang=fr&bad=%zz")
	e.ReqHeader.AppendString("X-Team", "blue")
	e.ReqHeader.AppendString("Accept", "text/html")
	e.ReqHeader.AppendString("accept", "*/*")
	e.ClientAddr = netip.MustParseAddr("::ffff:10.1.2.3")
	e.Params[0], e.ParamCount = policy.Param{Name: "user", Value: policy.Static("7")}, 1
	policy.EngineAuthenticate(x, who)
	return x
}

var (
	who = &policy.Principal{
		ConsumerName: "alice", Scopes: []string{"read"},
		Claims: map[string]any{"level": float64(3), "groups": []any{"a"}, "nested": map[string]any{"x": true}},
	}
	known = expression.Facts{Country: "DE", UsagePlan: "gold", Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
)

func TestTrue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`request.method == "GET" && request.scheme == "https" && request.host == "api.example.com"`: true,
		`request.path.startsWith("/users/") && request.path.matches("^/users/[0-9]+$")`:             true,
		`request.params.user == "7"`:                              true,
		`request.query.lang == "de" && request.query.q == "a b!"`: true,
		`request.query.bad == "%zz"`:                              true,
		`"absent" in request.query`:                               false,
		`request.headers["x-team"] == "blue"`:                     true,
		`request.headers["accept"] == "text/html, */*"`:           true,
		`request.headers[?"x-none"].orValue("none") == "none"`:    true,
		`has(request.headers.nothing)`:                            false,
		`client.ip == "10.1.2.3" && client.ip.in_network("10.0.0.0/8") && !client.ip.in_network("192.168.0.0/16")`: true,
		`client.country in ["DE", "FR"]`:                                                                       true,
		`consumer.name == "alice" && consumer.usage_plan == "gold"`:                                            true,
		`"read" in consumer.scopes && !("write" in consumer.scopes)`:                                           true,
		`consumer.claims.level >= 3 && consumer.claims.nested.x && consumer.claims.groups.exists(g, g == "a")`: true,
		`now.getHours() == 12 && now.getDayOfWeek() == 0`:                                                      true,
		`now.getHours("Europe/Berlin") == 13`:                                                                  true,
		`now < timestamp("2026-11-22T12:00:01Z")`:                                                              true,
	} {
		e, err := expression.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := e.True(exchange(who), known); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
}

// TestNobody: on a public route the caller's variables are empty, not missing.
func TestNobody(t *testing.T) {
	t.Parallel()
	e, err := expression.Compile(`consumer.name == "" && size(consumer.scopes) == 0 && size(consumer.claims) == 0`)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := e.True(exchange(nil), expression.Facts{}); !ok || err != nil {
		t.Error(ok, err)
	}
	key, err := expression.Compile(`has(consumer.claims.sub)`)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := key.True(exchange(&policy.Principal{}), expression.Facts{}); ok || err != nil {
		t.Error("a key without claims:", ok, err)
	}
}

func TestFails(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`request.headers["x-none"] == "a"`, `consumer.claims.absent == 1`, `client.ip.in_network("nonsense")`, `1 / (size(request.path) - 8) == 1`,
	} {
		e, err := expression.Compile(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if ok, err := e.True(exchange(who), known); ok || err == nil {
			t.Errorf("%s: %v, %v", text, ok, err)
		}
	}
}

// TestCost: an evaluation that would run long is cut.
func TestCost(t *testing.T) {
	t.Parallel()
	e, err := expression.Compile(`consumer.scopes.all(a, consumer.scopes.all(b, a + b != "x"))`)
	if err != nil {
		t.Fatal(err)
	}
	many := &policy.Principal{}
	for range 300 {
		many.Scopes = append(many.Scopes, strings.Repeat("s", 100))
	}
	if _, err := e.True(exchange(many), known); err == nil || !strings.Contains(err.Error(), "cost") {
		t.Errorf("300 × 300 comparisons: %v", err)
	}
	if ok, err := e.True(exchange(who), known); !ok || err != nil {
		t.Error(ok, err)
	}
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "empty",
		" \n":                       "empty",
		"1 + 1":                     "type int",
		"request.method = 'GET'":    "line 1, column",
		"\nrequest.body == ''":      "line 2, column",
		"request.path.matches('(')": "line 1",
		"strings.Repeat('a')":       "line 1",
		strings.Repeat("a", 5000):   "4096",
		strings.Repeat("(", 500):    "recursion limit",
	} {
		if _, err := expression.Compile(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`request.method == "GET"`)
	f.Add(`client.ip.in_network("10.0.0.0/8") ? true : has(consumer.claims.x)`)
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := expression.Compile(text); err == nil {
			_, _ = e.True(exchange(who), known)
		}
	})
}

func BenchmarkTrue(b *testing.B) {
	e, err := expression.Compile(`request.method == "GET" && "read" in consumer.scopes && consumer.claims.level >= 3`)
	if err != nil {
		b.Fatal(err)
	}
	x := exchange(who)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := e.True(x, known); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
