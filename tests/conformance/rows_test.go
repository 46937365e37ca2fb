package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// special are the rows that need more than bytes and an answer.
var special = map[string]func(*testing.T, *site){
	"SMG20": bodyAtOnce, "SMG22": earlyAnswers, "SMG23": unreadByBackend, "SMG24": unreadBodies, "SMG25": beforeSwitching, "SMG28": pipelining, "SMG29": badAnswers,
	"HDR16": boldAnswers,
	"URI10": strippedPrefix, "URI16": rewrittenParameters, "URI17": slowExpressions,
	"HST05": adminHosts, "HST06": otherNames, "HST07": brokenHellos, "HST10": unknownHosts, "HST11": domainOwners, "HST12": challenges,
	"CON01": rapidReset, "CON02": madeToReset, "CON03": continuations, "CON04": bombs, "CON05": cheapFrames, "CON06": shutWindows,
	"CON07": brokenBackends, "CON08": slowHeads, "CON09": slowBodies, "CON10": slowReaders, "CON11": stalledHandshakes, "CON12": slowPrefaces,
	"CON14": handshakes, "CON15": endedKeys, "CON16": idleConnections, "CON17": earlyData,
}

// TestRows is the matrix: a subtest for each row, which sends what the row says over
// HTTP/1.1 (the engine conn) and, where HTTP/2 can say it too, over that (the engine
// std), and looks at the answer and at the bytes that reached the backend.
func TestRows(t *testing.T) {
	s := newSite(t)
	s.alive(t)
	raw := append(framingRows(s.host), targetRows()...)
	frames := h2rows(s.host)
	known := map[string]bool{}
	for _, r := range Rows {
		known[r.ID] = true
		t.Run(r.ID, func(t *testing.T) {
			n := 0
			for i := range raw {
				if raw[i].id[:5] == r.ID {
					n += s.both(t, &raw[i])
				}
			}
			for i := range frames {
				if frames[i].id[:5] == r.ID {
					t.Run("std/"+strings.TrimSpace(frames[i].id[5:]), func(t *testing.T) { s.frames(t, &frames[i]) })
					n++
				}
			}
			if f := special[r.ID]; f != nil {
				f(t, s)
				n++
			}
			if n == 0 {
				t.Errorf("nothing tests that %s", r.Asks)
			}
		})
	}
	for _, r := range raw {
		if !known[r.id[:5]] {
			t.Errorf("%s is no row", r.id)
		}
	}
	s.alive(t)
}

// both sends a row over HTTP/1.1, and over HTTP/2 where that can say the same. It
// returns the number of subtests.
func (s *site) both(t *testing.T, r *row) int {
	name := strings.TrimSpace(r.id[5:])
	if name == "" {
		name = "a"
	}
	text := s.fill(r.raw)
	t.Run("conn/"+name, func(t *testing.T) { s.bytes(t, r, text) })
	fields, body, ok := translate(text)
	if !ok {
		return 1
	}
	t.Run("std/"+name, func(t *testing.T) { s.translated(t, r, fields, body) })
	return 2
}

// fill puts the site's own names in.
func (s *site) fill(text string) string {
	return strings.NewReplacer("HOST", s.host, "KEY", s.key, "UPPER", strings.ToUpper(s.host)).Replace(text)
}

// bytes sends a row as it is.
func (s *site) bytes(t *testing.T, r *row, text string) {
	s.origin.take()
	a := s.send(t, text)
	if len(a.statuses) == 0 {
		t.Fatalf("no answer (closed %v), want one of %v: %q", a.closed, r.want, clip(a.text))
	}
	if !slices.Contains(r.want, a.statuses[0]) {
		t.Errorf("answered %v, want one of %v: %s", a.statuses, r.want, clip(a.text))
	}
	if a.statuses[0] >= 500 && a.statuses[0] != 501 && a.statuses[0] != 505 {
		t.Errorf("a client's bad bytes became %d", a.statuses[0])
	}
	if r.closed && !a.closed {
		t.Error("the connection stays open")
	}
	s.reached(t, r, a.statuses[0] == 200)
	switch {
	case a.statuses[0] == 200 && strings.Contains(a.text, "Tollgate-Error: forged"):
		t.Error("a backend's Tollgate-Error was passed on")
	case a.statuses[0] != 200 && a.statuses[0] != 204 && !strings.Contains(a.text, "Tollgate-Error: "):
		t.Errorf("the edge's answer has no code: %s", clip(a.text))
	}
}

