package stripefake

import (
	"net/http"
	"strings"
)

type route struct {
	method string
	path   []string // ":" takes any segment
	rules  map[string]rule
	run    func(*Fake, *call) (obj, error)
}

func on(method, path, params string, run func(*Fake, *call) (obj, error)) route {
	return route{method, strings.Split(path, "/"), rules(params), run}
}

const (
	get  = http.MethodGet
	post = http.MethodPost
	del  = http.MethodDelete
)

// routes are the operations of the API and the parameters that each takes. Set by
// init, for the handlers lead back to it.
var routes []route

func init() {
	routes = []route{
		on(get, "/v1/account", "", (*Fake).account),

		on(post, "/v1/customers", customerParams, (*Fake).createCustomer),
		on(get, "/v1/customers", "email"+span("created")+paging, (*Fake).listCustomers),
		on(get, "/v1/customers/:", "", (*Fake).getCustomer),
		on(post, "/v1/customers/:", customerParams, (*Fake).updateCustomer),
		on(del, "/v1/customers/:", "", (*Fake).deleteCustomer),
		on(post, "/v1/customers/:/balance_transactions", "amount#! currency! description metadata[*]", (*Fake).createBalance),
		on(get, "/v1/customers/:/balance_transactions", paging, (*Fake).listBalances),
		on(get, "/v1/customers/:/balance_transactions/:", "", (*Fake).getBalance),

		on(post, "/v1/products", "id name! active? description metadata[*] statement_descriptor tax_code type=service|good unit_label url", (*Fake).createProduct),
		on(get, "/v1/products", "active? ids[]"+span("created")+paging, (*Fake).listProducts),
		on(get, "/v1/products/:", "", (*Fake).getProduct),
		on(post, "/v1/products/:", "name active? description metadata[*] default_price statement_descriptor tax_code unit_label url", (*Fake).updateProduct),
		on(del, "/v1/products/:", "", (*Fake).deleteProduct),

		on(post, "/v1/prices", priceParams, (*Fake).createPrice),
		on(get, "/v1/prices", "active? currency product lookup_keys[] type=recurring|one_time recurring[interval] recurring[usage_type] recurring[meter]"+span("created")+paging, (*Fake).listPrices),
		on(get, "/v1/prices/:", "", (*Fake).getPrice),
		on(post, "/v1/prices/:", "active? metadata[*] nickname lookup_key transfer_lookup_key?", (*Fake).updatePrice),

		on(post, "/v1/billing/meters", meterParams, (*Fake).createMeter),
		on(get, "/v1/billing/meters", "status=active|inactive"+paging, (*Fake).listMeters),
		on(get, "/v1/billing/meters/:", "", (*Fake).getMeter),
		on(post, "/v1/billing/meters/:", "display_name", (*Fake).updateMeter),
		on(post, "/v1/billing/meters/:/deactivate", "", (*Fake).deactivateMeter),
		on(post, "/v1/billing/meters/:/reactivate", "", (*Fake).reactivateMeter),
		on(get, "/v1/billing/meters/:/event_summaries", "customer! start_time#! end_time#! value_grouping_window=hour|day"+paging, (*Fake).listSummaries),
		on(post, "/v1/billing/meter_events", "event_name! payload[*] identifier timestamp#", (*Fake).createMeterEvent),

		on(post, "/v1/subscription_items/:/usage_records", "quantity#! timestamp action=set|increment", (*Fake).createUsageRecord),
		on(get, "/v1/subscription_items/:/usage_record_summaries", paging, (*Fake).listUsageRecordSummaries),
		on(get, "/v1/subscription_items", "subscription!"+paging, (*Fake).listItems),
		on(get, "/v1/subscription_items/:", "", (*Fake).getItem),

		on(post, "/v1/subscriptions", subscriptionParams+" customer! currency backdate_start_date#", (*Fake).createSubscription),
		on(get, "/v1/subscriptions", "customer price status=all|active|past_due|unpaid|canceled|incomplete|incomplete_expired|trialing|ended|paused collection_method"+span("created")+span("current_period_start")+span("current_period_end")+paging, (*Fake).listSubscriptions),
		on(get, "/v1/subscriptions/:", "", (*Fake).getSubscription),
		on(post, "/v1/subscriptions/:", subscriptionParams+" items[][id] items[][deleted]? items[][clear_usage]? proration_date# cancel_at#", (*Fake).updateSubscription),
		on(del, "/v1/subscriptions/:", "invoice_now? prorate? cancellation_details[comment] cancellation_details[feedback]", (*Fake).cancelSubscription),

		on(post, "/v1/invoices", "customer! subscription auto_advance? collection_method=charge_automatically|send_invoice days_until_due# description metadata[*] pending_invoice_items_behavior=include|exclude currency footer", (*Fake).createInvoice),
		on(get, "/v1/invoices", "customer subscription status=draft|open|paid|uncollectible|void collection_method"+span("created")+span("due_date")+paging, (*Fake).listInvoices),
		on(get, "/v1/invoices/upcoming", upcomingParams, (*Fake).upcoming),
		on(get, "/v1/invoices/upcoming/lines", upcomingParams+paging, (*Fake).upcomingLines),
		on(get, "/v1/invoices/:", "", (*Fake).getInvoice),
		on(get, "/v1/invoices/:/lines", paging, (*Fake).listLines),
		on(post, "/v1/invoices/:", "auto_advance? description metadata[*] footer", (*Fake).updateInvoice),
		on(del, "/v1/invoices/:", "", (*Fake).deleteInvoice),
		on(post, "/v1/invoices/:/finalize", "auto_advance?", (*Fake).finalizeInvoice),
		on(post, "/v1/invoices/:/pay", "forgive? off_session? paid_out_of_band? payment_method", (*Fake).payInvoice),
		on(post, "/v1/invoices/:/void", "", (*Fake).voidInvoice),
		on(post, "/v1/invoices/:/mark_uncollectible", "", (*Fake).markUncollectible),

		on(post, "/v1/invoiceitems", "customer! amount# currency description discountable? invoice metadata[*] period[start]# period[end]# price quantity# subscription unit_amount# unit_amount_decimal tax_behavior tax_code", (*Fake).createInvoiceItem),
		on(get, "/v1/invoiceitems", "customer invoice pending?"+span("created")+paging, (*Fake).listInvoiceItems),
		on(get, "/v1/invoiceitems/:", "", (*Fake).getInvoiceItem),
		on(del, "/v1/invoiceitems/:", "", (*Fake).deleteInvoiceItem),

		on(post, "/v1/checkout/sessions", checkoutParams, (*Fake).createSession),
		on(get, "/v1/checkout/sessions", "customer subscription status=open|complete|expired"+paging, (*Fake).listSessions),
		on(get, "/v1/checkout/sessions/:", "", (*Fake).getSession),
		on(get, "/v1/checkout/sessions/:/line_items", paging, (*Fake).listSessionItems),
		on(post, "/v1/checkout/sessions/:/expire", "", (*Fake).expireSession),
		on(post, "/v1/billing_portal/sessions", "customer! return_url configuration locale flow_data[type]=payment_method_update|subscription_cancel|subscription_update flow_data[after_completion][type] flow_data[after_completion][redirect][return_url] flow_data[subscription_cancel][subscription] flow_data[subscription_update][subscription]", (*Fake).createPortal),
		on(post, "/v1/billing_portal/configurations", portalConfigurationParams, (*Fake).createPortalConfiguration),
		on(get, "/v1/billing_portal/configurations", "active? is_default?"+paging, (*Fake).listPortalConfigurations),

		on(get, "/v1/events", "type types[] delivery_success?"+span("created")+paging, (*Fake).listEvents),
		on(get, "/v1/events/:", "", (*Fake).getEvent),
	}
}

// match finds the operation of a request; nil if there is none.
func match(method, path string) (*route, []string) {
	have := strings.Split(path, "/")
next:
	for i := range routes {
		r := &routes[i]
		if r.method != method || len(r.path) != len(have) {
			continue
		}
		var ids []string
		for j, want := range r.path {
			switch {
			case want == ":" && have[j] != "":
				ids = append(ids, have[j])
			case want != have[j]:
				continue next
			}
		}
		return r, ids
	}
	return nil, nil
}

func (f *Fake) account(*call) (obj, error) {
	return obj{"id": "acct_1Fake", "object": "account", "country": "US", "default_currency": "usd", "email": nil, "charges_enabled": true, "payouts_enabled": true, "details_submitted": true, "metadata": obj{}, "type": "standard"}, nil
}
