package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// line is the first line of the one request that the backend got, "" for none.
func (s *site) line(t *testing.T) string {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	seen := s.origin.take()
	if len(seen) > 1 {
		t.Errorf("%d requests reached the backend", len(seen))
	}
	if len(seen) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(seen[0], "\r\n")
	return first
}

// ask sends a target over both protocols and returns the status and the backend's
// first line, which must agree.
func (s *site) ask(t *testing.T, target string) (status int, line string) {
	t.Helper()
	s.origin.take()
	a := s.send(t, s.fill(get(target)))
	if len(a.statuses) == 0 {
		t.Fatalf("%s: no answer", target)
	}
	status, line = a.statuses[0], s.line(t)
	h := dialH2(t, s.addr)
	defer h.c.Close()
	if err := h.open(1, true, request("GET", s.host, target)); err != nil {
		t.Fatal(err)
	}
	o := h.wait(1, 3*time.Second)
	if two := s.line(t); two != line || (o.status == "200") != (status == 200) {
		t.Errorf("%s: %d %q over HTTP/1.1, %s %q over HTTP/2", target, status, line, o, two)
	}
	return status, line
}

// strippedPrefix is URI10: /api is stripped; what is matched and what is sent on
// agree, whatever dots there are.
func strippedPrefix(t *testing.T, s *site) {
	s.put("routes/api", harness.Object{
		"match": harness.Object{"path": "/api/*"}, "upstream": "app", "public": true,
		"policies": []harness.Object{{"type": "rewrite", "config": harness.Object{"strip_prefix": "/api", "add_prefix": "/inner"}}},
	})
	s.api.WaitLive("conf")
	for target, want := range map[string]string{
		"/api/x":                "GET /inner/x HTTP/1.1",
		"/api//x/./y":           "GET /inner/x/y HTTP/1.1",
		"/api/../admin/x":       "",
		"/api/%2e%2e/admin/x":   "",
		"/api../admin/x":        "",
		"/api%2e%2e/admin/x":    "",
		"/api/x/../../admin/x":  "",
		"/api/..%2fadmin/x":     "",
		"/api/a/%2e%2e/../../x": "",
		"/api/...":              "GET /inner/... HTTP/1.1",
	} {
		status, line := s.ask(t, target)
		if line != want || (status == 200) != (want != "") {
			t.Errorf("%s: %d, the backend got %q, want %q", target, status, line, want)
		}
	}
}

// rewrittenParameters is URI16.
func rewrittenParameters(t *testing.T, s *site) {
	s.put("routes/users", harness.Object{
		"match": harness.Object{"path": "/u/{id}"}, "upstream": "app", "public": true,
		"policies": []harness.Object{{"type": "rewrite", "config": harness.Object{"path": "/users/{param.id}/orders"}}},
	})
	s.api.WaitLive("conf")
	for target, want := range map[string]string{
		"/u/7":              "GET /users/7/orders HTTP/1.1",
		"/u/a%20b":          "GET /users/a%20b/orders HTTP/1.1",
		"/u/..%2f..":        "",
		"/u/a%2fb":          "",
		"/u/%2e%2e":         "",
		"/u/..":             "",
		"/u/%2e":            "",
		"/u/a%3fx=y":        "",
		"/u/a%23b":          "",
		"/u/a%0d%0aX:%20y":  "",
		"/u/x/../../admin/": "",
	} {
		status, line := s.ask(t, target)
		if line != want || (status == 200) != (want != "") {
			t.Errorf("%s: %d, the backend got %q, want %q", target, status, line, want)
		}
	}
}

// slowExpressions is URI17: bait for backtracking, in the longest path there is.
func slowExpressions(t *testing.T, s *site) {
	s.put("routes/regex", harness.Object{"match": harness.Object{"path": "~^/re/(a+)+$"}, "upstream": "app", "public": true})
	s.api.WaitLive("conf")
	if status, line := s.ask(t, "/re/aaaa"); status != 200 || line != "GET /re/aaaa HTTP/1.1" {
		t.Errorf("a path that matches: %d %q", status, line)
	}
	spent, n := s.cpu(t), 200
	for range n {
		a := s.call.Get(s.addr, s.host, "/re/"+strings.Repeat("a", 8000)+"!", "")
		if a.Status != 404 {
			t.Fatalf("a path that does not: %d %v", a.Status, a.Err)
		}
	}
	each := (s.cpu(t) - spent) / time.Duration(n)
	t.Logf("8 KiB of bait cost %v of CPU each", each.Round(10*time.Microsecond))
	if each > 5*time.Millisecond {
		t.Errorf("each costs %v", each)
	}
	if line := s.line(t); line != "" {
		t.Errorf("the backend got %q", line)
	}
}

// adminHosts is HST05's other half: what the admin listener serves is not on the
// public one, whatever host is named.
func adminHosts(t *testing.T, s *site) {
	s.origin.take()
	for _, host := range []string{s.host, "localhost", "127.0.0.1", fmt.Sprintf("127.0.0.1:%d", s.c.Edges[0].Admin)} {
		for _, path := range []string{"/metrics", "/readyz", "/livez", "/debug/pprof/"} {
			if r := s.call.Get(s.addr, host, path, ""); r.Status != 404 {
				t.Errorf("%s%s: %d", host, path, r.Status)
			}
		}
	}
	if line := s.line(t); line != "" {
		t.Errorf("the backend got %q", line)
	}
}

