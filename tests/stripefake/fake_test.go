package stripefake_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/stripefake"
)

var noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

// account is a fake with a plan of 49 $ and 100 requests, then half a cent each.
type account struct {
	*stripefake.Fake
	t                        *testing.T
	url, customer            string
	pro, scale, usage, meter string
}

func start(t *testing.T, o stripefake.Options) *account {
	t.Helper()
	if o.Start.IsZero() {
		o.Start = noon
	}
	f := stripefake.New(o)
	u, err := f.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	a := &account{Fake: f, t: t, url: u}
	a.customer = a.ok("POST", "/v1/customers", "email=a@example.com&metadata[org]=o1")["id"].(string)
	a.meter = a.ok("POST", "/v1/billing/meters", "display_name=R&event_name=tollgate_requests_pro&default_aggregation[formula]=sum&event_time_window=hour")["id"].(string)
	a.ok("POST", "/v1/products", "id=tollgate_pro&name=Pro")
	a.pro = a.price("unit_amount=4900&recurring[interval]=month")
	a.scale = a.price("unit_amount=49900&recurring[interval]=month")
	a.usage = a.price("billing_scheme=tiered&tiers_mode=graduated&tiers[0][up_to]=100&tiers[0][unit_amount]=0&tiers[1][up_to]=inf&tiers[1][unit_amount_decimal]=0.5&recurring[interval]=month&recurring[usage_type]=metered&recurring[meter]=" + a.meter)
	return a
}

func (a *account) price(rest string) string {
	a.t.Helper()
	return a.ok("POST", "/v1/prices", "currency=usd&product=tollgate_pro&"+rest)["id"].(string)
}

