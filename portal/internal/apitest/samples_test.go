package apitest

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/api"
	"github.com/tollgate/tollgate/portal/internal/authz"
)

type object = map[string]any

// samples are a body that works for every operation that takes one.
var samples = map[string]any{
	"signup":                     object{"email": "new@example.com", "password": password, "organization": "New"},
	"login":                      object{"email": "ada@example.com", "password": password},
	"forgotPassword":             object{"email": "ada@example.com"},
	"resetPassword":              object{"token": "t", "password": password},
	"changePassword":             object{"current_password": password, "password": password},
	"verifyEmail":                object{"token": "t"},
	"loginSecondFactor":          object{"code": "123456"},
	"beginDeviceLogin":           object{"host": "laptop"},
	"collectDeviceLogin":         object{"device_code": "d"},
	"decideDeviceLogin":          object{"decision": "deny"},
	"updateMe":                   object{"name": "Ada"},
	"changeEmail":                object{"email": "new@example.com", "current_password": password},
	"enrolTOTP":                  object{"current_password": password},
	"confirmTOTP":                object{"code": "123456"},
	"renewRecoveryCodes":         object{"current_password": password, "code": "123456"},
	"disableTOTP":                object{"current_password": password, "code": "123456"},
	"linkIdentity":               object{"provider": "corp", "current_password": password},
	"deleteAccount":              object{"current_password": password},
	"deleteOrganization":         object{"name": "ada", "current_password": password},
	"lookUpInvitation":           object{"invitation": "t"},
	"createOrganization":         object{"name": "New"},
	"updateOrganization":         object{"name": "Taken over", "freshness": "strict"},
	"acceptInvitation":           object{"invitation": "t"},
	"updateMember":               object{"role": "viewer"},
	"createInvitation":           object{"email": "x@example.com", "role": "viewer"},
	"createToken":                object{"name": "x", "scopes": []string{"organization:read"}},
	"createGateway":              object{"name": "new", "mode": "live", "log_sample": 0.5},
	"updateGateway":              object{"name": "renamed", "server_timing": true},
	"createUpstream":             object{"name": "u2", "targets": []object{{"url": "http://127.0.0.1:9009", "weight": 2}}},
	"putUpstream":                object{"targets": []object{{"url": "http://127.0.0.1:9009"}}, "health": object{"type": "http", "interval": "2s"}},
	"createRoute":                object{"name": "r2", "match": object{"path": "/r2"}, "upstream": "u", "public": true},
	"putRoute":                   object{"match": object{"path": "/r3", "headers": []object{{"name": "X-A", "exact": "b"}}}, "upstream": "u", "public": true, "timeout": "3s"},
	"putGatewayPolicies":         object{"items": []object{{"type": "ip_filter", "config": object{"allow": []string{"10.0.0.0/8"}}}}},
	"putSecret":                  object{"value": "hush"},
	"createUsagePlan":            object{"name": "p2", "quota": object{"limit": 5, "period": "day"}},
	"putUsagePlan":               object{"rate_limit": object{"rate": 5, "per": "minute", "burst": 5}, "concurrency": 3},
	"createConsumer":             object{"name": "c2", "metadata": object{"a": "b"}},
	"putConsumer":                object{"usage_plan": "p"},
	"createKey":                  object{"consumer": "c", "name": "n", "scopes": []string{"a"}},
	"updateKey":                  object{"name": "renamed"},
	"rotateKey":                  object{"overlap": "1h"},
	"putConfig":                  object{"upstreams": []object{{"name": "u", "targets": []object{{"url": "http://127.0.0.1:9001"}}}}},
	"diffConfig":                 object{"upstreams": []object{{"name": "u", "targets": []object{{"url": "http://127.0.0.1:9001"}}}}},
	"copyGateway":                object{"to": "copy", "create": true},
	"sendTestRequest":            object{"path": "/orders/1", "headers": object{"x-a": []string{"b"}}},
	"changeParts":                object{"changes": []object{{"name": "r9", "route": object{"match": object{"path": "/r9"}, "upstream": "u", "public": true}}}},
	"checkPlan":                  object{"gateway": "demo", "config": object{"routes": []object{{"name": "r", "match": object{"path": "/r3"}, "upstream": "u", "public": true}}}},
	"applyConfig":                object{"owner": "git:demo", "config": object{"routes": []object{{"name": "r9", "match": object{"path": "/r9"}, "upstream": "u", "public": true}}}},
	"checkApply":                 object{"owner": "git:demo", "config": object{"routes": []object{{"name": "r9", "match": object{"path": "/r9"}, "upstream": "u", "public": true}}}},
	"checkChange":                object{"name": "r", "route": object{"match": object{"path": "/r3"}, "upstream": "u", "public": true}},
	"putCertificate":             object{"chain_pem": "-----BEGIN CERTIFICATE-----", "key_pem": "-----BEGIN PRIVATE KEY-----"},
	"putDomain":                  object{"certificate": "uploaded"},
	"createStream":               object{"name": "t2", "protocol": "udp", "upstream": "udp", "proxy_protocol": "v2"},
	"putStream":                  object{"protocol": "tcp", "upstream": "tcp", "allow": []string{"10.0.0.0/8"}, "idle_timeout": "1m"},
	"createTelemetryDestination": object{"name": "collector2", "type": "otlp", "url": "https://otel.example.com", "signals": []string{"logs", "traces"}, "headers": object{"Authorization": "Bearer x"}},
	"putTelemetryDestination":    object{"type": "http", "url": "https://logs.example.com/in", "format": "ndjson", "gzip": true},
	"createAlert":                object{"name": "a2", "kind": "no_traffic", "channels": []object{{"type": "webhook", "url": "https://hooks.example.com/x"}}},
	"putAlert":                   object{"kind": "latency", "percentile": "p99", "threshold": 250, "channels": []object{{"type": "mail", "to": []string{"ops@example.com"}}}},
	"createWebhook":              object{"name": "w2", "url": "https://hooks.example.com/x", "events": []string{"key.created", "key.revoked"}},
	"putWebhook":                 object{"url": "https://hooks.example.com/y", "events": []string{"*"}, "enabled": false},
	"steerRelease":               object{"action": "pause", "reason": "a look first"},
	"purgeCache":                 object{"tag": "product-7"},
	"sendToConnection":           object{"text": "hello"},
	"explain":                    object{"url": "/orders/1", "method": "GET", "headers": object{"x-a": []string{"b"}}},

	// Billing.
	"updateSubscription":  object{"spending_cap_cents": 5000},
	"previewSubscription": object{"plan": "pro"},
	"createCheckout":      object{"plan": "pro"},
	"stripeWebhook":       []byte(`{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{"customer":"cus_1"}}}`),

	// The operator's console.
	"updateOperatorOrganization": object{"plan": "pro", "reason": "as agreed"},
	"suspendOrganization":        object{"reason": "spam", "message": "Write to us."},
	"resumeOrganization":         object{"reason": "settled"},
	"giveCredit":                 object{"cents": 500, "reason": "an outage"},
	"createOperatorNote":         object{"text": "called them"},
	"startView":                  object{"reason": "ticket 7"},
	"retryOutgoing":              object{"reason": "the card works again"},
	"dropOutgoing":               object{"reason": "given twice"},
	"drainEdge":                  object{"reason": "a new disk"},
	"undrainEdge":                object{"reason": "it is in"},

	// Developer portals.
	"putDeveloperPortal":         object{"name": "Demo", "published": true, "accent": "#1c64b0", "plans": []object{{"usage_plan": "p", "approval": true}}},
	"putDeveloperPortalLogo":     object{"image": logo},
	"putOpenAPI":                 object{"document": "openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths: {}\n"},
	"importNginx":                object{"document": "upstream b { server 127.0.0.1:9001; }\nserver { location / { proxy_pass http://b; } }\n"},
	"importOpenAPI":              object{"document": "openapi: 3.0.3\ninfo: {title: T}\npaths: {/imported: {get: {}}}\n", "options": object{"upstream": "u"}},
	"putDeveloperPortalOpenAPI":  object{"document": "openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths: {}\n"},
	"refuseDeveloperApplication": object{"reason": "no"},
	"portalSignup":               object{"email": "new@dev.example", "password": password, "name": "New"},
	"portalVerify":               object{"token": "t"},
	"portalResend":               object{"email": "dev@dev.example"},
	"portalLogin":                object{"email": "dev@dev.example", "password": password},
	"portalForgotPassword":       object{"email": "dev@dev.example"},
	"portalResetPassword":        object{"token": "t", "password": password},
	"portalChangePassword":       object{"current_password": password, "password": password},
	"deletePortalMe":             object{"password": password},
	"choosePortalPlan":           object{"usage_plan": "p"},
	"createPortalKey":            object{"name": "n"},
	"rotatePortalKey":            object{"overlap": "1h"},
	"tryPortalRequest":           object{"path": "/orders/1"},
}

