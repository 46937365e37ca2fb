package apitest

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/gateway"
)

// streamPorts is the operator's range of ports for streams.
var streamPorts = gateway.PortRange{First: 9000, Last: 9019}

// TestStreams: a stream's whole life over the API, beside another tenant's.
func TestStreams(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob")
		g, other := ada.demo("demo"), bob.demo("other")
		targets := func(url string) object { return object{"targets": []object{{"url": url}}} }
		for _, u := range []string{g, other} {
			c := ada
			if u == other {
				c = bob
			}
			c.put(u+"/upstreams/db", targets("tcp://127.0.0.1:5555")).want(201)
		}
		s := ada.post(g+"/streams", object{"name": "db", "protocol": "tcp", "upstream": "db", "idle_timeout": "30s"}).want(201)
		port := portOf(s)
		if port < streamPorts.First || port > streamPorts.Last || s.str("idle_timeout") != "30s" || s.header.Get("Tollgate-Version") == "" {
			t.Fatalf("the stream is %s", s.body)
		}
		ada.post(g+"/streams", object{"name": "db", "protocol": "tcp", "upstream": "db"}).wantCode(409, "name_taken")
		if again := ada.put(g+"/streams/db", object{"protocol": "tcp", "upstream": "db"}).want(200); portOf(again) != port {
			t.Errorf("a stream that was replaced is at %s", again.body)
		}
		taken := bob.put(other+"/streams/db", object{"protocol": "tcp", "upstream": "db", "port": port})
		taken.wantFields("/port")
		if !strings.Contains(string(taken.body), "free are") {
			t.Errorf("the free ports are not named: %s", taken.body)
		}
		bob.get(strings.Replace(other, "other", "demo", 1) + "/streams/db").want(404)

		host := ada.get(g).want(200).str("hostname")
		ada.put(g+"/streams/tls", object{"protocol": "tls", "upstream": "db", "sni": []string{"db." + host}}).want(201)
		bob.put(other+"/streams/tls", object{"protocol": "tls", "upstream": "db", "sni": []string{"db." + host}}).wantFields("/sni/0")
		for field, body := range map[string]object{
			"/protocol":       {"protocol": "sctp", "upstream": "db"},
			"/upstream":       {"protocol": "udp", "upstream": "db"},
			"/port":           {"protocol": "tcp", "upstream": "db", "port": 80},
			"/sni":            {"protocol": "tcp", "upstream": "db", "sni": []string{"x"}},
			"/proxy_protocol": {"protocol": "tcp", "upstream": "db", "proxy_protocol": "v3"},
			"/idle_timeout":   {"protocol": "tcp", "upstream": "db", "idle_timeout": "1ms"},
			"/deny/0":         {"protocol": "tcp", "upstream": "db", "deny": []string{"everybody"}},
		} {
			ada.put(g+"/streams/bad", body).wantFields(field)
		}
		ada.put(g+"/routes/bad", object{"match": object{"path": "/x"}, "upstream": "db", "public": true}).wantFields("/upstream")
		ada.delete(g+"/upstreams/db").wantCode(409, "in_use")

		if n := len(ada.get(g + "/streams?q=tls").want(200).list("items")); n != 1 {
			t.Errorf("%d streams are found, want 1", n)
		}
		config := ada.get(g + "/config").want(200)
		if n := len(config.list("streams")); n != 2 {
			t.Errorf("%d streams in the configuration", n)
		}
		if changes := ada.post(g+"/config/diff", config.at()).want(200).list("changes"); len(changes) != 0 {
			t.Errorf("the configuration differs from itself: %v", changes)
		}
		if ch := ada.post(g+"/config/check", object{"stream": object{"name": "new", "protocol": "tcp", "upstream": "db"}}).want(200).list("changes"); len(ch) != 1 {
			t.Errorf("a check says %v", ch)
		}
		ada.delete(g + "/streams/db").want(204)
		ada.get(g + "/streams/db").want(404)
	})
}

func portOf(a *answer) int {
	n, _ := a.at("port").(float64)
	return int(n)
}
