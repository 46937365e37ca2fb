package dnsprovider

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libdns/libdns"
	"github.com/miekg/dns"
)

const (
	zone   = "gw.example.net."
	secret = "dG9sbGdhdGUgdGVzdHMgc2lnbiB0aGVpciB1cGRhdGVz"
)

func record(value string) []libdns.Record {
	return []libdns.Record{libdns.RR{Type: "TXT", Name: "_acme-challenge", Data: value, TTL: time.Minute}}
}

// provider is what the tests hold each kind to.
type provider interface {
	libdns.RecordAppender
	libdns.RecordDeleter
}

// keeps adds two values under one name and takes them away, one after the other.
func keeps(t *testing.T, p provider, held func() []string) {
	t.Helper()
	for _, step := range []struct {
		change func() error
		want   []string
	}{
		{func() error { _, err := p.AppendRecords(t.Context(), zone, record("one")); return err }, []string{"one"}},
		{func() error { _, err := p.AppendRecords(t.Context(), zone, record("two")); return err }, []string{"one", "two"}},
		{func() error { _, err := p.DeleteRecords(t.Context(), zone, record("one")); return err }, []string{"two"}},
		{func() error { _, err := p.DeleteRecords(t.Context(), zone, record("one")); return err }, []string{"two"}},
		{func() error { _, err := p.DeleteRecords(t.Context(), zone, record("two")); return err }, nil},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if got := held(); !slices.Equal(got, step.want) {
			t.Fatalf("the zone has %v, want %v", got, step.want)
		}
	}
}

// refuses checks the words of an error.
func refuses(t *testing.T, p provider, words ...string) {
	t.Helper()
	_, err := p.AppendRecords(t.Context(), zone, record("x"))
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%v does not say %q", err, w)
		}
	}
}

// primary is a name server that takes updates signed with the key.
func primary(t *testing.T) (addr string, held func() []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var values []string
	s := &dns.Server{
		Listener: ln, TsigSecret: map[string]string{"tollgate.": secret},
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			mu.Lock()
			defer mu.Unlock()
			m := new(dns.Msg)
			m.SetReply(q)
			sig := q.IsTsig()
			if sig == nil || w.TsigStatus() != nil || q.Question[0].Name != zone {
				m.Rcode = dns.RcodeNotAuth
				_ = w.WriteMsg(m)
				return
			}
			for _, rr := range q.Ns {
				v, ok := rr.(*dns.TXT)
				if !ok || v.Hdr.Name != "_acme-challenge."+zone {
					m.Rcode = dns.RcodeRefused
					continue
				}
				if v.Hdr.Class == dns.ClassNONE {
					values = slices.DeleteFunc(values, func(s string) bool { return s == v.Txt[0] })
				} else {
					values = append(values, v.Txt[0])
				}
			}
			m.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, time.Now().Unix())
			_ = w.WriteMsg(m)
		}),
	}
	done := make(chan struct{})
	up := make(chan struct{})
	s.NotifyStartedFunc = func() { close(up) }
	go func() { defer close(done); _ = s.ActivateAndServe() }()
	<-up
	t.Cleanup(func() { _ = s.Shutdown(); <-done })
	return ln.Addr().String(), func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(values) }
}

func TestRFC2136(t *testing.T) {
	addr, held := primary(t)
	for _, algorithm := range []string{"", "hmac-sha256", "hmac-sha512"} {
		keeps(t, &RFC2136{Server: addr, KeyName: "Tollgate", Algorithm: algorithm, Secret: secret}, held)
	}
	refuses(t, &RFC2136{Server: addr}, "NOTAUTH", zone)
	refuses(t, &RFC2136{Server: addr, KeyName: "other", Secret: secret}, "other")
	refuses(t, &RFC2136{Server: addr, KeyName: "tollgate", Secret: "AAAA"}, "tollgate")
	refuses(t, &RFC2136{Server: "127.0.0.1:1", KeyName: "tollgate", Secret: secret}, "can't be reached", "127.0.0.1:1")
	p := &RFC2136{Server: addr, KeyName: "tollgate", Secret: secret}
	if _, err := p.AppendRecords(t.Context(), zone, []libdns.Record{libdns.RR{Type: "TXT", Name: "www", Data: "x"}}); err == nil || !strings.Contains(err.Error(), "REFUSED") {
		t.Errorf("a name that the key may not change: %v", err)
	}
	if got := held(); len(got) != 0 {
		t.Errorf("what was refused stands there: %v", got)
	}
}

func TestWebhook(t *testing.T) {
	var values []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ FQDN, Value string }
		if r.Header.Get("Authorization") != "Bearer token" || json.NewDecoder(r.Body).Decode(&in) != nil || in.FQDN != "_acme-challenge."+zone {
			http.Error(w, "not for you", http.StatusForbidden)
			return
		}
		switch r.URL.Path {
		case "/dns/present":
			values = append(values, in.Value)
		case "/dns/cleanup":
			values = slices.DeleteFunc(values, func(s string) bool { return s == in.Value })
		}
	}))
	t.Cleanup(s.Close)
	keeps(t, NewWebhook(s.URL+"/dns/", "token"), func() []string { return values })
	refuses(t, NewWebhook(s.URL+"/dns", "wrong"), "403", "not for you")
	refuses(t, NewWebhook("http://127.0.0.1:1", ""), "can't be reached")
}

// TestCloudflare holds requests to the API as its documentation has it (zones and
// DNS records, version 4).
func TestCloudflare(t *testing.T) {
	records := map[string]string{} // id → content
	var order []string
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, result any) {
		_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "errors": []any{}, "result": result})
	}
	mux.HandleFunc("GET /zones", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("name") != "gw.example.net" {
			answer(w, []any{})
			return
		}
		answer(w, []any{map[string]any{"id": "z1"}})
	})
	mux.HandleFunc("POST /zones/z1/dns_records", func(w http.ResponseWriter, r *http.Request) {
		var in cloudflareRecord
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.Type != "TXT" || in.Name != "_acme-challenge.gw.example.net" || in.TTL != 60 {
			t.Errorf("%+v", in)
		}
		id := in.Content
		records[id] = in.Content
		order = append(order, id)
		answer(w, map[string]any{"id": id})
	})
	mux.HandleFunc("GET /zones/z1/dns_records", func(w http.ResponseWriter, r *http.Request) {
		var out []any
		for _, id := range order {
			if c, ok := records[id]; ok {
				out = append(out, map[string]any{"id": id, "type": "TXT", "name": r.URL.Query().Get("name"), "content": c})
			}
		}
		answer(w, out)
	})
	mux.HandleFunc("DELETE /zones/z1/dns_records/{id}", func(w http.ResponseWriter, r *http.Request) {
		delete(records, r.PathValue("id"))
		answer(w, map[string]any{"id": r.PathValue("id")})
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"success": false, "errors": [{"code": 9109, "message": "Invalid access token"}], "result": null}`))
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p := NewCloudflare(s.URL, "token")
	keeps(t, p, func() (out []string) {
		for _, id := range order {
			if c, ok := records[id]; ok {
				out = append(out, strings.Trim(c, `"`))
			}
		}
		return out
	})
	refuses(t, NewCloudflare(s.URL, "wrong"), "403", "9109 Invalid access token")
	if _, err := p.AppendRecords(t.Context(), "other.example.", record("x")); err == nil || !strings.Contains(err.Error(), "no zone other.example") {
		t.Errorf("a zone that is not there: %v", err)
	}
}
