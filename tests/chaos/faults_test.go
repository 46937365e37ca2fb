package chaos

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// fault is one row of the fault matrix: what a backend does, and what must hold.
type fault struct {
	id, asks string
	run      func(*testing.T, *names)
}

// faults are all rows on backends. TestFaults fails when a row has no test.
var faults = []fault{
	{"B01", "killed: no caller notices, ejected within 250 ms", func(t *testing.T, s *names) { killedTarget(t, s.site) }},
	{"B02", "a black hole: no caller of a GET sees an error, ejected within 5 s", blackHole},
	{"B03", "frozen: 504 at the timeout, ejected, no POST sent twice", frozen},
	{"B04", "resets before the head: one further try of what can be sent again, else 502", resets},
	{"B05", "resets in a body: never a clean end, and billed", cutBodies},
	{"B06", "slow heads and bodies: 504 and a cut at the timeouts, others unaffected", slowAnswers},
	{"B07", "malformed answers: 502, connection closed", malformed},
	{"B08", "bytes behind an answer: the connection is not used again", extraBytes},
	{"B09", "TLS that can't be trusted: 502, never clear text", untrusted},
	{"B10", "the name server fails: the last answer holds", func(t *testing.T, s *names) { s.failing(t) }},
	{"B11", "the name points inside: 502, nothing is connected to", func(t *testing.T, s *names) { s.inside(t) }},
	{"B12", "all fail their checks: all are tried, or refused at once as configured", allDown},
	{"B13", "flapping: at most 10 % errors, at most half ejected", flapping},
	{"B14", "100 MiB to clients that do not read: little is held for each", unread},
	{"B15", "half of the answers bad: attempts at most 1.2 times the requests", func(t *testing.T, s *names) { attempts(t, s.site) }},
}

// TestFaults is the fault matrix's rows on backends, each a subtest of its id.
func TestFaults(t *testing.T) {
	s := newNames(t, 2, "faults")
	for i, f := range faults {
		if want := fmt.Sprintf("B%02d", i+1); f.id != want || f.asks == "" || f.run == nil {
			t.Fatalf("row %s has no test", want)
		}
		t.Run(f.id, func(t *testing.T) {
			s.t = t
			f.run(t, s)
		})
		s.t = t
	}
}