// translated sends a row as frames of HTTP/2.
func (s *site) translated(t *testing.T, r *row, fields []field, body string) {
	s.origin.take()
	h := dialH2(t, s.addr)
	if err := h.sendRow(&h2row{fields: fields, body: body}); err != nil && !strings.Contains(err.Error(), "closed") && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	o := h.wait(1, 3*time.Second)
	passes := slices.Contains(r.want, 200) || slices.Contains(r.want, 204)
	switch {
	case o.status == "" && !o.refused():
		t.Errorf("no answer")
	case strings.HasPrefix(o.status, "2") && !passes:
		t.Errorf("answered %s, want one of %v", o, r.want)
	case strings.HasPrefix(o.status, "5") && o.status != "501" && o.status != "505":
		t.Errorf("a client's bad fields became %s", o)
	case o.code == "forged":
		t.Error("a backend's Tollgate-Error was passed on")
	}
	h.c.Close()
	s.reached(t, r, o.status == "200")
}

// reached looks at what the backend got of a row.
func (s *site) reached(t *testing.T, r *row, passed bool) {
	t.Helper()
	time.Sleep(20 * time.Millisecond) // the backend records what was cut off when its connection ends
	seen := s.origin.take()
	if len(seen) > r.reaches {
		t.Errorf("%d requests reached the backend, at most %d may: %q", len(seen), r.reaches, clip(strings.Join(seen, "")))
	}
	all := strings.Join(seen, "")
	for _, n := range r.never {
		if strings.Contains(all, s.fill(n)) {
			t.Errorf("%q reached the backend: %q", n, clip(all))
		}
	}
	if !passed {
		return
	}
	if r.reaches > 0 && len(seen) == 0 {
		t.Error("answered 200, and nothing reached the backend")
	}
	for _, m := range r.must {
		if !strings.Contains(all, s.fill(m)) {
			t.Errorf("%q did not reach the backend: %q", m, clip(all))
		}
	}
}

// onlyOn1 are fields that HTTP/2 says by other means, or that mean something there
// alone.
var onlyOn1 = []string{"connection", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection", "te", "expect", "trailer", "content-length"}

// translate makes fields of HTTP/2 of a request of HTTP/1.1; false when what is odd
// about it can't be said there.
func translate(text string) (fields []field, body string, ok bool) {
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	first := strings.Split(lines[0], " ")
	if !ok || len(first) != 3 || first[2] != "HTTP/1.1" || first[0] == "CONNECT" || strings.Contains(lines[0], "\n") {
		return nil, "", false
	}
	host := ""
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		lower := strings.ToLower(name)
		if !ok || line[0] == ' ' || line[0] == '\t' || strings.HasSuffix(name, " ") || lower != "content-length" && slices.Contains(onlyOn1, lower) {
			return nil, "", false
		}
		switch {
		case lower == "content-length":
			if strings.TrimSpace(value) != fmt.Sprint(len(body)) {
				return nil, "", false
			}
		case lower == "host":
			if host != "" || strings.TrimSpace(value) == "" {
				return nil, "", false
			}
			host = strings.TrimPrefix(value, " ")
			continue
		}
		fields = append(fields, field{lower, strings.TrimPrefix(value, " ")})
	}
	if host == "" {
		return nil, "", false
	}
	return append(request(first[0], host, first[1]), fields...), body, true
}

func clip(s string) string { return s[:min(len(s), 400)] }

// put changes the site's gateway.
func (s *site) put(path string, body harness.Object) {
	s.api.Must("PUT", "/v1/gateways/conf/"+path, body)
}

// behind puts a backend at url behind /name/*, and waits until that is live. more
// goes to the upstream.
func (s *site) behind(name, url string, more harness.Object) {
	up := harness.Object{"targets": []harness.Object{{"url": url}}}
	for k, v := range more {
		up[k] = v
	}
	s.put("upstreams/"+name, up)
	s.put("routes/"+name, harness.Object{"match": harness.Object{"path": "/" + name + "/*"}, "upstream": name, "public": true})
	s.api.WaitLive("conf")
}
