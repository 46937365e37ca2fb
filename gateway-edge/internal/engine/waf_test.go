package engine_test

import (
	"encoding/json"
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/waf"
	"github.com/tollgate/tollgate/services/contract"
)

// payloads are attempts at SQL injection and cross-site scripting.
var payloads = []string{
	"1' OR '1'='1", "1' OR 1=1--", "admin'--", "1; DROP TABLE users", "1 UNION SELECT username, password FROM users", "' UNION SELECT NULL,NULL--", "1' AND SLEEP(5)--",
	"1' AND (SELECT COUNT(*) FROM information_schema.tables)>0--", "'; EXEC xp_cmdshell('dir')--", "1 OR 1=1#", "' or ''='", "1' ORDER BY 10--", "1' AND 1=CONVERT(int,@@version)--",
	"1' WAITFOR DELAY '0:0:5'--", "-1 UNION ALL SELECT 1,2,3", "1' RLIKE SLEEP(5) AND '1'='1", "1/**/UNION/**/SELECT/**/1", "' OR pg_sleep(5)--", "1' AND extractvalue(1,concat(0x7e,version()))--",
	"1') OR ('1'='1", "x' AND email IS NULL; --", "' HAVING 1=1--", "1' GROUP BY columnnames having 1=1 --", "SELECT * FROM users WHERE id=1 OR 1=1", "1' and benchmark(10000000,MD5(1))#",
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<body onload=alert(1)>", "<iframe src=javascript:alert(1)>", "<a href=\"javascript:alert(1)\">x</a>",
	"<input onfocus=alert(1) autofocus>", "<script src=//evil.example/x.js></script>", "\"><script>alert(document.cookie)</script>", "<details open ontoggle=alert(1)>", "<video><source onerror=alert(1)>",
	"<math><mtext></mtext><script>alert(1)</script></math>", "<object data=javascript:alert(1)>", "<embed src=javascript:alert(1)>", "<form action=javascript:alert(1)><input type=submit>", "<marquee onstart=alert(1)>",
	"<select onfocus=alert(1) autofocus>", "<textarea onfocus=alert(1) autofocus>", "<keygen onfocus=alert(1) autofocus>", "<script>eval(atob('YQ=='))</script>", "<IMG SRC=\"javascript:alert('XSS');\">",
	"<style>@import 'javascript:alert(1)';</style>", "<base href=javascript:alert(1)//>", "<link rel=stylesheet href=javascript:alert(1)>", "<ScRiPt>alert(1)</sCrIpT>",
}

// firewalled is an edge whose only route runs the policy waf as it is by default:
// it blocks, at level 1.
func firewalled(t testing.TB, log io.Writer) (*testEdge, *rawBackend) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&waf.Descriptor}, log: log})
	g := plain(b.url)
	g.Routes[0].Policies = []contract.Policy{{Type: "waf", Config: json.RawMessage(`{}`)}}
	e.serve(g)
	return e, b
}

// TestFirewall: fifty attacks are refused before the backend, in JSON, in forms
// and in the query, and a thousand ordinary requests are not.
func TestFirewall(t *testing.T) {
	lines := &lockedLines{}
	e, b := firewalled(t, lines)
	if len(payloads) != 50 {
		t.Fatal(len(payloads))
	}
	for i, p := range payloads {
		body, _ := json.Marshal(map[string]any{"name": p})
		form := url.Values{"name": {p}}.Encode()
		for _, text := range []string{postAs("application/json", string(body)), postAs("application/x-www-form-urlencoded", form), req("GET /orders?"+form+" HTTP/1.1", "User-Agent: shop/1.0\r\nAccept: */*\r\n")} {
			if m := e.once(text); m.status() != 403 || m.code() != "attack_suspected" || strings.Contains(m.body, "detail") {
				t.Errorf("%d %q: %s %s", i, text, m.line, m.body)
			}
		}
	}
	if got := b.received(); got != "" {
		t.Errorf("the backend got %q", got)
	}
	client, refused, sent := e.dial(), 0, 0
	must(t, client.SetDeadline(time.Now().Add(2*time.Minute)))
	for i := range 1000 {
		text := ordinaryRequest(i)
		client.send(text)
		sent++
		if m := client.answer(); m.status() != 200 {
			refused++
			t.Errorf("%d is refused, %s: %s", i, lines.detail(m.get("X-Request-Id")), text)
			if m.code() != "attack_suspected" {
				client = e.dial()
			}
		}
	}
	t.Logf("of %d ordinary requests %d are refused", sent, refused)
	if got := strings.Count(b.received(), " HTTP/1.1\r\n"); got != sent-refused {
		t.Errorf("the backend got %d requests of %d", got, sent-refused)
	}
}

// detail is what the decision trace of a request says.
func (l *lockedLines) detail(id string) string {
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		all := l.b.String()
		l.mu.Unlock()
		for line := range strings.Lines(all) {
			var r contract.LogRecord
			if strings.Contains(line, id) && json.Unmarshal([]byte(line), &r) == nil && r.Trace != nil && len(r.Trace.Policies) > 0 {
				return r.Trace.Policies[0].Detail
			}
		}
	}
	return "which no line of the log tells of"
}

func postAs(typ, body string) string {
	return req("POST /orders HTTP/1.1", "User-Agent: shop/1.0\r\nAccept: application/json\r\nContent-Type: "+typ+"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n") + body
}
