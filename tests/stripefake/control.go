package stripefake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// control answers under /_fake/, with JSON bodies:
//
//	POST advance   {"by": "1h"} or {"to": "2026-11-22T00:00:00Z"}
//	POST card      {"customer", "card": "good"|"declines"|""}
//	POST pay       {"session", "card"}: as the page of Checkout; {"location"}
//	POST close     {"subscription"}: ends its period now; {"invoice"}, a draft
//	POST finalize  {}: every draft now
//	POST remove    {"id"}: as if it had never been
//	POST faults    Faults, the whole of it
//	POST fail      Failure
//	POST webhook   {"url", "secret"}
//	POST hold, POST release
//	POST drop      {"ids": [...]}, none: all that wait
//	POST deliver   {"ids": [...]}, in this order; {"statuses": [...]}
//	GET  pending   events that wait: {"events": [{"ID", "Type", "Created"}]}
//	GET  log       {"entries": [Entry]}
//	GET  usage     ?customer=&event_name=: {"hours": {unix: total}}
//	GET  state     customers, subscriptions, invoices and meters, and the time
//
// A mistake answers 400 with {"error"}.
func (f *Fake) control(w http.ResponseWriter, r *http.Request) {
	var in struct {
		By, To, Customer, Card, Session, Subscription, ID, URL, Secret string
		IDs                                                            []string
		Failure
	}
	out, err := func() (any, error) {
		what := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/_fake/")
		if what == "POST faults" {
			var to Faults
			if err := decode(r, &to); err != nil {
				return nil, err
			}
			f.SetFaults(to)
			return obj{}, nil
		}
		if r.Method == http.MethodPost {
			if err := decode(r, &in); err != nil {
				return nil, err
			}
		}
		switch what {
		case "POST advance":
			return obj{}, f.advance(in.By, in.To)
		case "POST card":
			return obj{}, f.SetCard(in.Customer, in.Card)
		case "POST pay":
			location, err := f.Pay(in.Session, in.Card)
			return obj{"location": location}, err
		case "POST close":
			id, err := f.ClosePeriod(in.Subscription)
			return obj{"invoice": id}, err
		case "POST finalize":
			f.Finalize()
		case "POST remove":
			return obj{}, f.Remove(in.ID)
		case "POST fail":
			f.FailNext(in.Failure)
		case "POST webhook":
			f.SetWebhook(in.URL, in.Secret)
		case "POST hold":
			f.Hold()
		case "POST release":
			f.Release()
		case "POST drop":
			f.Drop(in.IDs...)
		case "POST deliver":
			statuses, err := f.Deliver(r.Context(), in.IDs...)
			return obj{"statuses": statuses}, err
		case "GET pending":
			return obj{"events": f.Pending()}, nil
		case "GET log":
			return obj{"entries": f.Log()}, nil
		case "GET usage":
			return obj{"hours": f.Usage(r.URL.Query().Get("customer"), r.URL.Query().Get("event_name"))}, nil
		case "GET state":
			return f.state(), nil
		default:
			return nil, fmt.Errorf("no such operation: %s", what)
		}
		return obj{}, nil
	}()
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		out = obj{"error": err.Error()}
	}
	json.NewEncoder(w).Encode(out)
}

func decode(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && r.ContentLength != 0 {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

func (f *Fake) advance(by, to string) error {
	if (by == "") == (to == "") {
		return errors.New("by or to, one of them")
	}
	if by != "" {
		d, err := time.ParseDuration(by)
		if err != nil || d < 0 {
			return fmt.Errorf("by: %q is no duration ahead", by)
		}
		f.Advance(d)
		return nil
	}
	at, err := time.Parse(time.RFC3339, to)
	if err != nil {
		return fmt.Errorf("to: %w", err)
	}
	f.AdvanceTo(at)
	return nil
}

// state is everything that matters, newest first.
func (f *Fake) state() obj {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	return obj{
		"now": time.Unix(f.at, 0).UTC(), "customers": views(f, newest(f.customers, nil)), "subscriptions": views(f, newest(f.subs, nil)),
		"invoices": views(f, newest(f.invoices, nil)), "meters": views(f, newest(f.meters, nil)), "sessions": views(f, newest(f.sessions, nil)),
	}
}

func views[E entity](f *Fake, all []E) []any {
	out := []any{}
	for _, e := range all {
		out = append(out, e.view(f))
	}
	return out
}
