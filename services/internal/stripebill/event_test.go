package stripebill

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/tollgate/tollgate/services/billing"
)

const (
	newSecret = "whsec_the_new_one_0123456789"
	oldSecret = "whsec_the_old_one_0123456789"
)

func testClient(t *testing.T, change func(*Config)) *Client {
	t.Helper()
	c := Config{Key: "sk_test_x", WebhookSecrets: []string{newSecret, oldSecret}, Clock: time.Now}
	if change != nil {
		change(&c)
	}
	out, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func v1(at time.Time, body, secret string) string {
	return "v1=" + hex.EncodeToString(webhook.ComputeSignature(at, []byte(body), secret))
}

// TestEventSignatures is who may tell of an event.
func TestEventSignatures(t *testing.T) {
	t.Parallel()
	c := testClient(t, nil)
	now := time.Unix(1_800_000_000, 0)
	const body = `{"id":"evt_1","object":"event","type":"invoice.paid","created":1799999999,"livemode":true,"account":"acct_1","data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1"}}}`
	stamp := fmt.Sprintf("t=%d,", now.Unix())
	for name, h := range map[string]struct {
		signature string
		body      string
		at        time.Time
		ok        bool
	}{
		"good":               {stamp + v1(now, body, newSecret), body, now, true},
		"by the old secret":  {stamp + v1(now, body, oldSecret), body, now, true},
		"one of two":         {stamp + "v1=00," + v1(now, body, newSecret), body, now, true},
		"with a v0":          {stamp + v1(now, body, newSecret) + ",v0=00", body, now, true},
		"300 s old":          {stamp + v1(now, body, newSecret), body, now.Add(300 * time.Second), true},
		"301 s old":          {stamp + v1(now, body, newSecret), body, now.Add(301 * time.Second), false},
		"301 s ahead":        {stamp + v1(now, body, newSecret), body, now.Add(-301 * time.Second), false},
		"none":               {"", body, now, false},
		"only v0":            {stamp + strings.Replace(v1(now, body, newSecret), "v1", "v0", 1), body, now, false},
		"another's secret":   {stamp + v1(now, body, "whsec_somebody_elses_01"), body, now, false},
		"another's time":     {fmt.Sprintf("t=%d,", now.Unix()+1) + v1(now, body, newSecret), body, now, false},
		"two times":          {stamp + stamp + v1(now, body, newSecret), body, now, false},
		"no number":          {"t=x," + v1(now, body, newSecret), body, now, false},
		"without a time":     {v1(now, body, newSecret), body, now, false},
		"a body laid out":    {stamp + v1(now, body, newSecret), strings.Replace(body, ":", ": ", 1), now, false},
		"signed, no event":   {stamp + v1(now, "[]", newSecret), "[]", now, false},
		"signed, no id":      {stamp + v1(now, "{}", newSecret), "{}", now, false},
		"17 signatures":      {stamp + strings.Repeat("v1=00,", maxSignatures) + v1(now, body, newSecret), body, now, false},
		"an empty signature": {stamp + "v1=", body, now, false},
	} {
		e, err := c.Event([]byte(h.body), h.signature, h.at)
		if (err == nil) != h.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !kind(err, billing.ErrorSignature) {
			t.Errorf("%s is %v", name, err)
		}
		if h.ok && (e.ID != "evt_1" || e.Type != "invoice.paid" || e.Customer != "cus_1" || e.Object != "in_1" || !e.Livemode || e.Account != "acct_1" || e.Created.Unix() != 1799999999) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestWhomAnEventIsAbout(t *testing.T) {
	t.Parallel()
	c := testClient(t, nil)
	now := time.Now()
	for object, want := range map[string]string{
		`{"id":"cus_1","object":"customer"}`:                                       "cus_1",
		`{"id":"sub_1","object":"subscription","customer":"cus_2"}`:                "cus_2",
		`{"id":"sub_1","object":"subscription","customer":{"id":"cus_3","a":[1]}}`: "cus_3",
		`{"id":"price_1","object":"price"}`:                                        "",
		`{"id":"x","object":"y","customer":7}`:                                     "",
		`{"id":"x","object":"y","metadata":{"customer":"cus_4"}}`:                  "",
	} {
		body := `{"id":"evt_1","object":"event","type":"x","data":{"object":` + object + `}}`
		e, err := c.Event([]byte(body), fmt.Sprintf("t=%d,%s", now.Unix(), v1(now, body, newSecret)), now)
		if err != nil || e.Customer != want {
			t.Errorf("%s is about %q, %v", object, e.Customer, err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"publishable key": {Key: "pk_test_x", WebhookSecrets: []string{newSecret}},
		"no secret":       {Key: "sk_test_x"},
		"short secret":    {Key: "sk_test_x", WebhookSecrets: []string{"whsec_"}},
		"no URL":          {Key: "sk_test_x", WebhookSecrets: []string{newSecret}, URL: "stripe"},
		"live by http":    {Key: "sk_live_x", WebhookSecrets: []string{newSecret}, URL: "http://127.0.0.1:1"},
	} {
		if _, err := New(c); err == nil || strings.Contains(err.Error(), "_x") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPace lets a burst through, then one request each so many milliseconds, and
// nothing while Stripe has asked for a pause.
func TestPace(t *testing.T) {
	t.Parallel()
	p := newPace(nil, 0)
	now := time.Unix(1_800_000_000, 0)
	for i := range perSecond {
		if wait := p.take(now); wait != 0 {
			t.Fatalf("request %d of the burst waits %s", i, wait)
		}
	}
	for i := 1; i <= 10; i++ {
		if wait, want := p.take(now), time.Duration(i)*time.Second/perSecond; wait < want-time.Millisecond || wait > want+time.Millisecond {
			t.Fatalf("request %d after the burst waits %s, want %s", i, wait, want)
		}
	}
	if wait := p.take(now.Add(time.Minute)); wait != 0 {
		t.Errorf("after a minute a request waits %s", wait)
	}
	p.pause(now.Add(time.Minute), 3*time.Second)
	p.pause(now.Add(time.Minute), time.Second) // a shorter one takes nothing back
	if wait := p.take(now.Add(time.Minute)); wait != 3*time.Second {
		t.Errorf("in a pause of 3 s a request waits %s", wait)
	}
	p.pause(now.Add(time.Minute), time.Hour)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://stripe.test", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.until = time.Now().Add(time.Hour)
	res, err := p.RoundTrip(r)
	if res != nil {
		res.Body.Close()
	}
	var e *billing.ProviderError
	if !errors.As(err, &e) || e.Kind != billing.ErrorTemporary || e.RetryAfter < 50*time.Minute {
		t.Errorf("in a pause of an hour: %v", err)
	}
}

func TestUnitAmounts(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]billing.Plan{
		"0.0005": {OveragePriceCents: 50, OverageRequests: 100_000}, "0.5": {OveragePriceCents: 50, OverageRequests: 100},
		"3": {OveragePriceCents: 300, OverageRequests: 100}, "0.000000000001": {OveragePriceCents: 1, OverageRequests: 1_000_000_000_000}, "0": {OverageRequests: 7},
	} {
		if got := unitAmount(&p); got != want {
			t.Errorf("%d cents for %d are %s each, want %s", p.OveragePriceCents, p.OverageRequests, got, want)
		}
	}
}