// since is a client's view of a fault: how long after it the last answer came that
// was slow or bad.
func (p *pool) since(n int, d time.Duration, slow time.Duration, fault func()) (last time.Duration, statuses map[int]int) {
	statuses = map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var at time.Time
	time.AfterFunc(500*time.Millisecond, func() {
		mu.Lock()
		at = time.Now()
		mu.Unlock()
		fault()
	})
	for end := time.Now().Add(d); n > 0; n-- {
		wg.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				r := p.get(p.Edges[0], "/x", "")
				mu.Lock()
				statuses[r.Status]++
				if now := time.Now(); !at.IsZero() && (now.Sub(began) > slow || r.Status != 200) {
					last = now.Sub(at)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return last, statuses
}

func blackHole(t *testing.T, s *names) {
	bestOf(t, func() (string, error) {
		p := newPool(t, s.site, 3, harness.Object{"timeouts": harness.Object{"connect": "1s", "per_try": "1s"}, "retries": harness.Object{"on": []string{"reset", "timeout"}, "attempts": 2, "budget_percent": 100}})
		ejected := make(chan time.Duration, 1)
		slow, statuses := p.since(16, 4*time.Second, 500*time.Millisecond, func() {
			began := time.Now()
			p.origins[1].hole(t)
			out, err := p.downSince(p.origins[1].url)
			if err != nil {
				out = began.Add(time.Hour)
			}
			ejected <- out.Sub(began)
		})
		after := <-ejected
		text := fmt.Sprintf("%v; ejected %v after the fault, the last slow answer came %v after it", statuses, after.Round(time.Millisecond), slow.Round(time.Millisecond))
		if err := only200(statuses); err != nil {
			return text, err
		}
		if after > 5*time.Second {
			return text, errors.New(text)
		}
		return text, nil
	})
}

func frozen(t *testing.T, s *names) {
	p := newPool(t, s.site, 2, harness.Object{"timeouts": harness.Object{"per_try": "400ms"}, "retries": harness.Object{"on": []string{"timeout"}}, "outlier_detection": harness.Object{"base_ejection": "1m"}})
	p.origins[0].frozen.Store(true)
	codes := map[string]int{}
	for i := range 30 {
		r := p.call.Send(t.Context(), http.MethodPost, p.Edges[0].Addr(), p.host, "/x", "", strings.NewReader(fmt.Sprint("frozen-", i)))
		codes[fmt.Sprint(r.Status, " ", r.Code)]++
	}
	t.Logf("30 POSTs: %v", codes)
	// Five errors in a row eject it.
	if codes["504 upstream_timeout"] != 5 || codes["200 "] != 25 {
		t.Error(codes)
	}
	for _, o := range p.origins {
		for body, n := range o.posts {
			if n > 1 || o != p.origins[0] && p.origins[0].posts[body] > 0 {
				t.Errorf("%s was sent twice", body)
			}
		}
	}
}

func resets(t *testing.T, s *names) {
	p := newPool(t, s.site, 2, harness.Object{"retries": harness.Object{"budget_percent": 100}, "outlier_detection": harness.Object{"disabled": true}})
	p.origins[0].resets.Store(true)
	for range 100 {
		if r := p.get(p.Edges[0], "/x", ""); r.Status != 200 {
			t.Fatalf("GET: %d %s", r.Status, r.Code)
		}
	}
	// A reset on a connection that was used before may be its age: such a try is
	// made again on a new one, which is the one extra.
	gets := p.origins[0].served.Load() + p.origins[1].served.Load()
	codes := map[string]int{}
	for i := range 100 {
		r := p.call.Send(t.Context(), http.MethodPost, p.Edges[0].Addr(), p.host, "/x", "", strings.NewReader(fmt.Sprint("reset-", i)))
		codes[fmt.Sprint(r.Status, " ", r.Code)]++
	}
	posts := p.origins[0].served.Load() + p.origins[1].served.Load() - gets
	t.Logf("100 GETs: all answered, %d attempts; 100 POSTs: %v, %d attempts", gets, codes, posts)
	if gets > 200 || posts > 100 || codes["502 upstream_reset"] == 0 || codes["200 "]+codes["502 upstream_reset"] != 100 {
		t.Error(gets, posts, codes)
	}
}

// clients are one of each protocol.
func (s *site) clients(t *testing.T) map[string]*http.Client {
	out := map[string]*http.Client{}
	for name, two := range map[string]bool{"conn": false, "std": true} {
		p := new(http.Protocols)
		p.SetHTTP1(!two)
		p.SetUnencryptedHTTP2(two)
		tr := &http.Transport{Protocols: p}
		t.Cleanup(tr.CloseIdleConnections)
		out[name] = &http.Client{Transport: tr, Timeout: 20 * time.Second}
	}
	return out
}

// ask is a GET by a client.
func (s *site) ask(t *testing.T, c *http.Client, path string) (status int, code, body string, err error) {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Edges[0].Addr()+path, nil)
	req.Host = s.host
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Tollgate-Error"), string(b), err
}

func write(text string) func(net.Conn) { return func(c net.Conn) { _, _ = io.WriteString(c, text) } }

func over(t *testing.T, s *names, url string, more harness.Object) *pool {
	t.Helper()
	up := harness.Object{"targets": []harness.Object{{"url": url}}}
	for k, v := range more {
		up[k] = v
	}
	return newPool(t, s.site, 0, up)
}

func cutBodies(t *testing.T, s *names) {
	p := over(t, s, rawOrigin(t, map[string]func(net.Conn){
		"/cut/length": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 50_000))
			time.Sleep(20 * time.Millisecond)
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		},
		"/cut/chunked": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			time.Sleep(20 * time.Millisecond)
			_ = c.Close()
		},
	}), harness.Object{"outlier_detection": harness.Object{"disabled": true}})
	s.put("routes/cut", harness.Object{"match": harness.Object{"path": "/cut/*"}, "upstream": fmt.Sprint("pool-", pools.Load()), "public": true})
	s.api.WaitLive(s.name)
	n := int64(0)
	for name, c := range s.clients(t) {
		for _, path := range []string{"/cut/length", "/cut/chunked"} {
			for range 10 {
				n++
				if status, _, body, err := p.ask(t, c, path); status != 200 || err == nil {
					t.Fatalf("%s %s: a clean end of %d bytes: %d", name, path, len(body), status)
				}
			}
		}
	}
	err := harness.Until(t.Context(), 10*time.Second, func() error {
		if got := s.billed("route")["cut"]; got != n {
			return fmt.Errorf("%d of %d are billed", got, n)
		}
		return nil
	})
	t.Logf("%d bodies cut, none ended clean; billed: %v", n, err == nil)
	if err != nil {
		t.Error(err)
	}
}

