package template

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// exchange is a request to /orders/7 with everything set that a variable names.
func exchange() *policy.Exchange {
	x := policy.EngineNew(func() int64 { return 1 }, match.CanonPath)
	e := policy.EngineOf(x)
	e.Req.Method, e.Req.Scheme, e.Req.Host = policy.Static("GET"), policy.Static("https"), policy.Static("api.example.com")
	e.Req.Path, e.Req.Query = policy.Static("/orders/7%20a"), policy.Static("a=1")
	e.ClientAddr = netip.MustParseAddr("192.0.2.9")
	e.RequestID = policy.Static("0190aaaa")
	e.Route = &policy.Route{Name: "orders", GatewayName: "shop"}
	e.Params[0] = policy.Param{Name: "id", Value: policy.Static("7%20a")}
	e.Params[1] = policy.Param{Name: "rest", Value: policy.Static("a/b")}
	e.ParamCount = 2
	policy.EngineAuthenticate(x, &policy.Principal{
		ConsumerName: "acme", KeyDisplay: "tg_live_0000000001",
		Claims: map[string]any{"tier": "gold", "n": 7, "mail": "a+b@c=d,e f", "dots": "..", "evil": "a\r\nb", "braces": "{client_ip}"},
	})
	return x
}

func TestAppend(t *testing.T) {
	t.Parallel()
	x := exchange()
	tests := []struct {
		name, in string
		place    Place
		want     string
		none     bool
	}{
		{name: "literal", in: "plain", want: "plain"},
		{name: "empty", in: "", want: ""},
		{name: "braces", in: "{{client_ip}} {{}}", want: "{client_ip} {}"},
		{
			name: "all of them", in: "{client_ip} {request_id} {consumer} {key_id} {route} {gateway} {method} {scheme} {host} {path} {query} {param.id} {claim.tier}",
			want: "192.0.2.9 0190aaaa acme tg_live_0000000001 orders shop GET https api.example.com /orders/7%20a a=1 7%20a gold",
		},
		{name: "expanded once", in: "{claim.braces}", want: "{client_ip}"},
		{name: "claim with a line break", in: "{claim.evil}", none: true},
		{name: "claim that is no string", in: "{claim.n}", none: true},
		{name: "claim that is absent", in: "{claim.none}", none: true},
		{name: "tail of several segments", in: "{param.rest}", none: true},
		{name: "absent parameter", in: "{param.nope}", none: true},
		{name: "escaped in a URL", in: "{claim.braces}/{claim.evil}", place: URL, want: "%7Bclient_ip%7D/a%0D%0Ab"},
		{name: "a dot segment in a URL", in: "/a/{claim.dots}", place: URL, none: true},
		{name: "a segment in canonical form", in: "{claim.mail}", place: Segment, want: "a%2Bb@c=d,e%20f"},
		{name: "canonical parts keep their bytes in a URL", in: "{path}?{query}&{param.id}", place: URL, want: "/orders/7%20a?a=1&7%20a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tpl, err := Parse(tt.in, Options{Vars: All, Place: tt.place})
			if err != nil {
				t.Fatal(err)
			}
			got, ok := tpl.Append(nil, x)
			if ok == tt.none || ok && string(got) != tt.want {
				t.Fatalf("got %q, %v; want %q, %v", got, ok, tt.want, !tt.none)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	some := Options{Vars: Only(Consumer, Param, ClientIP), Params: []string{"id", "name"}}
	for in, want := range map[string]string{
		"{consmer}":               "did you mean {consumer}?",
		"{env.HOME}":              "allowed here are {client_ip}, {consumer}, {param.NAME}",
		"{":                       "character 1: \"{\" is not closed",
		"a}":                      "character 2: \"}\" closes nothing",
		"{}":                      "unknown variable {}",
		"{param.}":                "lacks a name",
		"{param.nam}":             "did you mean \"name\"?",
		"{param.zzz}":             "it has id, name",
		"{path}":                  "unknown variable {path}",
		"{{consumer}":             "closes nothing",
		strings.Repeat("x", 5000): "at most 4096",
	} {
		if _, err := Parse(in, some); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q inside", in, err, want)
		}
	}
}

func TestNoValueOnPublicRoute(t *testing.T) {
	t.Parallel()
	x := exchange()
	policy.EngineAuthenticate(x, nil)
	tpl, err := Parse("{consumer}", Options{Vars: All})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := tpl.Append(nil, x); ok {
		t.Fatalf("a public route has no consumer, got %q", got)
	}
}

func TestNoAllocation(t *testing.T) {
	x := exchange()
	tpl, err := Parse("for={client_ip};c={consumer};p={path};t={claim.tier}", Options{Vars: All})
	if err != nil {
		t.Fatal(err)
	}
	url, err := Parse("/x/{consumer}/{param.id}", Options{Vars: All, Place: URL})
	if err != nil {
		t.Fatal(err)
	}
	n := alloctest.PerRun(100, func() {
		var buf [512]byte
		if _, ok := tpl.Append(buf[:0], x); !ok {
			t.Fatal("no value")
		}
		if _, ok := url.Append(buf[:0], x); !ok {
			t.Fatal("no value")
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// FuzzSegment holds the escaping to the one canon: what it writes is canonical, or
// has no canonical form and is refused where it is used.
func FuzzSegment(f *testing.F) {
	f.Add("a+b@c;d")
	f.Fuzz(func(t *testing.T, s string) {
		path := "/x/" + string(escape(nil, s, Segment))
		canon, err := match.PathString(path)
		if err == nil && canon != path && s != "." && s != ".." && s != "" {
			t.Fatalf("%q is written as %q, whose canonical form is %q", s, path, canon)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("a{consumer}b{{}}{param.id}")
	x := exchange()
	f.Fuzz(func(t *testing.T, s string) {
		tpl, err := Parse(s, Options{Vars: All})
		if err != nil {
			return
		}
		got, ok := tpl.Append(nil, x)
		if lit, is := tpl.Literal(); is && (!ok || string(got) != lit) {
			t.Fatalf("literal %q expanded to %q", lit, got)
		}
	})
}
