package dnsprovider

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/libdns/libdns"
)

// Webhook has a service of the operator's own change records: it is sent
// POST URL/present and POST URL/cleanup with {"fqdn": "_acme-challenge.example.com.",
// "value": "…"}, which services for lego's httpreq understand.
type Webhook struct {
	url string
	web web
}

// NewWebhook calls a URL; the token is sent as Authorization: Bearer, "" for none.
func NewWebhook(url, token string) *Webhook {
	return &Webhook{url: strings.TrimSuffix(url, "/"), web: newWeb(token)}
}

// AppendRecords adds TXT records to a zone, whose name ends with a dot.
func (p *Webhook) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.each(ctx, "present", zone, records)
}

// DeleteRecords takes these very records away.
func (p *Webhook) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.each(ctx, "cleanup", zone, records)
}

func (p *Webhook) each(ctx context.Context, what, zone string, records []libdns.Record) error {
	for _, r := range records {
		rr := r.RR()
		body := map[string]string{"fqdn": libdns.AbsoluteName(rr.Name, zone), "value": rr.Data}
		status, answer, err := p.web.call(ctx, http.MethodPost, p.url+"/"+what, body)
		if err != nil {
			return fmt.Errorf("the DNS webhook can't be reached: %w", err)
		}
		if status < 200 || status > 299 {
			return fmt.Errorf("the DNS webhook answered %s with %d: %s", what, status, start(answer))
		}
	}
	return nil
}
