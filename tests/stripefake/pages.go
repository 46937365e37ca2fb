package stripefake

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// portalSession is a visit to the billing portal.
type portalSession struct {
	id, customer, back string
	created            int64
}

func (s *portalSession) ident() string { return s.id }
func (s *portalSession) made() int64   { return s.created }
func (s *portalSession) view(f *Fake) obj {
	return obj{"id": s.id, "object": "billing_portal.session", "configuration": "bpc_1Fake", "created": s.created, "customer": s.customer, "flow": nil, "livemode": false, "locale": nil, "on_behalf_of": nil, "return_url": null(s.back), "url": f.base + "/p/" + s.id}
}

func (f *Fake) createPortal(c *call) (obj, error) {
	who, err := f.customerOf(c.str("customer"), "customer")
	if err != nil {
		return nil, err
	}
	s := &portalSession{id: f.id("bps"), customer: who.id, back: c.str("return_url"), created: c.now}
	f.portals[s.id] = s
	return s.view(f), nil
}

const portalConfigurationParams = "business_profile[headline] business_profile[privacy_policy_url] business_profile[terms_of_service_url] default_return_url metadata[*] features[customer_update][enabled]? features[customer_update][allowed_updates][] features[invoice_history][enabled]? features[payment_method_update][enabled]? features[subscription_cancel][enabled]? features[subscription_cancel][mode] features[subscription_update][enabled]?"

// portalConfiguration is kept to be listed; the page is always the same.
type portalConfiguration struct {
	id       string
	created  int64
	metadata map[string]string
}

func (p *portalConfiguration) ident() string { return p.id }
func (p *portalConfiguration) made() int64   { return p.created }
func (p *portalConfiguration) view(*Fake) obj {
	return obj{"id": p.id, "object": "billing_portal.configuration", "active": true, "application": nil, "business_profile": obj{"headline": nil}, "created": p.created, "default_return_url": nil, "features": obj{}, "is_default": true, "livemode": false, "login_page": obj{"enabled": false, "url": nil}, "metadata": clone(p.metadata), "updated": p.created}
}

func (f *Fake) createPortalConfiguration(c *call) (obj, error) {
	p := &portalConfiguration{id: f.id("bpc"), created: c.now, metadata: c.merge("metadata", nil)}
	f.portalConfigurations = append([]*portalConfiguration{p}, f.portalConfigurations...)
	return p.view(f), nil
}

func (f *Fake) listPortalConfigurations(c *call) (obj, error) {
	return listing(f, c, "/v1/billing_portal/configurations", f.portalConfigurations)
}

var layout = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}}</title><style>body{font:16px sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}button{font:inherit;padding:.6rem 1rem;margin:.2rem}</style>
<main><h1>{{.Title}}</h1>{{with .Alert}}<p role="alert">{{.}}</p>{{end}}
{{if .Lines}}<ul>{{range .Lines}}<li>{{.}}</li>{{end}}</ul>{{end}}
<form method="post">{{range .Buttons}}<button name="do" value="{{.Do}}">{{.Label}}</button>{{end}}</form>
{{with .Back}}<p><a href="{{.}}">{{$.BackLabel}}</a></p>{{end}}</main></html>`))

type page struct {
	Title, Alert    string
	Lines           []string
	Buttons         []button
	Back, BackLabel string
}

type button struct{ Do, Label string }

func (p page) write(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	layout.Execute(w, p)
}

// page serves what people see: /c/ Checkout, /p/ the portal, /i/ an invoice.
func (f *Fake) page(w http.ResponseWriter, r *http.Request) {
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	do := ""
	if r.Method == http.MethodPost {
		do = r.PostFormValue("do")
	}
	switch kind {
	case "c":
		f.checkoutPage(w, r, id, do)
	case "p":
		f.portalPage(w, id, do)
	case "i":
		f.invoicePage(w, id, do)
	default:
		http.NotFound(w, r)
	}
}

func (f *Fake) checkoutPage(w http.ResponseWriter, r *http.Request, id, do string) {
	out := page{Title: "Checkout", Buttons: []button{{CardGood, "Pay"}, {CardDeclines, "Fail card"}}, BackLabel: "Cancel"}
	status := http.StatusOK
	if do != "" {
		to, err := f.Pay(id, do)
		if err == nil {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		out.Alert, status = err.Error(), http.StatusPaymentRequired
		if strings.Contains(out.Alert, "card_declined") {
			out.Alert = "Your card was declined."
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sessions[id]
	if s == nil || s.status != "open" {
		page{Title: "This page is over", Alert: "The session is complete or has expired."}.write(w, http.StatusGone)
		return
	}
	for _, in := range s.lineItems(f)["data"].([]any) {
		out.Lines = append(out.Lines, fmt.Sprintf("%s: $%s", in.(obj)["description"], dollars(in.(obj)["amount_total"].(int64))))
	}
	out.Lines = append(out.Lines, "Due today: $"+dollars(f.first(s)))
	out.Back = s.cancel
	out.write(w, status)
}

func (f *Fake) portalPage(w http.ResponseWriter, id, do string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	s := f.portals[id]
	if s == nil || f.customers[s.customer] == nil {
		page{Title: "This page is over"}.write(w, http.StatusGone)
		return
	}
	who := f.customers[s.customer]
	out := page{Title: "Billing portal", Back: s.back, BackLabel: "Return", Buttons: []button{{"card-good", "Use a card that pays"}, {"card-declines", "Use a card that fails"}, {"pay", "Pay open invoices"}, {"cancel", "Cancel at the end of the period"}}}
	switch do {
	case "card-good":
		f.setCard(who, CardGood)
	case "card-declines":
		f.setCard(who, CardDeclines)
	case "pay":
		for _, i := range newest(f.invoices, func(i *invoice) bool { return i.customer == who.id && i.status == "open" }) {
			if !f.collect(i) {
				out.Alert = "Your card was declined."
			}
		}
	case "cancel":
		for _, sub := range newest(f.subs, func(x *subscription) bool { return x.customer == who.id && x.live() }) {
			view := sub.view(f)
			sub.cancelAtEnd, sub.canceledAt, sub.reason = true, f.at, "cancellation_requested"
			f.changed("customer.subscription.updated", view, sub.view(f))
		}
	}
	out.Lines = []string{"Card: " + who.card}
	for _, i := range newest(f.invoices, func(i *invoice) bool { return i.customer == who.id && i.status == "open" }) {
		out.Lines = append(out.Lines, fmt.Sprintf("Invoice %s: $%s due", i.number, dollars(i.due())))
	}
	out.write(w, http.StatusOK)
}

func (f *Fake) invoicePage(w http.ResponseWriter, id, do string) {
	id, pdf := strings.CutSuffix(id, "/pdf")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	i := f.invoices[id]
	if i == nil || i.finalizedAt == 0 {
		page{Title: "No such invoice"}.write(w, http.StatusNotFound)
		return
	}
	if pdf {
		w.Header().Set("Content-Type", "application/pdf")
		fmt.Fprintf(w, "%%PDF-1.4\n%% invoice %s, total %s\n%%%%EOF\n", i.number, dollars(i.final))
		return
	}
	out := page{Title: "Invoice " + i.number}
	if do == "pay" && i.status == "open" && !f.collect(i) {
		out.Alert = "Your card was declined."
	}
	for _, l := range i.fixed {
		out.Lines = append(out.Lines, l.description+": $"+dollars(l.amount))
	}
	out.Lines = append(out.Lines, "Status: "+i.status)
	if i.status == "open" {
		out.Buttons = []button{{"pay", "Pay"}}
	}
	out.write(w, http.StatusOK)
}
