package apitest

import (
	"strings"
	"testing"
)

// TestWebhooks is a webhook from nothing to nothing: its secret is shown once, and it
// is told of what the developer portal does, too.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		// Nobody listens there: what is sent waits.
		in := object{"name": "w", "url": "http://127.0.0.1:59995/x", "events": []string{"consumer.created", "consumer.deleted", "key.created"}}
		once := ada.with("Idempotency-Key", "hook-1")
		made := once.post(g+"/webhooks", in).want(201)
		secret := made.str("signing_secret")
		if again := once.post(g+"/webhooks", in).want(201); !strings.HasPrefix(secret, "whsec_") || strings.Contains(string(again.body), "whsec_") || again.str("id") != made.str("id") {
			t.Errorf("made %s\nreplayed %s", made.body, again.body)
		}
		ada.post(g+"/webhooks", in).wantCode(409, "name_taken")
		ada.put(g+"/webhooks/w", object{"url": "gopher://x", "events": []string{"no.such", "*"}, "signing_secret": "short"}).wantFields("/url", "/events", "/signing_secret")
		ada.with("If-Match", `"9"`).put(g+"/webhooks/w", in).wantCode(412, "precondition_failed")
		for _, a := range []*answer{ada.get(g + "/webhooks/w"), ada.get(g + "/webhooks"), ada.put(g+"/webhooks/w", in)} {
			if strings.Contains(string(a.want(200).body), "whsec_") {
				t.Errorf("the secret is shown again: %s", a.body)
			}
		}
		fresh := ada.post(g+"/webhooks/w/rotate", nil).want(200)
		if s := fresh.str("signing_secret"); !strings.HasPrefix(s, "whsec_") || s == secret || ada.get(g+"/webhooks/w").want(200).at("state", "old_secret_until") == nil {
			t.Errorf("rotated: %s", fresh.body)
		}

		label := ada.publish(g, object{"usage_plan": "p"})
		dev := e.developer(label, "dev@dev.example")
		dev.put("/plan", object{"usage_plan": "p"}).want(200)
		dev.post("/keys", object{"name": "mine"}).want(201)
		dev.post("/me/delete", object{"password": password}).want(204)
		var types []string
		for _, d := range ada.get(g + "/webhooks/w/deliveries").want(200).list("items") {
			types = append([]string{d.(object)["type"].(string)}, types...)
		}
		if got := strings.Join(types, " "); got != "consumer.created key.created consumer.deleted" {
			t.Errorf("told of %s", got)
		}

		tested := ada.post(g+"/webhooks/w/test", nil).want(200)
		if tested.at("ok") != false || tested.at("status_code") != nil || !strings.Contains(tested.str("error"), "can't be reached") {
			t.Errorf("test: %s", tested.body)
		}
		newest := ada.get(g + "/webhooks/w/deliveries?limit=1").want(200).list("items")[0].(object)
		if newest["type"] != "webhook.test" || newest["state"] != "failed" || newest["id"] != tested.str("id") {
			t.Errorf("%v", newest)
		}
		for range 20 {
			if ada.post(g+"/webhooks/w/test", nil).status == 429 {
				break
			}
		}
		ada.post(g+"/webhooks/w/test", nil).wantCode(429, "throttled")
		retry := g + "/webhooks/w/deliveries/" + newest["id"].(string) + "/retry"
		if d := ada.post(retry, nil).want(202); d.str("state") != "waiting" || d.str("id") != newest["id"] {
			t.Errorf("retried: %s", d.body)
		}
		ada.put(g+"/webhooks/w", object{"url": "http://127.0.0.1:59995/x", "enabled": false}).want(200)
		ada.post(retry, nil).wantCode(409, "conflict")
		ada.post(g+"/webhooks/w/deliveries/evt_none/retry", nil).wantCode(409, "conflict")
		for _, d := range ada.get(g + "/webhooks/w/deliveries").want(200).list("items") {
			if d.(object)["state"] == "waiting" {
				t.Errorf("of a webhook that is off: %v", d)
			}
		}
		if n := len(e.signup("eve").get("/v1/webhook-events").want(200).list("items")); n < 20 {
			t.Errorf("%d types of events", n)
		}
		ada.delete(g + "/webhooks/w").want(204)
		ada.get(g+"/webhooks/w").wantCode(404, "not_found")
	})
}