func slowAnswers(t *testing.T, s *names) {
	good := newOrigin(t, "good")
	s.put("upstreams/beside", harness.Object{"targets": []harness.Object{{"url": good.url}}})
	s.put("routes/beside", harness.Object{"match": harness.Object{"path": "/beside"}, "upstream": "beside", "public": true})
	p := over(t, s, rawOrigin(t, map[string]func(net.Conn){
		"/head": func(net.Conn) { time.Sleep(5 * time.Second) },
		"/body": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			time.Sleep(5 * time.Second)
		},
	}), harness.Object{"timeouts": harness.Object{"per_try": "700ms", "idle": "700ms"}, "outlier_detection": harness.Object{"disabled": true}})
	done := make(chan struct{})
	var beside spread
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			began := time.Now()
			if r := p.get(p.Edges[0], "/beside", ""); r.Status != 200 {
				t.Error("another upstream's answer", r.Status, r.Code)
			}
			beside = append(beside, time.Since(began))
			time.Sleep(5 * time.Millisecond)
		}
	})
	for name, c := range s.clients(t) {
		for range 3 {
			began := time.Now()
			if status, code, _, err := p.ask(t, c, "/head"); status != 504 || code != "upstream_timeout" || err != nil {
				t.Errorf("%s: %d %s %v", name, status, code, err)
			}
			head := time.Since(began)
			began = time.Now()
			if status, _, body, err := p.ask(t, c, "/body"); status != 200 || err == nil {
				t.Errorf("%s: a clean end: %d %q", name, status, body)
			}
			t.Logf("%s: 504 after %v, the body is cut after %v", name, head.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		}
	}
	close(done)
	wg.Wait()
	t.Logf("another upstream meanwhile: %v", beside)
}

func malformed(t *testing.T, s *names) {
	answers := map[string]func(net.Conn){}
	for path, text := range map[string]string{
		"/length": "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello", "/both": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"/NUL": "HTTP/1.1 200 OK\r\nX-A: a\x00\r\nContent-Length: 0\r\n\r\n", "/head": "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 10<<20) + "\r\n\r\n",
		"/interim": strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 1000) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "/text": "SSH-2.0-OpenSSH_9.2\r\n\r\n",
	} {
		answers[path] = write(text)
	}
	p := over(t, s, rawOrigin(t, answers), harness.Object{"outlier_detection": harness.Object{"disabled": true}})
	for name, c := range s.clients(t) {
		for path := range answers {
			if status, code, _, err := p.ask(t, c, path); status != 502 || code != "upstream_protocol" || err != nil {
				t.Errorf("%s %s: %d %s %v", name, path, status, code, err)
			}
			if status, _, body, err := p.ask(t, c, "/mine"); status != 200 || body != "/mine" || err != nil {
				t.Errorf("%s, after %s: %d %q %v", name, path, status, body, err)
			}
		}
	}
}

