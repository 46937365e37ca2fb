package oas_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/oas"
)

// said is everything that an import refuses, one a line.
func said(text string, o importer.Options, present importer.Present) string {
	_, report, errs := oas.Import([]byte(text), o, present)
	var b strings.Builder
	if len(errs) > 0 {
		b.WriteString(errs.Error() + "\n")
	}
	if report != nil {
		for _, r := range report.Rows {
			if r.Level == importer.Refused {
				b.WriteString("line " + itoa(r.Line) + ": " + r.What + ": " + r.Why + "\n")
			}
		}
	}
	return b.String()
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}

const head = "openapi: 3.0.3\ninfo: {title: T, version: '1'}\nservers: [{url: 'https://a.example.com'}]\n"

// TestMalformed is row MSC07: what can't be read is refused, with its line, within
// 5 s and 256 MB.
func TestMalformed(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		last := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+last+",", 9), ",") + "]\n"
	}
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "is empty"},
		{"truncated JSON", "{\n \"openapi\": \"3.0.3\",\n \"paths\": {\"/a\"", "line 3: "},
		{"truncated YAML", "openapi: 3.0.3\npaths: {/a: [", "line "},
		{"two names", "{\"openapi\": \"3.0.3\",\n\"openapi\": \"3.0.3\"}", "line 2"},
		{"cyclic references", head + "paths:\n  /a:\n    $ref: '#/paths/~1b'\n  /b:\n    $ref: '#/paths/~1a'\n", "refers to itself"},
		{"cyclic parameters", head + "paths: {/a: {get: {parameters: [{$ref: '#/components/parameters/A'}], responses: {}}}}\ncomponents: {parameters: {A: {$ref: '#/components/parameters/A'}}}\n", "line 5"},
		{"cyclic YAML", "a: &a [*a]\n", "nested deeper"},
		{"alias bomb", bomb, "aliases written out"},
		{"50 MB", "{\"a\": \"" + strings.Repeat("x", 50<<20) + "\"}", "is 52428809 bytes, at most 10485760 are allowed"},
		{"many values", `{"a": [` + strings.Repeat("1,", 5<<20-10) + "1]}", "there are more than 300000 values"},
		{"many values in YAML", "a: [" + strings.Repeat("1,", 5<<20-10) + "1]\n", "at most 600000 are allowed in YAML"},
		{"many lines", "a:\n" + strings.Repeat("- 1\n", 280_000), "line"},
		{"too deep", `{"openapi": "3.0.3", "paths": ` + deep + "}", "line 1"},
		{"remote reference", head + "paths:\n  /a:\n    get:\n      responses:\n        200: {$ref: 'https://evil.example.com/x.yaml'}\n", "line 8: the document: /paths/~1a/get/responses/200/$ref: leads out of the document"},
		{"file reference", head + "paths: {/a: {get: {parameters: [{$ref: 'file:///etc/passwd'}], responses: {}}}}\n", "leads out"},
		{"bad pattern", head + "paths: {/a: {get: {parameters: [{name: q, in: query, schema: {type: string, pattern: '(?=a)'}}], responses: {}}}}\n", "line 4"},
		{"no OpenAPI", "a: 1\n", `says neither "openapi" nor "swagger"`},
		{"an array", "[1]", "is no object"},
		{"Swagger 1", `{"swagger": "1.2"}`, "only version 2.0"},
		{"version 4", "openapi: 4.0.0\npaths: {}\n", "line 1"},
		{"no operations", head + "paths: {}\n", "no operations"},
		{"unknown field", head + "paths: {/a: {get: {responces: {}}}}\n", `did you mean "responses"`},
		{"paths of a wrong kind", head + "paths: [1]\n", "line 4"},
		{"a long name", `{"openapi": "3.0.3", "x-` + strings.Repeat("n", 3000) + `": 1}`, "has a name of 3002 bytes"},
		{"Swagger of wrong kinds", "swagger: '2.0'\npaths: {/a: {get: {parameters: 7, responses: [1]}}}\ndefinitions: [1]\n", "parameters: is an array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			got := said(c.text, importer.Options{}, importer.Present{})
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			// A bound on all that was ever allocated is one on what was held.
			if n := after.TotalAlloc - before.TotalAlloc; n > 256<<20 {
				t.Errorf("%d MB allocated", n>>20)
			}
			if took > 30*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestLessProtected is what an import must never do.
func TestLessProtected(t *testing.T) {
	t.Parallel()
	schemes := "components:\n  securitySchemes:\n    key: {type: apiKey, in: header, name: X-API-Key}\n    other: {type: http, scheme: digest}\n    basic: {type: http, scheme: basic}\n" +
		"    bearer: {type: http, scheme: bearer}\n    oauth: {type: oauth2, flows: {}}\n    oidc: {type: openIdConnect, openIdConnectUrl: 'https://id.example.com/.well-known/openid-configuration'}\n"
	op := func(security, more string) string {
		return head + schemes + "paths:\n  /a:\n    get:\n      security: " + security + "\n      responses: {}\n" + more
	}
	jwt := importer.Present{}
	jwt.Policies = append(jwt.Policies, policyOf("jwt"))
	route := "      x-tollgate-route: {name: a, match: {path: /a, methods: [GET]}, upstream: u, "
	for _, c := range []struct {
		name, text string
		o          importer.Options
		present    importer.Present
		want       string // "": it is taken
	}{
		{name: "a key", text: op("[{key: []}]", "")},
		{name: "scheme that nobody knows", text: op("[{other: []}]", ""), want: "does not know the HTTP authentication digest"},
		{name: "users that nobody knows", text: op("[{basic: []}]", ""), want: "who the users are"},
		{name: "issuer that nobody knows", text: op("[{bearer: []}]", ""), want: "who issues the tokens"},
		{name: "OAuth", text: op("[{oauth: [a]}]", ""), want: "who issues the tokens"},
		{name: "audience that nobody knows", text: op("[{oidc: []}]", ""), want: "for whom the tokens of https://id.example.com are"},
		{name: "a missing scheme", text: op("[{gone: []}]", ""), want: "is none of components/securitySchemes"},
		{name: "two at once", text: op("[{key: [], bearer: []}]", ""), o: mapped("bearer", "jwt"), want: "asks for bearer and key at once"},
		{name: "one that narrows", text: op("[{key: [], bearer: []}]", ""), o: mapped("bearer", "ip_filter")},
		{name: "one of two, one narrower", text: op("[{key: []}, {bearer: []}]", ""), o: mapped("bearer", "ext_auth"), want: "would hold for all of them"},
		{name: "one of two, each other scopes", text: op("[{key: [a]}, {key: [b]}]", ""), want: "each with a configuration of its own"},
		{name: "scopes that a policy does not know", text: op("[{basic: [a]}]", ""), o: mapped("basic", "basic"), want: "knows no scopes"},
		{name: "mapped to what protects nothing", text: op("[{bearer: []}]", ""), o: mapped("bearer", "cors"), want: "protects nothing"},
		{name: "the gateway's own way in", text: op("[{key: []}]", ""), present: jwt, want: "would let callers in beside"},
		{name: "an open route of its own", text: op("[{key: []}]", route+"public: true}\n"), want: "less protected than the document says"},
		{name: "a route of its own that forgets", text: op("[{key: []}]", route+"policies: [{type: cors}]}\n"), want: "less protected than the document says"},
		{name: "an open route of its own, and no requirements", text: op("{key: []}", route+"public: true}\n"), want: "less protected than the document says"},
		{name: "a route of its own", text: op("[{key: []}]", route+"policies: [{type: jwt}]}\n")},
		{name: "open, and refused", text: op("[]", ""), o: importer.Options{Unsecured: "refuse"}, want: "option unsecured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := said(c.text, c.o, c.present)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestOpenOnlyWhereSaid: a route is public only where its operation has no security.
func TestOpenOnlyWhereSaid(t *testing.T) {
	t.Parallel()
	present := importer.Present{}
	present.Policies = append(present.Policies, policyOf("api_key"))
	for _, c := range []struct {
		name, security string
		present        importer.Present
		public         bool
	}{
		{"nothing said", "", importer.Present{}, true},
		{"nothing said, and the gateway asks", "", present, false},
		{"said", "security: []", present, true},
	} {
		p, _, errs := oas.Import([]byte(head+"paths: {/a: {get: {responses: {}}}}\n"+c.security+"\n"), importer.Options{}, c.present)
		if len(errs) > 0 || len(p.Routes) != 1 || p.Routes[0].Public != c.public {
			t.Errorf("%s: %v %+v", c.name, errs, p.Routes)
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, text := range documents(f) {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, report, errs := oas.Import([]byte(text), importer.Options{Upstream: "u", SkipRefused: true}, importer.Present{})
		if len(errs) > 0 || report.Blocked(&importer.Options{SkipRefused: true}) {
			return
		}
		doc, err := oas.Export(sourceOf(p))
		if err != nil {
			t.Fatal(err)
		}
		if _, report, errs := oas.Import(doc, importer.Options{}, importer.Present{}); len(errs) == 0 && report.Count(importer.Refused) > 0 {
			t.Errorf("the export is refused: %+v\n%s", report.Rows, doc)
		}
	})
}