// second is a gateway of another organization in front of the same backend, closed
// to callers without a certificate of an authority when ca is given. It returns its
// host.
func (s *site) second(t *testing.T, name, ca string) (host string) {
	t.Helper()
	api := s.c.SignUp(name)
	host = api.Must("POST", "/v1/gateways", harness.Object{"name": name})["hostname"].(string)
	g := "/v1/gateways/" + name
	chain, key, _ := certificate(t, host)
	api.Must("PUT", g+"/certificates/front", harness.Object{"chain_pem": chain, "key_pem": key})
	api.Must("PUT", g+"/upstreams/app", harness.Object{"targets": []harness.Object{{"url": "http://" + s.origin.l.Addr().String()}}})
	api.Must("PUT", g+"/routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "public": true})
	if ca != "" {
		api.Must("PUT", g, harness.Object{"name": name, "client_certificates": []harness.Object{{"ca_pem": ca}}})
	}
	api.WaitLive(name)
	return host
}

// front gives the site's gateway a certificate of its own.
func (s *site) front(t *testing.T) {
	t.Helper()
	chain, key, _ := certificate(t, s.host)
	s.put("certificates/front", harness.Object{"chain_pem": chain, "key_pem": key})
	s.api.WaitLive("conf")
}

// over asks for a path of host on a connection.
func over(t *testing.T, c net.Conn, host string) int {
	t.Helper()
	if _, err := io.WriteString(c, "GET /public/tls HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); err != nil {
		return 0
	}
	b, _ := io.ReadAll(c)
	var status int
	_, _ = fmt.Sscanf(string(b), "HTTP/1.1 %d", &status)
	return status
}

// otherNames is HST06: a connection made for one tenant's name asks for another's.
func otherNames(t *testing.T, s *site) {
	s.front(t)
	other := s.second(t, "other", "")
	for _, c := range []struct {
		sni, host string
		status    int
	}{{s.host, s.host, 200}, {other, other, 200}, {s.host, other, 421}, {other, s.host, 421}} {
		t.Run("conn", func(t *testing.T) {
			s.origin.take()
			conn, err := s.dialTLS(t, c.sni, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status := over(t, conn, c.host); status != c.status {
				t.Errorf("SNI %s, Host %s: %d, want %d", c.sni, c.host, status, c.status)
			}
			if reached := s.line(t) != ""; reached != (c.status == 200) {
				t.Errorf("SNI %s, Host %s: reached the backend: %v", c.sni, c.host, reached)
			}
		})
		t.Run("std", func(t *testing.T) {
			s.origin.take()
			tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: c.sni}}
			defer tr.CloseIdleConnections()
			req, _ := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("https://127.0.0.1:%d/public/tls", s.c.Edges[0].TLSPort), nil)
			req.Host = c.host
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status || resp.ProtoMajor != 2 {
				t.Errorf("SNI %s, :authority %s: %s %d, want %d", c.sni, c.host, resp.Proto, resp.StatusCode, c.status)
			}
			if reached := s.line(t) != ""; reached != (c.status == 200) {
				t.Errorf("SNI %s, :authority %s: reached the backend: %v", c.sni, c.host, reached)
			}
		})
	}
}

// authority is the certificate of an authority that nobody has one of.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// pieces sends the first record of TLS as many small ones, a few bytes at a time.
type pieces struct {
	net.Conn
	done bool
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.done || len(b) < 5 || b[0] != 22 {
		return p.Conn.Write(b)
	}
	p.done = true
	for rest := b[5:]; len(rest) > 0; {
		n := min(7, len(rest))
		record := append([]byte{22, b[1], b[2], 0, byte(n)}, rest[:n]...)
		rest = rest[n:]
		for i := range record {
			if _, err := p.Conn.Write(record[i : i+1]); err != nil {
				return 0, err
			}
		}
	}
	return len(b), nil
}

// brokenHellos is HST07: a hello in pieces, and one without a name, at a gateway
// that asks its callers for certificates.
func brokenHellos(t *testing.T, s *site) {
	s.front(t)
	closed := s.second(t, "closed", authority(t))
	broken := func(c net.Conn) net.Conn { return &pieces{Conn: c} }
	for _, c := range []struct {
		name, sni, host string
		wrap            func(net.Conn) net.Conn
		ok              bool
	}{
		{"whole", s.host, s.host, nil, true},
		{"in pieces", s.host, s.host, broken, true},
		{"in pieces, another tenant", s.host, closed, broken, false},
		{"in pieces, without a certificate", closed, closed, broken, false},
		{"whole, without a certificate", closed, closed, nil, false},
		{"no name", "", closed, nil, false},
		{"no name, in pieces", "", closed, broken, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.origin.take()
			conn, err := s.dialTLS(t, c.sni, c.wrap)
			status := 0
			if err == nil {
				status = over(t, conn, c.host)
			}
			if (status == 200) != c.ok {
				t.Errorf("%d, %v", status, err)
			}
			if reached := s.line(t) != ""; reached != c.ok {
				t.Errorf("reached the backend: %v", reached)
			}
		})
	}
}

