//go:build suites

package engine_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/waf"
	"github.com/tollgate/tollgate/services/contract"
)

// Bars of the suite: how many of its tests pass.
const (
	crsTests = 4674
	crsBar   = 4640
)

// crsTest is a regression test of the rule set.
type crsTest struct {
	ID     int        `yaml:"test_id"`
	Stages []crsStage `yaml:"stages"`
}

type crsStage struct {
	Input struct {
		Method  *string           `yaml:"method"`
		URI     *string           `yaml:"uri"`
		Version *string           `yaml:"version"`
		Headers map[string]string `yaml:"headers"`
		Data    *string           `yaml:"data"`
		Raw     string            `yaml:"encoded_request"`
		Auto    *bool             `yaml:"autocomplete_headers"`
	} `yaml:"input"`
	Output struct {
		Status   int    `yaml:"status"`
		Contains string `yaml:"response_contains"`
		Error    bool   `yaml:"expect_error"`
		Isolated bool   `yaml:"isolated"`
		Log      struct {
			Expect  []int  `yaml:"expect_ids"`
			Not     []int  `yaml:"no_expect_ids"`
			Match   string `yaml:"match_regex"`
			NoMatch string `yaml:"no_match_regex"`
		} `yaml:"log"`
	} `yaml:"output"`
}

// result is what became of a test.
type result uint8

const (
	passes  result = iota
	stopped        // the edge refused it before any policy, and a rule was to match
	refused        // the edge refused it before any policy, and no rule was to match
	fails
)

// crsSuite is the suite, the edge that it is sent through, and the traces that the
// edge's log holds.
type crsSuite struct {
	addr string
	mu   sync.Mutex
	more *sync.Cond
	seen map[string]string // a log line of every request by its id
	part []byte
}

func (s *crsSuite) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part = append(s.part, p...)
	for {
		line, rest, whole := bytes.Cut(s.part, []byte("\n"))
		if !whole {
			s.more.Broadcast()
			return len(p), nil
		}
		var r struct {
			ID string `json:"request_id"`
		}
		if json.Unmarshal(line, &r) == nil {
			s.seen[r.ID] = string(line)
		}
		s.part = rest
	}
}

// TestCoreRuleSet sends the regression tests of the OWASP Core Rule Set (module
// coraza-coreruleset/v4) through the edge, in detection mode at level 4, and judges
// by the decision traces as the suite's own runner, go-ftw, does by a log. What the
// edge refuses before any policy runs is counted apart. The backend answers as the
// suite's does. With TOLLGATE_CRS only rules are tested whose numbers begin so.
func TestCoreRuleSet(t *testing.T) {
	s := &crsSuite{seen: map[string]string{}}
	s.more = sync.NewCond(&s.mu)
	files, hosts := crsFiles(t)
	backend := httptest.NewServer(http.HandlerFunc(reflect))
	defer backend.Close()
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&waf.Descriptor}, log: s})
	g := plain(backend.URL)
	g.Hosts = hosts
	g.Routes[0].Policies = []contract.Policy{{Type: "waf", Config: json.RawMessage(crsConfig)}}
	e.serve(g)
	s.addr = e.addr

	type outcome struct {
		name string
		result
		why string
	}
	var all []outcome
	var mu sync.Mutex
	var wg sync.WaitGroup
	work := make(chan func())
	for range 40 { // the log is written twice a second
		wg.Go(func() {
			for f := range work {
				f()
			}
		})
	}
	only := os.Getenv("TOLLGATE_CRS") // the beginning of the rules' numbers
	for rule, list := range files {
		if !strings.HasPrefix(rule, only) {
			continue
		}
		for i := range list {
			work <- func() {
				r, why := s.run(&list[i])
				mu.Lock()
				defer mu.Unlock()
				all = append(all, outcome{fmt.Sprintf("%s-%d", rule, list[i].ID), r, why})
			}
		}
	}
	close(work)
	wg.Wait()
	slices.SortFunc(all, func(x, y outcome) int { return strings.Compare(x.name, y.name) })
	var n [fails + 1]int
	for _, o := range all {
		n[o.result]++
		switch o.result {
		case fails:
			t.Logf("fails %s: %s", o.name, o.why)
		case refused:
			t.Logf("refused by the edge, which no rule was to match: %s: %s", o.name, o.why)
		}
	}
	t.Logf("of %d tests %d pass; by rules %d; the edge itself refuses before any policy %d that a rule was to match, and %d that none was to match; %d fail; the bar is %d",
		len(all), len(all)-n[fails], n[passes], n[stopped], n[refused], n[fails], crsBar)
	if only != "" {
		return
	}
	if len(all) != crsTests || len(all)-n[fails] < crsBar {
		t.Errorf("%d of %d tests pass, at least %d of %d are to", len(all)-n[fails], len(all), crsBar, crsTests)
	}
}