// operations are those of the document; the test fails when one takes a body and
// has no sample.
func operations(t *testing.T) []*authz.Operation {
	t.Helper()
	ops, err := authz.New(api.Document)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range ops.List() {
		if _, ok := samples[op.ID]; !ok && op.Spec.RequestBody != nil {
			t.Fatalf("operation %s takes a body, but has no sample in this test", op.ID)
		}
	}
	return ops.List()
}

// ids are what a path's parameters are replaced by.
type ids map[string]string

// names of things inside a gateway, by the path's collection.
var names = map[string]string{"upstreams": "u", "routes": "r", "usage-plans": "p", "consumers": "c", "secrets": "s", "alerts": "a", "certificates": "x", "streams": "t", "destinations": "d", "webhooks": "w"}

// path fills in an operation's path.
func (i ids) path(op *authz.Operation) string {
	steps := strings.Split(op.Path, "/")
	for n, s := range steps {
		name, ok := strings.CutPrefix(s, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		if name == "name" {
			steps[n] = names[steps[n-1]]
			continue
		}
		steps[n] = url.PathEscape(i[name])
	}
	return strings.Join(steps, "/")
}

// furnish gives an organization one of everything and returns the ids.
func (c *caller) furnish() ids {
	c.e.t.Helper()
	g := c.demo("demo")
	c.put(g+"/secrets/s", object{"value": "hush"}).want(201)
	for _, kind := range []string{"tcp", "udp"} {
		c.put(g+"/upstreams/"+kind, object{"targets": []object{{"url": kind + "://127.0.0.1:5555"}}}).want(201)
	}
	c.put(g+"/streams/t", object{"protocol": "tcp", "upstream": "tcp"}).want(201)
	c.put(g+"/domains/api.demo.example", object{"certificate": "uploaded"}).want(201)
	c.put("/v1/telemetry/destinations/d", object{"type": "http", "url": "https://logs.example.com/in", "enabled": false, "headers": object{"X-Key": "canary-0451"}}).want(201)
	c.put(g+"/alerts/a", object{"kind": "error_rate", "threshold": 5, "channels": []object{{"type": "mail", "to": []string{"ops@example.com"}}}}).want(201)
	c.put(g+"/webhooks/w", object{"url": "https://hooks.example.com/w", "events": []string{"key.created"}}).want(201)
	s := c.login()
	label := c.publish(g, object{"usage_plan": "p", "approval": true})
	dev := c.e.developer(label, "dev@dev.example")
	dev.put("/plan", object{"usage_plan": "p"}).want(200)
	key := c.post(g+"/keys", object{"consumer": "c"}).want(201).str("id")
	// Off, so that nothing of it moves by itself.
	c.put(g+"/webhooks/w", object{"url": "https://hooks.example.com/w", "events": []string{"key.created"}, "enabled": false}).want(200)
	return ids{
		"event":      c.get(g + "/webhooks/w/deliveries").want(200).list("items")[0].(object)["id"].(string),
		"connection": "ws_00000000000000000000000000000000", "label": label, "developer": dev.get("/me").want(200).str("id"),
		"application": c.get(g + "/developer-portal/applications").want(200).list("items")[0].(object)["id"].(string),
		"gateway":     strings.TrimPrefix(g, "/v1/gateways/"), "version": "2", "request_id": "0123456789abcdef", "organization": c.org, "identity": "idn_00000000000000000000000000",
		"key":        key,
		"token":      c.post("/v1/tokens", object{"name": "spare", "scopes": []string{"*"}}).want(201).str("id"),
		"host":       "api.demo.example",
		"invitation": c.post("/v1/invitations", object{"email": "guest@example.com", "role": "viewer"}).want(201).str("id"),
		"member":     c.memberID(c.email),
		"note":       "note_00000000000000000000000000", "edge": "edge-1", "outgoing": "credit:cr_1", // of the operator's console
		"invoice":   "in_00000000000000000000000000", // a subscription's invoices come from the provider
		"user_code": "BCDF-GHJK",                     // nothing waits under it
		"session":   s.get("/v1/sessions").want(200).list("items")[0].(object)["id"].(string),
	}
}

// What moves by itself: what edges and the publisher say of a gateway, and when the
// worker looked for a domain's record and what it found.
var (
	liveness = regexp.MustCompile(`"live":\{[^{}]*\},?`)
	looks    = regexp.MustCompile(`"(checked_at|next_check_at|problem|updated_at)":"[^"]*",?`)
)

// fingerprint is all that can be seen of an organization, by path.
type fingerprint map[string]string

// changed says what is not as it was before.
func (f fingerprint) changed(before fingerprint) (out []string) {
	for path, was := range before {
		if f[path] != was {
			out = append(out, fmt.Sprintf("%s was\n%s\nand is\n%s", path, was, f[path]))
		}
	}
	return out
}

func (c *caller) fingerprint(i ids) fingerprint {
	c.e.t.Helper()
	g := "/v1/gateways/" + i["gateway"]
	f := fingerprint{}
	for _, path := range []string{
		"/v1/organization", "/v1/members", "/v1/invitations", "/v1/gateways",
		g + "/config", g + "/alerts/a/history", g + "/alerts/a/deliveries", g + "/webhooks", g + "/webhooks/w/deliveries", g + "/keys", g + "/consumers", g + "/secrets", g + "/domains", g + "/streams", g + "/versions",
		g + "/developer-portal", g + "/developer-portal/applications", g + "/developer-portal/developers", "/v1/audit?limit=200",
	} {
		body := liveness.ReplaceAll(c.get(path).want(200).body, nil)
		if strings.HasSuffix(path, "/domains") {
			body = looks.ReplaceAll(body, nil)
		}
		f[path] = string(body)
	}
	return f
}
