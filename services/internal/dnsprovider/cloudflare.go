package dnsprovider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/libdns/libdns"
)

// CloudflareURL is the base of Cloudflare's API.
const CloudflareURL = "https://api.cloudflare.com/client/v4"

// Cloudflare changes records at Cloudflare, with an API token that may edit the
// zone's DNS (Zone.DNS: Edit, Zone.Zone: Read).
type Cloudflare struct {
	url string
	web web
}

// NewCloudflare takes a token; base is CloudflareURL unless it is given.
func NewCloudflare(base, token string) *Cloudflare {
	if base == "" {
		base = CloudflareURL
	}
	return &Cloudflare{url: strings.TrimSuffix(base, "/"), web: newWeb(token)}
}

type cloudflareRecord struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Content string `json:"content"`
	TTL     int    `json:"ttl,omitempty"`
}

// AppendRecords adds TXT records to a zone, whose name ends with a dot.
func (p *Cloudflare) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	id, err := p.zone(ctx, zone)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		v := cloudflareOf(r, zone)
		if err := p.call(ctx, http.MethodPost, "/zones/"+id+"/dns_records", v, nil); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// DeleteRecords takes these very records away.
func (p *Cloudflare) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	id, err := p.zone(ctx, zone)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		v := cloudflareOf(r, zone)
		var found []cloudflareRecord
		q := url.Values{"type": {"TXT"}, "name": {v.Name}, "per_page": {"100"}}
		if err := p.call(ctx, http.MethodGet, "/zones/"+id+"/dns_records?"+q.Encode(), nil, &found); err != nil {
			return nil, err
		}
		for _, f := range found {
			// Cloudflare may show the text as it stands in zone files.
			if strings.Trim(f.Content, `"`) != strings.Trim(v.Content, `"`) {
				continue
			}
			if err := p.call(ctx, http.MethodDelete, "/zones/"+id+"/dns_records/"+url.PathEscape(f.ID), nil, nil); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}

func cloudflareOf(r libdns.Record, zone string) cloudflareRecord {
	rr := r.RR()
	name := strings.TrimSuffix(libdns.AbsoluteName(rr.Name, zone), ".")
	return cloudflareRecord{Type: rr.Type, Name: name, Content: `"` + rr.Data + `"`, TTL: max(60, int(rr.TTL/time.Second))}
}

// zone finds a zone's id by its name.
func (p *Cloudflare) zone(ctx context.Context, zone string) (string, error) {
	name := strings.TrimSuffix(zone, ".")
	var found []struct {
		ID string `json:"id"`
	}
	if err := p.call(ctx, http.MethodGet, "/zones?"+url.Values{"name": {name}}.Encode(), nil, &found); err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("cloudflare knows no zone %s that the token may read: give it Zone.Zone: Read and Zone.DNS: Edit for the zone", name)
	}
	return url.PathEscape(found[0].ID), nil
}

func (p *Cloudflare) call(ctx context.Context, method, path string, body, result any) error {
	status, b, err := p.web.call(ctx, method, p.url+path, body)
	if err != nil {
		return fmt.Errorf("cloudflare can't be reached: %w", err)
	}
	var answer struct {
		Success bool `json:"success"`
		Errors  []struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return fmt.Errorf("cloudflare answered %d: %s", status, start(b))
	}
	if !answer.Success {
		var said []string
		for _, e := range answer.Errors {
			said = append(said, fmt.Sprintf("%d %s", e.Code, e.Message))
		}
		return fmt.Errorf("cloudflare answered %d: %s", status, strings.Join(said, "; "))
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("cloudflare's answer can't be read: %w", err)
	}
	return nil
}