// client reuses no connection: on one that was used before, net/http itself sends a
// request with an Idempotency-Key again.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// do asks the API and answers the status and the decoded body.
func (a *account) do(method, path, form, key string) (int, map[string]any) {
	a.t.Helper()
	var body io.Reader
	if method == "GET" && form != "" {
		path += "?" + form
	} else {
		body = strings.NewReader(form)
	}
	r, err := http.NewRequest(method, a.url+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk_test_fake")
	r.Header.Set("Stripe-Version", stripefake.Version)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, out
}

func (a *account) ok(method, path, form string) map[string]any {
	a.t.Helper()
	status, out := a.do(method, path, form, "")
	if status != 200 {
		a.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

// subscribe goes through Checkout.
func (a *account) subscribe(anchor time.Time) string {
	a.t.Helper()
	s := a.ok("POST", "/v1/checkout/sessions", fmt.Sprintf("mode=subscription&customer=%s&success_url=http://x.example/done?s={CHECKOUT_SESSION_ID}&line_items[0][price]=%s&line_items[0][quantity]=1&line_items[1][price]=%s&subscription_data[billing_cycle_anchor]=%d&subscription_data[proration_behavior]=create_prorations", a.customer, a.pro, a.usage, anchor.Unix()))
	if _, err := a.Pay(s["id"].(string), stripefake.CardDeclines); err == nil {
		a.t.Fatal("a declined card paid")
	}
	if n := len(data(a.ok("GET", "/v1/subscriptions", "status=all"))); n != 0 {
		a.t.Fatalf("%d subscriptions without a payment", n)
	}
	to, err := a.Pay(s["id"].(string), stripefake.CardGood)
	if err != nil || to != "http://x.example/done?s="+s["id"].(string) {
		a.t.Fatal(to, err)
	}
	return a.ok("GET", "/v1/checkout/sessions/"+s["id"].(string), "")["subscription"].(string)
}

func (a *account) used(at time.Time, n int) {
	a.t.Helper()
	a.ok("POST", "/v1/billing/meter_events", fmt.Sprintf("event_name=tollgate_requests_pro&payload[stripe_customer_id]=%s&payload[value]=%d&timestamp=%d", a.customer, n, at.Unix()))
}

func data(list map[string]any) []any { return list["data"].([]any) }

// lines are an invoice's, as "quantity amount".
func lines(invoice map[string]any) (out []string) {
	for _, l := range data(invoice["lines"].(map[string]any)) {
		l := l.(map[string]any)
		out = append(out, show(l["quantity"], l["amount"]))
	}
	return out
}

// show puts values beside each other, with blanks between them.
func show(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestLife(t *testing.T) {
	a := start(t, stripefake.Options{})
	end := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	sub := a.subscribe(end)
	// 11.5 of the 31 days from 22 October.
	first := a.ok("GET", "/v1/invoices", "")["data"].([]any)[0].(map[string]any)
	want(t, "first invoice", show(lines(first), first["status"], first["period_start"] == first["period_end"]), "[1 1818 0 0] paid true")

	a.used(noon.Add(time.Minute), 7)
	a.used(noon.Add(3*time.Minute), 90) // the same hour: the newest stands
	a.used(noon.Add(2*time.Minute), 8)
	a.Advance(2 * time.Hour)
	a.used(noon.Add(time.Hour+time.Second), 30)
	next := a.ok("GET", "/v1/invoices/upcoming", "customer="+a.customer)
	want(t, "preview", show(lines(next), next["total"]), "[1 4900 100 0 20 10] 4910")

	a.AdvanceTo(end.Add(30 * time.Minute))
	got := a.ok("GET", "/v1/subscriptions/"+sub, "expand[]=latest_invoice")
	draft := got["latest_invoice"].(map[string]any)
	want(t, "draft", show(draft["status"], draft["billing_reason"], draft["period_end"], got["current_period_start"], draft["total"]), show("draft", "subscription_cycle", float64(end.Unix()), float64(end.Unix()), 4910.0))
	a.used(end.Add(-time.Second), 11) // late, while it is a draft
	a.Advance(time.Hour)
	paid := a.ok("GET", "/v1/invoices/"+draft["id"].(string), "")
	want(t, "invoice", show(lines(paid), paid["status"], paid["amount_paid"]), "[1 4900 100 0 31 16] paid 4916") // 15.5: half up
	a.used(end.Add(-time.Hour-time.Second), 1000)
	want(t, "final", a.ok("GET", "/v1/invoices/"+draft["id"].(string), "")["total"].(float64), 4916)

	a.ok("POST", "/v1/subscriptions/"+sub, "cancel_at_period_end=true")
	a.AdvanceTo(time.Date(2026, 12, 22, 2, 0, 0, 0, time.UTC))
	over := a.ok("GET", "/v1/subscriptions/"+sub, "expand[]=latest_invoice")
	want(t, "end", show(over["status"], over["latest_invoice"].(map[string]any)["status"], lines(over["latest_invoice"].(map[string]any))), "canceled paid [0 0]")
}

func TestProrations(t *testing.T) {
	a := start(t, stripefake.Options{})
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	sub := a.subscribe(end)
	item := data(a.ok("GET", "/v1/subscriptions/"+sub, "")["items"].(map[string]any))[0].(map[string]any)["id"].(string)
	a.AdvanceTo(time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)) // half of November is left
	change := "items[0][id]=" + item + "&items[0][price]=" + a.scale + "&proration_behavior=always_invoice"
	preview := a.ok("GET", "/v1/invoices/upcoming", "subscription="+sub+"&subscription_"+strings.ReplaceAll(change, "&", "&subscription_"))
	want(t, "preview", show(lines(preview), preview["amount_due"]), "[1 -2450 1 24950] 22500")
	got := a.ok("POST", "/v1/subscriptions/"+sub, change+"&expand[]=latest_invoice")["latest_invoice"].(map[string]any)
	want(t, "invoice", show(lines(got), got["status"], got["billing_reason"]), "[1 -2450 1 24950] paid subscription_update")
	a.ok("POST", "/v1/subscriptions/"+sub, "items[0][id]="+item+"&items[0][price]="+a.pro+"&proration_behavior=none")
	want(t, "pending", len(data(a.ok("GET", "/v1/invoiceitems", "pending=true"))), 0)
	a.ok("POST", "/v1/subscriptions/"+sub, "items[0][id]="+item+"&items[0][price]="+a.scale)
	want(t, "pending", len(data(a.ok("GET", "/v1/invoiceitems", "pending=true"))), 2)
	a.AdvanceTo(end.Add(2 * time.Hour))
	last := a.ok("GET", "/v1/subscriptions/"+sub, "expand[]=latest_invoice")["latest_invoice"].(map[string]any)
	want(t, "renewal", show(lines(last)), "[1 49900 1 -2450 1 24950 0 0]")
}

func TestDunning(t *testing.T) {
	for exhausted, status := range map[string]string{"past_due": "past_due", "unpaid": "unpaid", "canceled": "canceled"} {
		a := start(t, stripefake.Options{Exhausted: exhausted})
		end := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		sub := a.subscribe(end)
		if err := a.SetCard(a.customer, stripefake.CardDeclines); err != nil {
			t.Fatal(err)
		}
		a.AdvanceTo(end.Add(2 * time.Hour))
		now := func() string {
			s := a.ok("GET", "/v1/subscriptions/"+sub, "expand[]=latest_invoice&expand[]=customer")
			i := s["latest_invoice"].(map[string]any)
			return show(s["status"], i["status"], i["attempt_count"], i["next_payment_attempt"] != nil, s["customer"].(map[string]any)["delinquent"])
		}
		want(t, "first", now(), "past_due open 1 true true")
		a.Advance(15 * 24 * time.Hour)
		want(t, "exhausted", now(), status+" open 4 false true")
		if err := a.SetCard(a.customer, stripefake.CardGood); err != nil {
			t.Fatal(err)
		}
		invoice := data(a.ok("GET", "/v1/invoices", "status=open"))[0].(map[string]any)["id"].(string)
		a.ok("POST", "/v1/invoices/"+invoice+"/pay", "")
		after := "active"
		if exhausted == "canceled" {
			after = "canceled"
		}
		want(t, "paid", now(), after+" paid 5 false false")
	}
}

func TestCreditAndItems(t *testing.T) {
	a := start(t, stripefake.Options{})
	end := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	a.subscribe(end)
	a.ok("POST", "/v1/customers/"+a.customer+"/balance_transactions", "amount=-6000&currency=usd")
	a.ok("POST", "/v1/invoiceitems", "customer="+a.customer+"&amount=300&currency=usd&description=late&metadata[kind]=late_usage&period[start]=1&period[end]=2")
	a.AdvanceTo(end.Add(2 * time.Hour))
	i := data(a.ok("GET", "/v1/invoices", "limit=1"))[0].(map[string]any)
	want(t, "invoice", show(lines(i), i["amount_due"], i["starting_balance"], i["ending_balance"], i["status"]), "[1 4900 1 300 0 0] 0 -6000 -800 paid")
	want(t, "balance", a.ok("GET", "/v1/customers/"+a.customer, "")["balance"].(float64), -800)
}

func TestIdempotencyAndFaults(t *testing.T) {
	a := start(t, stripefake.Options{})
	path, form := "/v1/customers", "name=X"
	for _, kind := range []string{stripefake.FaultAfter, stripefake.FaultCut} {
		a.FailNext(stripefake.Failure{Kind: kind, Method: "POST", Path: path})
		status, _ := a.do("POST", path, form, kind)
		want(t, kind, status, map[string]int{stripefake.FaultAfter: 500}[kind])
		status, one := a.do("POST", path, form, kind)
		_, two := a.do("POST", path, form, kind)
		want(t, "again", show(status, one["id"]), show(200, two["id"]))
	}
	want(t, "customers", len(data(a.ok("GET", path, ""))), 3)
	status, out := a.do("POST", path, "name=Y", stripefake.FaultCut)
	want(t, "another body", show(status, out["error"].(map[string]any)["type"]), "400 idempotency_error")
	a.Advance(25 * time.Hour)
	status, _ = a.do("POST", path, "name=Y", stripefake.FaultCut)
	want(t, "a day later", status, 200)

	a.FailNext(stripefake.Failure{Kind: stripefake.FaultSticky})
	for range 2 {
		status, _ = a.do("POST", path, form, "sticky")
		want(t, "sticky", status, 500)
	}
	a.SetFaults(stripefake.Faults{Down: stripefake.FaultLimited, RetryAfter: 7})
	resp, err := http.Get(a.url + path)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	want(t, "limited", show(resp.StatusCode, resp.Header.Get("Retry-After")), "429 7")
	a.SetFaults(stripefake.Faults{Seed: 3, After: 0.3, Limited: 0.3})
	seen := map[int]int{}
	for i := range 200 {
		status, _ := a.do("POST", path, form, show(i))
		seen[status]++
	}
	if seen[200] == 0 || seen[500] == 0 || seen[429] == 0 || seen[0] == 0 {
		t.Error(seen)
	}
}

func TestRefusals(t *testing.T) {
	a := start(t, stripefake.Options{})
	sub := a.subscribe(noon.AddDate(0, 0, 3))
	event := "event_name=tollgate_requests_pro&payload[stripe_customer_id]=" + a.customer + "&payload[value]=1&identifier=one"
	a.ok("POST", "/v1/billing/meter_events", event)
	for request, want := range map[string]string{
		"POST /v1/customers nam=x":                                                              "400 parameter_unknown",
		"POST /v1/customers/cus_x name=x":                                                       "404 resource_missing",
		"POST /v1/subscriptions customer=cus_x":                                                 "400 resource_missing",
		"POST /v1/billing_portal/sessions return_url=x":                                         "400 parameter_missing",
		"POST /v1/billing/meter_events " + event:                                                "400 duplicate_meter_event",
		"POST /v1/billing/meter_events " + event + "2&timestamp=9":                              "400 timestamp_out_of_range",
		"POST /v1/billing/meter_events event_name=x":                                            "400 resource_missing",
		"POST /v1/prices currency=usd&product=tollgate_pro&unit_amount_decimal=0.0000000000001": "400 parameter_invalid_decimal",
		"POST /v1/customers/" + a.customer + "/balance_transactions amount=1.5&currency=usd":    "400 parameter_invalid_integer",
		"GET /v1/invoices/upcoming customer=cus_x":                                              "404 invoice_upcoming_none",
		"GET /v1/customers/" + a.customer + " expand[]=nothing":                                 "400 <nil>",
		"POST /v1/subscriptions/" + sub + " items[0][price]=" + a.pro:                           "400 <nil>",
		"GET /v1/refunds ": "404 <nil>",
	} {
		parts := strings.SplitN(request, " ", 3)
		status, out := a.do(parts[0], parts[1], parts[2], "")
		in, _ := out["error"].(map[string]any)
		if got := show(status, in["code"]); got != want {
			t.Errorf("%s: %s (%v), want %s", request, got, out, want)
		}
	}
	if err := a.Remove(a.meter); err != nil {
		t.Fatal(err)
	}
	status, out := a.do("POST", "/v1/billing/meter_events", event+"3", "")
	want(t, "meter removed", show(status, out["error"].(map[string]any)["code"]), "400 resource_missing")
}

func TestPaging(t *testing.T) {
	a := start(t, stripefake.Options{})
	for range 24 {
		a.ok("POST", "/v1/customers", "")
	}
	var ids []string
	after, pages := "", 0
	for more := true; more; pages++ {
		page := a.ok("GET", "/v1/customers", "limit=7&starting_after="+after)
		for _, c := range data(page) {
			after = c.(map[string]any)["id"].(string)
			ids = append(ids, after)
		}
		more = page["has_more"].(bool)
	}
	want(t, "customers", show(len(ids), pages), "25 4")
	back := data(a.ok("GET", "/v1/customers", "limit=2&ending_before="+ids[5]))
	want(t, "newer", back[0].(map[string]any)["id"].(string)+back[1].(map[string]any)["id"].(string), ids[3]+ids[4])
	want(t, "events", len(data(a.ok("GET", "/v1/events", "types[]=customer.created&limit=100"))), 25)
}

func TestSummaries(t *testing.T) {
	a := start(t, stripefake.Options{})
	a.used(noon, 5)
	a.used(noon.Add(-time.Hour), 7)
	from, to := noon.Add(-2*time.Hour).Unix(), noon.Add(time.Hour).Unix()
	one := data(a.ok("GET", "/v1/billing/meters/"+a.meter+"/event_summaries", fmt.Sprintf("customer=%s&start_time=%d&end_time=%d", a.customer, from, to)))
	want(t, "sum", show(len(one), one[0].(map[string]any)["aggregated_value"]), "1 12")
	hours := data(a.ok("GET", "/v1/billing/meters/"+a.meter+"/event_summaries", fmt.Sprintf("customer=%s&start_time=%d&end_time=%d&value_grouping_window=hour", a.customer, from, to)))
	want(t, "hours", len(hours), 2)
}

// TestMiscounts makes meters forget, and their summaries lag behind.
func TestMiscounts(t *testing.T) {
	a := start(t, stripefake.Options{SummaryLag: 10 * time.Minute})
	a.used(noon, 5)
	sum := func() any {
		return data(a.ok("GET", "/v1/billing/meters/"+a.meter+"/event_summaries", fmt.Sprintf("customer=%s&start_time=%d&end_time=%d", a.customer, noon.Unix(), noon.Add(time.Hour).Unix())))[0].(map[string]any)["aggregated_value"]
	}
	want(t, "at once", sum(), 0.0)
	a.Advance(10 * time.Minute)
	want(t, "later", sum(), 5.0)
	if err := a.SetUsage(a.customer, "tollgate_requests_pro", noon.Add(time.Minute), 2); err != nil {
		t.Fatal(err)
	}
	want(t, "miscounted", sum(), 2.0)
	a.used(noon, 7)
	want(t, "told again, at once", sum(), 2.0)
	a.Advance(10 * time.Minute)
	want(t, "told again", sum(), 7.0)
	if err := a.SetUsage(a.customer, "no_such_meter", noon, 2); err == nil {
		t.Error("no error for a meter that is not there")
	}
}

func TestUsageRecords(t *testing.T) {
	a := start(t, stripefake.Options{})
	old := a.price("unit_amount=2&recurring[interval]=month&recurring[usage_type]=metered")
	if err := a.SetCard(a.customer, stripefake.CardGood); err != nil {
		t.Fatal(err)
	}
	sub := a.ok("POST", "/v1/subscriptions", "customer="+a.customer+"&items[0][price]="+old)
	item := data(sub["items"].(map[string]any))[0].(map[string]any)["id"].(string)
	at := fmt.Sprintf("&action=set&timestamp=%d", noon.Unix())
	a.ok("POST", "/v1/subscription_items/"+item+"/usage_records", "quantity=5"+at)
	a.ok("POST", "/v1/subscription_items/"+item+"/usage_records", "quantity=8"+at)
	want(t, "due", a.ok("GET", "/v1/invoices/upcoming", "customer="+a.customer)["total"].(float64), 16)
}

func TestPages(t *testing.T) {
	a := start(t, stripefake.Options{})
	s := a.ok("POST", "/v1/checkout/sessions", "mode=subscription&customer="+a.customer+"&success_url="+url.QueryEscape(a.url+"/done")+"&line_items[0][price]="+a.pro+"&line_items[0][quantity]=1")
	push := func(page, do string) (int, string) {
		resp, err := client.PostForm(page, url.Values{"do": {do}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, resp.Header.Get("Location") + string(b)
	}
	status, body := push(s["url"].(string), stripefake.CardDeclines)
	if status != 402 || !strings.Contains(body, "declined") || !strings.Contains(body, "Due today: $49.00") {
		t.Error(status, body)
	}
	status, body = push(s["url"].(string), stripefake.CardGood)
	want(t, "paid", show(status, body), show(303, a.url+"/done"))
	portal := a.ok("POST", "/v1/billing_portal/sessions", "customer="+a.customer+"&return_url=http://x.example")
	status, body = push(portal["url"].(string), "card-declines")
	if status != 200 || !strings.Contains(body, "Card: declines") {
		t.Error(status, body)
	}
}
