package billing_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// hook is the path of the webhook.
const hook = "/v1/stripe/webhook"

// eventOf is an event's bytes as Stripe would send them, about a customer's object.
func eventOf(id, customer string, more map[string]any) string {
	e := map[string]any{
		"id": id, "object": "event", "api_version": stripefake.Version, "created": born.Unix(), "livemode": false, "pending_webhooks": 1, "type": "customer.subscription.updated",
		"request": nil, "data": map[string]any{"object": map[string]any{"id": "sub_x", "object": "subscription", "customer": customer}},
	}
	for k, v := range more {
		e[k] = v
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// noted is how many events the inbox holds, and due how many customers wait to be
// fetched.
func (r *rig) noted() int64 {
	return r.number("SELECT count(*) FROM stripe_events WHERE ignored = ''")
}

func (r *rig) due() int64 {
	return r.number("SELECT count(*) FROM billing_syncs WHERE next_at <> 0 AND next_at <= $1", r.Now().Add(time.Second).UnixMilli())
}

// TestWebhook is the rows STR: who is not Stripe changes nothing, and Stripe itself
// only hints. Each row is a test of its name over one organization on pro, whose
// inbox is empty at the beginning.
func TestWebhook(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	other := r.signUp("other")
	r.Drop()
	r.freeze()
	for _, row := range []struct {
		name string
		test func(*testing.T, *rig, *org, *org)
	}{
		{"STR01", forgedSignatures},
		{"STR02", oldSignatures},
		{"STR03", twoSignatures},
		{"STR04", otherModeOrAccount},
		{"STR05", metadataOfAnother},
		{"STR06", hugeBodies},
		{"STR07", successWithoutPayment},
		{"STR08", olderState},
		{"STR09", tamperedCheckout},
		{"STR10", otherPaths},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := r.db.Exec("DELETE FROM stripe_events"); err != nil {
				t.Fatal(err)
			}
			row.test(t, r, o, other)
		})
	}
}

// refused holds that a delivery is answered with a status and leaves nothing.
func refused(t *testing.T, r *rig, what string, got int, want ...int) {
	t.Helper()
	ok := false
	for _, w := range want {
		ok = ok || got == w
	}
	if n := r.noted(); !ok || n != 0 {
		t.Errorf("%s: answered with %d, want %v; %d events noted", what, got, want, n)
	}
}

func forgedSignatures(t *testing.T, r *rig, o, _ *org) {
	body := eventOf("evt_str01", o.customer(), nil)
	send := func(text string, signature ...string) int {
		return r.post(hook, strings.NewReader(text), signature...)
	}
	good := stripefake.Sign(webhookSecret, []byte(body), r.clock())
	refused(t, r, "none", send(body), 400)
	refused(t, r, "empty", send(body, "Stripe-Signature", ""), 400)
	refused(t, r, "garbage", send(body, "Stripe-Signature", "t=x,v1=zz"), 400)
	refused(t, r, "another endpoint's secret", send(body, "Stripe-Signature", stripefake.Sign("whsec_of_another_endpoint", []byte(body), r.clock())), 400)
	refused(t, r, "one hexadecimal digit", send(body, "Stripe-Signature", good[:len(good)-1]+flip(good[len(good)-1])), 400)
	refused(t, r, "without its time", send(body, "Stripe-Signature", good[strings.Index(good, "v1="):]), 400)
	refused(t, r, "with two times", send(body, "Stripe-Signature", fmt.Sprintf("t=%d,%s", r.clock().Unix(), good)), 400)
	// The same JSON with a blank more is not what was signed.
	refused(t, r, "encoded anew", send(strings.Replace(body, ",", ", ", 1), "Stripe-Signature", good), 400)
	refused(t, r, "signed, but no event", r.signed(`{"id":"","object":"event"}`), 400)
	if got := r.signed(body); got/100 != 2 || r.noted() != 1 {
		t.Errorf("the right one: %d, %d noted", got, r.noted())
	}
}

func flip(b byte) string {
	if b == '0' {
		return "1"
	}
	return "0"
}

func oldSignatures(t *testing.T, r *rig, o, _ *org) {
	body := eventOf("evt_str02", o.customer(), nil)
	at := func(d time.Duration) int {
		return r.post(hook, strings.NewReader(body), "Stripe-Signature", stripefake.Sign(webhookSecret, []byte(body), r.clock().Add(d)))
	}
	refused(t, r, "301 s old", at(-301*time.Second), 400)
	refused(t, r, "301 s ahead", at(301*time.Second), 400)
	for _, d := range []time.Duration{-299 * time.Second, 299 * time.Second, 0, 0} {
		if got := at(d); got/100 != 2 {
			t.Errorf("%s: %d", d, got)
		}
	}
	if n := r.noted(); n != 1 {
		t.Errorf("an event that came four times is noted %d times", n)
	}
}