// unknownHosts is HST10's other half: the answer says nothing that depends on the
// host.
func unknownHosts(t *testing.T, s *site) {
	said := map[string]bool{}
	for _, host := range []string{"nobody.localhost", "nobody." + s.host, "x.example.com", strings.Replace(s.host, ".", "x.", 1)} {
		r := s.call.Get(s.addr, host, "/public/x", "")
		id := r.Header.Get("X-Request-Id")
		said[fmt.Sprint(r.Status, r.Code, strings.ReplaceAll(r.Body, id, "ID"), len(r.Header))] = true
		if r.Status != 404 || strings.Contains(r.Body, host) {
			t.Errorf("%s: %d %s", host, r.Status, r.Body)
		}
	}
	if len(said) != 1 {
		t.Errorf("different answers: %v", said)
	}
}

// domainOwners is HST11: who may have a domain.
func domainOwners(t *testing.T, s *site) {
	mine := "/v1/gateways/conf/domains/"
	prove := func(api *harness.API, path string) harness.Object {
		p := api.Must("PUT", path, harness.Object{})["proof"].(harness.Object)
		s.dns.SetTXT(p["name"].(string), p["value"].(string))
		return api.Must("POST", path+"/verify", nil)
	}
	api := s.c.SignUp("claims")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "claims"})
	theirs := "/v1/gateways/claims/domains/"
	if d := prove(s.api, mine+"shop.victim.test"); d["state"] != "active" {
		t.Fatal(d)
	}
	s.api.WaitLive("conf")
	s.origin.take()
	if err := harness.Until(t.Context(), 3*time.Second, func() error {
		if r := s.call.Get(s.addr, "shop.victim.test", "/public/x", ""); r.Status != 200 {
			return fmt.Errorf("%d %s", r.Status, r.Code)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// Our record proves nothing for others; nor does one of theirs while ours is there.
	if d := api.Must("PUT", theirs+"shop.victim.test", harness.Object{}); d["state"] != "pending" {
		t.Error(d)
	}
	if d := api.Must("POST", theirs+"shop.victim.test/verify", nil); d["state"] == "active" {
		t.Error("a copy of the record proves the domain for others", d)
	}
	// A wildcard that was never proven takes nothing; a proven one leaves the exact name.
	if d := api.Must("PUT", theirs+"*.victim.test", harness.Object{}); d["state"] != "pending" {
		t.Error(d)
	}
	if r := s.call.Get(s.addr, "other.victim.test", "/public/x", ""); r.Status != 404 {
		t.Errorf("a host of an unproven wildcard: %d", r.Status)
	}
	for name, host := range map[string]string{"the top": "test", "an address": "127.0.0.1", "letters beyond ASCII": "b\u00fccher.test", "a homoglyph": "sh\u043ep.victim.test"} {
		if r, err := api.Do("PUT", theirs+host, harness.Object{}); err != nil || r.Status < 400 || r.Status >= 500 {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	// Given up, it is nobody else's for a week, not even by a record.
	s.api.Must("DELETE", mine+"shop.victim.test", nil)
	if d := prove(api, theirs+"shop.victim.test"); d["state"] == "active" {
		t.Errorf("another organization has the domain at once: %v", d)
	}
	if r := s.call.Get(s.addr, "shop.victim.test", "/public/x", ""); r.Status != 404 {
		if err := harness.Until(t.Context(), 3*time.Second, func() error {
			if r := s.call.Get(s.addr, "shop.victim.test", "/public/x", ""); r.Status != 404 {
				return fmt.Errorf("%d", r.Status)
			}
			return nil
		}); err != nil {
			t.Errorf("a domain that was given up is served: %v", err)
		}
	}
	s.origin.take()
}

// challenges is HST12.
func challenges(t *testing.T, s *site) {
	const path = "/.well-known/acme-challenge/0123456789abcdef0123456789abcdef"
	if r := s.call.Get(s.addr, s.host, path, ""); r.Status != 404 {
		t.Errorf("no route: %d", r.Status)
	}
	s.put("routes/known", harness.Object{"match": harness.Object{"path": "/.well-known/*"}, "upstream": "app", "policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}}})
	s.api.WaitLive("conf")
	s.origin.take()
	if r := s.call.Get(s.addr, s.host, path, ""); r.Status != 401 {
		t.Errorf("a keyed route, no key: %d", r.Status)
	}
	if line := s.line(t); line != "" {
		t.Errorf("the backend got %q", line)
	}
	if r := s.call.Get(s.addr, s.host, path, s.key); r.Status != 200 {
		t.Errorf("a keyed route: %d", r.Status)
	}
	if line := s.line(t); line != "GET "+path+" HTTP/1.1" {
		t.Errorf("the backend got %q", line)
	}
}