func extraBytes(t *testing.T, s *names) {
	const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	p := over(t, s, rawOrigin(t, map[string]func(net.Conn){
		"/at-once": write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison),
		"/later": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			time.Sleep(2 * time.Millisecond)
			_, _ = io.WriteString(c, poison)
		},
	}), nil)
	for name, c := range s.clients(t) {
		for range 20 {
			for _, path := range []string{"/at-once", "/later"} {
				if status, _, body, err := p.ask(t, c, path); status != 200 || body != "ok" || err != nil {
					t.Errorf("%s %s: %d %q %v", name, path, status, body, err)
				}
				if path == "/later" {
					time.Sleep(10 * time.Millisecond)
				}
				if status, _, body, err := p.ask(t, c, "/mine"); status != 200 || body != "/mine" || err != nil {
					t.Errorf("%s, after %s: %d %q %v", name, path, status, body, err)
				}
			}
		}
	}
}

func allDown(t *testing.T, s *names) {
	for policy, want := range map[string]int{"try_all": 200, "refuse": 503} {
		p := newPool(t, s.site, 2, harness.Object{"when_all_down": policy, "health": harness.Object{"type": "http", "path": "/check", "interval": "200ms", "unhealthy": 1}})
		for _, o := range p.origins {
			o.status.Store(0)
		}
		p.pour(2, 500*time.Millisecond) // they were seen to work
		for _, o := range p.origins {
			o.status.Store(500)
			if _, err := p.downSince(o.url); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		r := p.get(p.Edges[0], "/x", "")
		took := time.Since(began)
		if want == 200 {
			if r.Status != 500 || r.Code != "" { // the origin's own answer
				t.Errorf("%s: %d %s", policy, r.Status, r.Code)
			}
			continue
		}
		if r.Status != want || r.Code != "upstream_unavailable" {
			t.Errorf("%s: %d %s", policy, r.Status, r.Code)
		}
		t.Logf("refused after %v", took.Round(100*time.Microsecond))
	}
}

func flapping(t *testing.T, s *names) {
	bestOf(t, func() (string, error) {
		p := newPool(t, s.site, 4, harness.Object{})
		done := make(chan struct{})
		var wg sync.WaitGroup
		most := 0
		wg.Go(func() {
			for tick := 0; ; tick++ {
				select {
				case <-done:
					return
				case <-time.After(250 * time.Millisecond):
				}
				for _, o := range p.origins[:2] {
					o.status.Store(int64(tick / 4 % 2 * 503))
				}
				targets, _ := p.api.Must("GET", "/v1/gateways/"+p.name+"/health", nil)["targets"].([]any)
				out := 0
				for _, x := range targets {
					if o, _ := x.(map[string]any); o["edge"] == p.Edges[0].ID && o["healthy"] == false && strings.HasPrefix(fmt.Sprint(o["upstream"]), "pool-"+strconv.FormatInt(pools.Load(), 10)) {
						out++
					}
				}
				most = max(most, out)
			}
		})
		_, statuses := p.pour(8, 12*time.Second)
		close(done)
		wg.Wait()
		all := 0
		for _, n := range statuses {
			all += n
		}
		bad := float64(all-statuses[200]) / float64(all) * 100
		text := fmt.Sprintf("two of four up and down each second for 12 s: %.2f %% errors of %d, at most %d ejected", bad, all, most)
		if bad > 10 || most > 2 || most == 0 {
			return text, errors.New(text)
		}
		return text, nil
	})
}

// unread: what is held for clients that read nothing of 100 MiB. (That they are cut
// off after a minute is CON10 of conformance.)
func unread(t *testing.T, s *names) {
	const readers, most = 50, 160 << 10
	p := over(t, s, rawOrigin(t, map[string]func(net.Conn){"/long": func(c net.Conn) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 100<<20)
		b := make([]byte, 64<<10)
		for range 100 << 20 / len(b) {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}}), nil)
	before := p.Edges[0].RSS(t)
	for range readers {
		c, err := net.Dial("tcp", p.Edges[0].Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = fmt.Fprintf(c, "GET /long HTTP/1.1\r\nHost: %s\r\n\r\n", p.host)
	}
	time.Sleep(2 * time.Second)
	each := (p.Edges[0].RSS(t) - before) / readers
	t.Logf("%d clients that read nothing: %d KiB each", readers, each>>10)
	if each > most {
		t.Errorf("%d KiB are held for each", each>>10)
	}
}