// crsConfig looks at everything. The suite's instructions set limits of arguments
// and files and a check of UTF-8 as well, which body_limits has here.
const crsConfig = `{"mode":"detect","paranoia":4,"exclude_rules":[],"max_body_bytes":1048576,"responses":{"inspect":true,"max_body_bytes":1048576}}`

// crsFiles reads the suite: tests by rule, and every host that they name.
func crsFiles(t *testing.T) (files map[string][]crsTest, hosts []string) {
	files = map[string][]crsTest{}
	names, err := fs.Glob(tests.FS, "*/*.yaml")
	must(t, err)
	for _, name := range names {
		raw, err := fs.ReadFile(tests.FS, name)
		must(t, err)
		var f struct {
			Rule  int       `yaml:"rule_id"`
			Tests []crsTest `yaml:"tests"`
		}
		must(t, yaml.Unmarshal(raw, &f))
		rule := strconv.Itoa(f.Rule)
		files[rule] = append(files[rule], f.Tests...)
		for _, c := range f.Tests {
			for _, st := range c.Stages {
				for k, v := range st.Input.Headers {
					if !strings.EqualFold(k, "host") {
						continue
					}
					if h, _, err := net.SplitHostPort(v); err == nil {
						v = h
					}
					if v = strings.ToLower(v); hostName.MatchString(v) && net.ParseIP(v) == nil && !slices.Contains(hosts, v) {
						hosts = append(hosts, v)
					}
				}
			}
		}
	}
	return files, hosts
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// reflect answers as the suite's backend (albedo): on /reflect with what the
// request asks for, else with nothing.
func reflect(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/reflect" {
		return
	}
	var q struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
		Encoded string            `json:"encodedBody"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	for k, v := range q.Headers {
		w.Header().Set(k, v)
	}
	if q.Status != 0 {
		w.WriteHeader(q.Status)
	}
	body := []byte(q.Body)
	if q.Encoded != "" {
		body, _ = base64.StdEncoding.DecodeString(q.Encoded)
	}
	_, _ = w.Write(body)
}

// run runs a test's stages, and tells why it fails.
func (s *crsSuite) run(c *crsTest) (r result, why string) {
	for i := range c.Stages {
		one, w := s.stage(&c.Stages[i])
		if one > r {
			r, why = one, w
		}
	}
	return r, why
}

func (s *crsSuite) stage(c *crsStage) (result, string) {
	want := &c.Output
	m, err := s.ask(c)
	if want.Error != (err != nil) {
		return fails, fmt.Sprintf("error %v, expected %v", err, want.Error)
	}
	if err != nil {
		return passes, ""
	}
	if want.Status != 0 && m.status() != want.Status {
		return fails, fmt.Sprintf("answered %d, not %d", m.status(), want.Status)
	}
	if ok, err := regexp.MatchString(want.Contains, m.body); err != nil || !ok {
		return fails, "the answer does not match " + want.Contains
	}
	if code := m.code(); code != "" {
		if s := m.status(); s >= 500 && s != 501 && s != 505 {
			return fails, code
		}
		if want.Log.Match != "" || len(want.Log.Expect) > 0 {
			return stopped, code
		}
		if want.Status != 0 {
			return passes, ""
		}
		return refused, code + " " + m.body
	}
	ids, lines, err := s.trace(m.get("X-Request-Id"))
	if err != nil {
		return fails, err.Error()
	}
	for _, id := range want.Log.Expect {
		if !slices.Contains(ids, id) {
			return fails, fmt.Sprintf("%d does not match; what does: %v", id, ids)
		}
	}
	for _, id := range want.Log.Not {
		if slices.Contains(ids, id) {
			return fails, fmt.Sprintf("%d matches", id)
		}
	}
	if want.Isolated && len(ids) != 1 {
		return fails, fmt.Sprintf("%v match, not one alone", ids)
	}
	match := func(expression string) bool { return regexp.MustCompile(expression).MatchString(lines) }
	if want.Log.Match != "" && !match(want.Log.Match) {
		return fails, "the trace has nothing that matches " + want.Log.Match
	}
	if want.Log.NoMatch != "" && match(want.Log.NoMatch) {
		return fails, "the trace has something that matches " + want.Log.NoMatch
	}
	return passes, ""
}

// ask sends a stage's request.
func (s *crsSuite) ask(c *crsStage) (*message, error) {
	conn, err := net.DialTimeout("tcp", s.addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	request := c.request()
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	m := &message{}
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	m.line = strings.TrimRight(line, "\r\n")
	if m.header, err = readFields(r); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(request, []byte("HEAD ")) {
		return m, nil
	}
	return m, readBody(r, m, true)
}

// request writes a stage's request as go-ftw does: fields by name, those that are
// missing filled in unless the stage forbids it, form data encoded when it is not
// yet, line ends of multipart bodies made whole.
func (c *crsStage) request() []byte {
	in := &c.Input
	if in.Raw != "" {
		raw, _ := base64.StdEncoding.DecodeString(in.Raw)
		return raw
	}
	header := map[string]string{}
	maps.Copy(header, in.Headers)
	get := func(name string) string {
		for k, v := range header {
			if strings.EqualFold(k, name) {
				return v
			}
		}
		return ""
	}
	add := func(name, v string) {
		if get(name) == "" {
			maps.DeleteFunc(header, func(k, _ string) bool { return strings.EqualFold(k, name) })
			header[name] = v
		}
	}
	method, auto, data := or(in.Method, "GET"), in.Auto == nil || *in.Auto, c.data()
	if data != "" && auto {
		add("Content-Type", "application/x-www-form-urlencoded")
		if get("Content-Type") == "application/x-www-form-urlencoded" {
			data = encodeForm(data)
		}
	}
	if strings.HasPrefix(get("Content-Type"), "multipart/form-data;") {
		data = strings.ReplaceAll(data, "\n", "\r\n")
	}
	if auto {
		add("Connection", "close")
		if data != "" || withBody.MatchString(method) {
			add("Content-Length", strconv.Itoa(len(data)))
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", method, or(in.URI, "/"), or(in.Version, "HTTP/1.1"))
	for _, k := range slices.Sorted(maps.Keys(header)) {
		b.WriteString(k + ": " + header[k] + "\r\n")
	}
	b.WriteString("\r\n" + data)
	return b.Bytes()
}

func or(s *string, other string) string {
	if s == nil {
		return other
	}
	return *s
}

// withBody is go-ftw's expression, which means POST at the beginning, DELETE at
// the end, and the others anywhere.
var withBody = regexp.MustCompile(`^POST|PUT|PATCH|DELETE$`)

// data is the body, a template whose functions are those that the suite uses.
func (c *crsStage) data() string {
	if c.Input.Data == nil {
		return ""
	}
	t, err := template.New("").Funcs(template.FuncMap{"repeat": func(n int, s string) string { return strings.Repeat(s, n) }}).Parse(*c.Input.Data)
	var b strings.Builder
	if err != nil || t.Execute(&b, nil) != nil {
		return ""
	}
	return b.String()
}

// encodeForm escapes names and values of a form that has no escapes.
func encodeForm(data string) string {
	if plain, err := url.QueryUnescape(data); err != nil || plain != data {
		return data
	}
	var out []string
	for _, pair := range strings.Split(strings.TrimSuffix(data, "&"), "&") {
		name, value, has := strings.Cut(pair, "=")
		pair = url.QueryEscape(name)
		if has {
			pair += "=" + url.QueryEscape(value)
		}
		out = append(out, pair)
	}
	return strings.Join(out, "&")
}

// trace waits for a request's line in the edge's log, and takes the rules from its
// decision trace: their numbers, and lines as the logs have that go-ftw reads.
func (s *crsSuite) trace(id string) (ids []int, lines string, err error) {
	const patience = 10 * time.Second
	stop := time.AfterFunc(patience, s.more.Broadcast)
	defer stop.Stop()
	until := time.Now().Add(patience)
	s.mu.Lock()
	for s.seen[id] == "" && time.Now().Before(until) {
		s.more.Wait()
	}
	raw := s.seen[id]
	delete(s.seen, id)
	s.mu.Unlock()
	var r contract.LogRecord
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		return nil, "", fmt.Errorf("the log has no line of request %q: %w", id, err)
	}
	if r.Trace == nil {
		return nil, "", nil
	}
	for _, p := range r.Trace.Policies {
		head, list, _ := strings.Cut(p.Detail, ": ")
		rule, way := 949110, "Inbound"
		if strings.HasPrefix(head, "response ") {
			rule, way = 959100, "Outbound"
		}
		var score, threshold int
		_, _ = fmt.Sscanf(strings.TrimPrefix(head, "response "), "score %d of %d", &score, &threshold)
		if threshold > 0 && score >= threshold { // the rule set's sum is the policy's
			ids = append(ids, rule)
			lines += fmt.Sprintf("[id \"%d\"] [msg \"%s Anomaly Score Exceeded (Total Score: %d)\"]\n", rule, way, score)
		}
		for _, note := range strings.Split(list, "; ") {
			if m := noted.FindStringSubmatch(note); m != nil {
				n, _ := strconv.Atoi(m[1])
				ids = append(ids, n)
				lines += fmt.Sprintf("[id \"%s\"] [msg \"%s\"] found within %s: \n", m[1], m[2], m[3])
			}
		}
	}
	return ids, lines, nil
}

// noted is a rule as the policy notes it.
var noted = regexp.MustCompile(`^(\d{6})(?: (.*?))?(?: at ([^ ]+(?: and [^ ]+)*))?$`)
