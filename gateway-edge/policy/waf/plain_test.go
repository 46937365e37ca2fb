package waf

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

// regression is a file of the rule set's own tests, as far as it is needed here.
type regression struct {
	Tests []struct {
		Stages []struct {
			Input struct {
				URI     string            `yaml:"uri"`
				Data    string            `yaml:"data"`
				Headers map[string]string `yaml:"headers"`
			} `yaml:"input"`
		} `yaml:"stages"`
	} `yaml:"tests"`
}

// corpus is every text that the rule set's tests send: whole, by parameter, and by
// word.
func corpus(t testing.TB) []string {
	t.Helper()
	names, err := fs.Glob(tests.FS, "*/*.yaml")
	if err != nil || len(names) < 200 {
		t.Fatal(len(names), err)
	}
	seen := map[string]bool{}
	add := func(s string) {
		seen[s] = true
		for _, cut := range []string{" ", ",", "%20", "+"} {
			for _, w := range strings.Split(s, cut) {
				seen[w] = true
			}
		}
	}
	for _, name := range names {
		raw, err := fs.ReadFile(tests.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var r regression
		if err := yaml.Unmarshal(raw, &r); err != nil {
			t.Fatal(name, err)
		}
		for _, test := range r.Tests {
			for _, s := range test.Stages {
				_, query, _ := strings.Cut(s.Input.URI, "?")
				add(s.Input.URI)
				for _, text := range []string{query, s.Input.Data} {
					add(text)
					for _, pair := range strings.Split(text, "&") {
						name, value, _ := strings.Cut(pair, "=")
						for _, v := range []string{pair, name, value} {
							add(v)
							if u, err := url.QueryUnescape(v); err == nil {
								add(u)
							}
						}
					}
				}
				for _, v := range s.Input.Headers {
					add(v)
				}
			}
		}
	}
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// hidden returns the rules that match when texts are looked at as values and as
// names, beside the ones that match a request without them.
func hidden(e *engine, texts []string) (ids []int) {
	tx := e.waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	tx.ProcessConnection("192.0.2.1", 0, "", 0)
	tx.ProcessURI("/", "POST", "HTTP/1.1")
	for _, h := range [][2]string{{"Host", "api.example.com"}, {"User-Agent", "shop/1.0"}, {"Accept", "*/*"}, {"Content-Type", "application/json"}, {"Content-Length", "10"}} {
		tx.AddRequestHeader(h[0], h[1])
	}
	tx.ProcessRequestHeaders()
	for i, s := range texts {
		tx.AddPostRequestArgument(fmt.Sprintf("json.a.%d", i), s)
		tx.AddPostRequestArgument(s, "1")
	}
	_, _ = tx.ProcessRequestBody()
	for _, m := range tx.MatchedRules() {
		if counts(m.Rule().ID(), m) {
			ids = append(ids, m.Rule().ID())
		}
	}
	return ids
}

// neverHides looks at all texts that the filter lets pass, by all rules. It tells
// how many there were.
func neverHides(t *testing.T, level int, full *engine, f *filter, texts []string) int {
	t.Helper()
	var plain []string
	for _, s := range texts {
		if f.plain(s) {
			plain = append(plain, s)
		}
	}
	for batch := range slices.Chunk(plain, 100) {
		if len(hidden(full, batch)) == 0 {
			continue
		}
		for _, s := range batch {
			if ids := hidden(full, []string{s}); len(ids) > 0 {
				t.Errorf("level %d: %q is plain, and matches %v", level, s, ids)
			}
		}
	}
	return len(plain)
}

// TestPlainHidesNothing: what the filter calls plain is looked at by all rules, as
// Coraza runs them without any short cut, and none matches: on every text of the
// rule set's own tests, and on texts put together from the very words that the
// rules look for.
func TestPlainHidesNothing(t *testing.T) {
	t.Parallel()
	most := 1500
	switch {
	case testing.Short():
		most = 100 // beside the race detector, which this test has nothing for
	case os.Getenv("TOLLGATE_LONG") != "":
		most = 40_000
	}
	texts := corpus(t)
	if len(texts) < 5000 {
		t.Fatalf("%d texts", len(texts))
	}
	e, err := engines[1]()
	if err != nil || e.filter == nil {
		t.Fatalf("filter %v, %v", e.filter != nil, err)
	}
	full, err := newEngine(1, false)
	if err != nil {
		t.Fatal(err)
	}
	mixed := mixtures(e.filter, texts, most)
	sent := texts
	if len(sent) > 10*most {
		rand.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
		sent = sent[:10*most]
	}
	n := neverHides(t, 1, full, e.filter, sent)
	m := neverHides(t, 1, full, e.filter, mixed)
	t.Logf("plain are %d of %d texts of the rule set's tests, and %d of %d mixtures", n, len(sent), m, len(mixed))
	if n == 0 || m == 0 {
		t.Error("nothing is plain: the test shows nothing")
	}
}

// mixtures are n texts of words that rules look for, of words of their tests, and
// of what may stand between them.
func mixtures(f *filter, texts []string, n int) []string {
	words := []string{"a", "7", "or", "and", "name", "user", "10", "true", "x-y", "e.g.", "you"}
	for _, list := range f.words.words {
		for _, w := range list {
			words = append(words, w.word, w.word[:len(w.word)-1], w.word[1:])
		}
	}
	for _, s := range texts {
		if len(s) < 20 && f.ascii.within(s) {
			words = append(words, s)
		}
	}
	slices.Sort(words)
	r := rand.New(rand.NewPCG(7, 11))
	gaps := []string{" ", " ", " ", "", ", ", ".", "-", "_", "@", ":", "/", ","}
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		for range 1 + r.IntN(5) {
			w := words[r.IntN(len(words))]
			if r.IntN(4) == 0 {
				w = strings.ToUpper(w)
			}
			b.WriteString(w + gaps[r.IntN(len(gaps))])
		}
		out[i] = b.String()
	}
	return out
}

// TestPlainIsOften: the filter is of use: what stands in ordinary orders is plain.
func TestPlainIsOften(t *testing.T) {
	t.Parallel()
	e, err := engines[1]()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"json.items.0.sku", "json.customer.email", "Anna Berg", "anna.berg@example.com", "Blue cotton shirt, size M", "AB-1234", "19.90", "DE", "true", "10", "2026-11-22",
	} {
		if !e.filter.plain(s) {
			t.Errorf("%q is not plain", s)
		}
	}
	for _, s := range []string{"<b>", "1' or '1'='1", "../etc/passwd", "https://192.0.2.1/", ".kube:lftp/", "a  b", "a--b", "ü"} {
		if e.filter.plain(s) {
			t.Errorf("%q is plain", s)
		}
	}
}