func twoSignatures(t *testing.T, r *rig, o, _ *org) {
	body := eventOf("evt_str03", o.customer(), nil)
	good := stripefake.Sign(webhookSecret, []byte(body), r.clock())
	stamp, mac, _ := strings.Cut(good, ",v1=")
	bad := strings.Repeat("ab", 32)
	for header, fine := range map[string]bool{
		stamp + ",v0=" + mac:                    false,
		stamp + ",v2=" + mac + ",v0=" + mac:     false,
		stamp + ",v1=" + bad:                    false,
		stamp + ",v1=" + bad + ",v1=" + mac:     true,
		stamp + ",v1=" + mac + ",v1=" + bad:     true,
		stamp + ",v0=" + bad + ",v1=" + mac:     true,
		stamp + strings.Repeat(",v1="+bad, 200): false,
	} {
		if _, err := r.db.Exec("DELETE FROM stripe_events"); err != nil {
			t.Fatal(err)
		}
		if got := r.post(hook, strings.NewReader(body), "Stripe-Signature", header); (got/100 == 2) != fine || r.noted() != map[bool]int64{true: 1}[fine] {
			t.Errorf("%.80s…: %d, %d noted", header, got, r.noted())
		}
	}
}

func otherModeOrAccount(t *testing.T, r *rig, o, _ *org) {
	due := r.due()
	for what, more := range map[string]map[string]any{
		"mode": {"livemode": true}, "account": {"account": "acct_of_a_connected_one"},
	} {
		if got := r.signed(eventOf("evt_str04"+what, o.customer(), more)); got/100 != 2 {
			t.Errorf("%s: %d", what, got)
		}
		if !r.logs.has("evt_str04" + what) {
			t.Errorf("%s: nobody is told of it", what)
		}
	}
	if r.noted() != 0 || r.due() != due {
		t.Errorf("%d events noted, %d customers due, %d before", r.noted(), r.due(), due)
	}
}

func metadataOfAnother(t *testing.T, r *rig, o, other *org) {
	// Somebody wrote the other organization's id into the subscription at Stripe.
	sub := r.subscriptionOf(o)
	if _, err := r.Fake.Do("POST", "/v1/subscriptions/"+sub, url.Values{"metadata[tollgate_organization]": {other.id}, "metadata[org_id]": {other.id}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fake.Do("POST", "/v1/customers/"+o.customer(), url.Values{"metadata[tollgate_organization]": {other.id}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.sync()
	if o.plan() != "pro" || other.plan() != "free" || other.subscription()["status"] != "none" {
		t.Errorf("plans %s and %s", o.plan(), other.plan())
	}
	// A customer that was made behind our back is nobody's.
	stranger, err := r.Fake.Do("POST", "/v1/customers", url.Values{"metadata[tollgate_organization]": {other.id}})
	if err != nil {
		t.Fatal(err)
	}
	before := r.due()
	if got := r.signed(eventOf("evt_str05", stranger["id"].(string), nil)); got/100 != 2 {
		t.Error(got)
	}
	if r.due() != before || r.number("SELECT count(*) FROM billing_accounts WHERE customer = $1", stranger["id"]) != 0 {
		t.Error("a customer that we did not make became somebody's")
	}
}

// subscriptionOf is an organization's id of its subscription at Stripe.
func (r *rig) subscriptionOf(o *org) string {
	r.t.Helper()
	list, err := r.Fake.Do("GET", "/v1/subscriptions", url.Values{"customer": {o.customer()}})
	if err != nil || len(list["data"].([]any)) != 1 {
		r.t.Fatal(list, err)
	}
	return list["data"].([]any)[0].(map[string]any)["id"].(string)
}

func hugeBodies(t *testing.T, r *rig, o, _ *org) {
	refused(t, r, "10 MiB", r.signed(eventOf("evt_str06", o.customer(), map[string]any{"padding": strings.Repeat("x", 10<<20)})), 413, 400)
	refused(t, r, "300 KiB", r.signed(eventOf("evt_str06", o.customer(), map[string]any{"padding": strings.Repeat("x", 300<<10)})), 413, 400)
	refused(t, r, "deep", r.signed(`{"id":"evt_str06","data":`+strings.Repeat(`[`, 100_000)+strings.Repeat(`]`, 100_000)+`}`), 400)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, eventOf("evt_str06", o.customer(), nil))
	w.Close()
	refused(t, r, "gzip", r.post(hook, bytes.NewReader(packed.Bytes()), "Content-Encoding", "gzip", "Stripe-Signature", stripefake.Sign(webhookSecret, packed.Bytes(), r.clock())), 400, 415)
	refused(t, r, "not JSON", r.signed("id=evt_str06"), 400)
}

func successWithoutPayment(t *testing.T, r *rig, _, other *org) {
	r.Fake.Drop()
	session := other.checkout("pro")
	view, err := r.Fake.Do("GET", "/v1/checkout/sessions/"+session, nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(strings.ReplaceAll(view["success_url"].(string), "{CHECKOUT_SESSION_ID}", session))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(r.url + back.RequestURI())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := other.Must("POST", "/v1/billing/refresh", nil); got["plan"].(harness.Object)["name"] != "free" {
		t.Errorf("the way back alone gave %v", got["plan"])
	}
	if _, err := r.Pay(session, stripefake.CardDeclines); err == nil {
		t.Error("a declined card paid")
	}
	r.sync()
	if got := other.plan(); got != "free" {
		t.Errorf("a declined card gave %s", got)
	}
}

func olderState(t *testing.T, r *rig, o, _ *org) {
	r.Drop()
	o.choose(harness.Object{"plan": "scale"})
	old := r.Pending()
	r.Advance(time.Minute)
	o.choose(harness.Object{"cancel_at_period_end": true})
	o.choose(harness.Object{"cancel_at_period_end": false})
	if len(old) == 0 {
		t.Fatal("the upgrade made no event")
	}
	newer := r.Pending()[len(old):]
	for _, list := range [][]stripefake.Event{newer, old, old} {
		for _, e := range list {
			if _, err := r.Deliver(t.Context(), e.ID); err != nil {
				t.Fatal(err)
			}
			r.sync()
		}
	}
	got := o.subscription()
	if o.plan() != "scale" || got["cancel_at_period_end"] != false {
		t.Errorf("after old events: %v", got)
	}
}

func tamperedCheckout(t *testing.T, r *rig, _, other *org) {
	for _, more := range []harness.Object{{"currency": "idr"}, {"price": "price_1"}, {"price_cents": 1}, {"amount": 1}, {"customer": "cus_1"}, {"quantity": 0}} {
		more["plan"] = "scale"
		reply, err := other.Do("POST", "/v1/billing/checkout", more)
		if err != nil || reply.Status/100 != 4 {
			t.Errorf("%v: %v %v", more, reply, err)
		}
	}
	for _, plan := range []string{"free", "none", "", "price_1Fake00000001"} {
		if reply, err := other.Do("POST", "/v1/billing/checkout", harness.Object{"plan": plan}); err != nil || reply.Status/100 != 4 {
			t.Errorf("%q: %v %v", plan, reply, err)
		}
	}
	view, err := r.Fake.Do("GET", "/v1/checkout/sessions/"+other.checkout("scale")+"/line_items", nil)
	if err != nil {
		t.Fatal(err)
	}
	var base int64
	for _, l := range view["data"].([]any) {
		base += int64(l.(map[string]any)["amount_total"].(float64))
	}
	if base != 49900 {
		t.Errorf("the session sells scale for %d cents", base)
	}
}

func otherPaths(t *testing.T, r *rig, o, _ *org) {
	body := eventOf("evt_str10", o.customer(), nil)
	signature := stripefake.Sign(webhookSecret, []byte(body), r.clock())
	base, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		hook + "/", "/" + hook, "/v1//stripe/webhook", "/v1/stripe/../stripe/webhook", "/v1/./stripe/webhook", "/V1/stripe/webhook", "/v1/stripe/Webhook", "/v1/stripe%2Fwebhook",
		"/v1/stripe/webhook;x", "/v1/stripe/webhook%00", "/v1/stripe/webhook/x", "/dev/../v1/stripe/webhook",
	} {
		req, err := http.NewRequest("POST", r.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = "//" + base.Host + raw
		req.Header.Set("Stripe-Signature", signature)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		resp.Body.Close()
		if n := r.noted(); resp.StatusCode/100 == 2 || n != 0 {
			t.Errorf("%s: %d, %d events noted", raw, resp.StatusCode, n)
		}
	}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "HEAD"} {
		req, err := http.NewRequest(method, r.url+hook, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Stripe-Signature", signature)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if n := r.noted(); resp.StatusCode/100 == 2 || n != 0 {
			t.Errorf("%s: %d, %d events noted", method, resp.StatusCode, n)
		}
	}
}

// TestS04 delivers one event ten times at once: each is answered with 2xx, and one
// has an effect.
func TestS04(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	r.Drop()
	if _, err := r.db.Exec("DELETE FROM stripe_events"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fake.Do("POST", "/v1/subscriptions/"+r.subscriptionOf(o), url.Values{"cancel_at_period_end": {"true"}}); err != nil {
		t.Fatal(err)
	}
	all := r.Pending()
	if len(all) != 1 {
		t.Fatal(all)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			statuses, err := r.Deliver(context.WithoutCancel(t.Context()), all[0].ID)
			if err != nil || statuses[0]/100 != 2 {
				t.Error(statuses, err)
			}
		})
	}
	wg.Wait()
	if n := r.noted(); n != 1 {
		t.Errorf("%d events noted", n)
	}
	fence := r.number("SELECT count(*) FROM audit WHERE action = 'subscription.sync'")
	r.sync()
	r.sync()
	if o.subscription()["cancel_at_period_end"] != true {
		t.Error("the event had no effect")
	}
	if n := r.number("SELECT count(*) FROM audit WHERE action = 'subscription.sync'") - fence; n != 1 {
		t.Errorf("%d effects", n)
	}
}