// TestFlatten holds our reading of JSON to Coraza's: the same rules match.
func TestFlatten(t *testing.T) {
	t.Parallel()
	fast, err := engines[1]()
	if err != nil {
		t.Fatal(err)
	}
	slow, err := newEngine(1, false)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Mode: "detect", Threshold: 5, MaxBody: defaultBody}
	for _, body := range []string{
		`{"a":"` + injection + `"}`, `["x",{"b":["<script>alert(1)</script>"]}]`, `"` + injection + `"`, `{"a.b":{"c":"/etc/passwd"}}`, `{"\u003cscript\u003e":1}`,
		`{"a":"\u003cscript\u003ealert(1)\u003c/script\u003e"}`, `{"a":1,"a":"` + injection + `"}`, `{"java.lang.Runtime":1}`, `[[[["` + injection + `"]]]]`, `{"a":`, ``, `7`, `{"a":"plain","b":[1,2,3]}`,
	} {
		q := jsonBody(body)
		got, want := newFirewall(&c, fast, nil).scoreOf(t, q), newFirewall(&c, slow, nil).scoreOf(t, q)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, Coraza's own reader: %q", body, got, want)
		}
	}
}

// scoreOf returns the rules that match a request.
func (w *firewall) scoreOf(t testing.TB, q policytest.Request) []string {
	x := policy.EngineNew(func() int64 { return 1 }, match.CanonPath)
	e := policy.EngineOf(x)
	e.Req.Method, e.Req.Path, e.Req.Query, e.Req.Host = policy.Static(q.Method), policy.Static(q.Path), policy.Static(q.Query), policy.Static("api.example.com")
	for i := 0; i+1 < len(q.Header); i += 2 {
		e.ReqHeader.AppendString(q.Header[i], q.Header[i+1])
	}
	e.Req.Length = int64(len(q.Body))
	e.ReqBody = &policy.EngineBody{}
	e.ReqBody.Add([]byte(q.Body))
	return w.look(x).notes
}
