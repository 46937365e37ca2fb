package alert

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/mailform"
)

// Message is the body of a webhook.
type Message struct {
	ID        string    `json:"id"` // of the event: the same in every notice of it
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	Gateway   ref       `json:"gateway"`
	Alert     about     `json:"alert"`
	Value     float64   `json:"value"`
	Detail    string    `json:"detail"`
	URL       string    `json:"url"` // of the alert's page
}

type ref struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type about struct {
	ref
	Kind      string  `json:"kind"`
	Threshold float64 `json:"threshold"`
}

// notices makes one delivery for each address of an alert's channels.
func (s *Service) notices(a *Alert, e *Event) ([]Delivery, error) {
	m := Message{
		ID: e.ID, Type: "alert." + e.Transition, CreatedAt: e.At, Gateway: ref{a.Gateway, a.GatewayName},
		Alert: about{ref{a.ID, a.Rule.Name}, a.Rule.Kind, a.Rule.Threshold}, Value: e.Value, Detail: e.Detail,
		URL: s.page(a),
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode notice: %w", err)
	}
	form := m.mail()
	mail, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("encode mail: %w", err)
	}
	var out []Delivery
	seen := map[string]bool{}
	add := func(channel, target string, body []byte, subject string) {
		if seen[channel+target] {
			return // one notice an address, however often it is named
		}
		seen[channel+target] = true
		out = append(out, Delivery{
			ID: core.NewID("notice"), Alert: a.ID, Event: e.ID, Transition: e.Transition, Channel: channel, Target: target,
			State: DeliveryWaiting, CreatedAt: e.At, NextAt: e.At, Body: body, Subject: subject,
		})
	}
	for _, c := range a.Rule.Channels {
		if c.Type == ChannelWebhook {
			add(c.Type, c.URL, body, "")
		}
		for _, to := range c.To {
			add(c.Type, to, mail, form.Subject)
		}
	}
	return out, nil
}

// page is the URL of an alert's page in the portal.
func (s *Service) page(a *Alert) string {
	return s.base + "/gateways/" + url.PathEscape(a.GatewayName) + "/alerts/" + url.PathEscape(a.Rule.Name)
}

// told is a transition as the gateway's webhooks are told of it.
func (s *Service) told(a *Alert, e *Event) event.Event {
	typ := map[string]string{TransitionFiring: event.AlertFiring, TransitionResolved: event.AlertResolved}[e.Transition]
	return event.Event{Type: typ, About: event.Alert{
		ID: a.ID, Name: a.Rule.Name, Kind: a.Rule.Kind, Value: e.Value, Threshold: e.Threshold, Detail: e.Detail, URL: s.page(a),
	}}
}

// mail is the message as people read it.
func (m *Message) mail() mailform.Form {
	state := map[string]string{"alert." + TransitionFiring: "fires", "alert." + TransitionResolved: "is over", "alert." + TransitionTest: "is tested"}[m.Type]
	return mailform.Form{
		Subject: fmt.Sprintf("Alert %s of gateway %s %s", m.Alert.Name, m.Gateway.Name, state),
		Text:    []string{m.Detail},
		Facts: []mailform.Fact{
			{Name: "Gateway", Value: m.Gateway.Name},
			{Name: "Alert", Value: m.Alert.Name},
			{Name: "Time", Value: m.CreatedAt.UTC().Format("2006-01-02 15:04:05 UTC")},
		},
		Action: &mailform.Action{Label: "Look at the alert", URL: m.URL},
		Why:    "The alert names this address.",
	}
}

// formOf reads the mail of a delivery. One that an older version has queued is text.
func formOf(d *Delivery) mailform.Form {
	var f mailform.Form
	if json.Unmarshal(d.Body, &f) != nil || f.Subject == "" {
		f = mailform.Form{Subject: d.Subject, Text: []string{string(d.Body)}}
	}
	return f
}

// shortly leaves out of a duration what is nothing: 5m, not 5m0s.
var shortly = strings.NewReplacer("h0m0s", "h", "m0s", "m")

// describe says in a sentence what a figure is.
func describe(r *Rule, f Figure) string {
	value := strconv.FormatFloat(f.Value, 'f', -1, 64)
	if i := strings.IndexByte(value, '.'); i >= 0 && len(value) > i+3 {
		value = strconv.FormatFloat(f.Value, 'f', 2, 64)
	}
	limit := strconv.FormatFloat(r.Threshold, 'f', -1, 64)
	window := shortly.Replace(r.Window.String())
	what := ""
	for _, p := range []struct{ word, name string }{{"route", r.Route}, {"consumer", r.Consumer}} {
		if p.name != "" && r.Kind != KindQuota {
			what += " of " + p.word + " " + p.name
		}
	}
	switch {
	case f.Gone != "" || f.Broken != "":
		return cmp.Or(f.Gone, f.Broken)
	case r.Kind == KindRelease && f.Subject != "":
		return f.Subject
	case r.Kind == KindRelease:
		return "No release" + what + " stands stopped by its rules any more."
	case r.Kind == KindCertificate:
		return describeCertificate(f, value, limit)
	case r.Kind == KindTelemetry && f.Value == 0:
		return "Every telemetry destination takes what it gets."
	case r.Kind == KindTelemetry:
		return fmt.Sprintf("%s has failed for %s minutes (threshold %s minutes).", f.Subject, value, limit)
	case r.Kind == KindQuota && f.Subject != "":
		return fmt.Sprintf("%s has used %s %% of its quota (threshold %s %%).", f.Subject, value, limit)
	case r.Kind == KindQuota:
		return fmt.Sprintf("%s %% of the quota are used (threshold %s %%).", value, limit)
	case r.Kind == KindNoTraffic:
		return fmt.Sprintf("%s requests%s in the last %s (threshold %s).", value, what, window, limit)
	case !f.Known:
		return fmt.Sprintf("There were too few requests%s in the last %s to say more.", what, window)
	case r.Kind == KindLatency:
		return fmt.Sprintf("%s of the %s latency%s was %s ms in the last %s (threshold %s ms).", r.Percentile, r.Latency, what, value, window, limit)
	}
	whose := map[string]string{"edge": "errors of the edge's own", "backend": "errors of backends"}[r.Errors]
	if whose == "" {
		whose = "errors"
	}
	return fmt.Sprintf("%s %% of the requests%s in the last %s were %s (threshold %s %%).", value, what, window, whose, limit)
}

// describeCertificate says when a certificate ends.
func describeCertificate(f Figure, value, limit string) string {
	switch {
	case !f.Known:
		return "There is no certificate left that ends soon."
	case f.Value <= 0:
		return fmt.Sprintf("%s has ended %s days ago.", f.Subject, strings.TrimPrefix(value, "-"))
	}
	return fmt.Sprintf("%s ends in %s days (threshold %s days).", f.Subject, value, limit)
}

// Header fields of a webhook.
const (
	SignatureHeader = "Tollgate-Signature"
	DeliveryHeader  = "Tollgate-Delivery"
)

// Sign makes the value of SignatureHeader: HMAC-SHA-256 over the time in Unix
// seconds, a dot and the body. A receiver compares it in constant time and
// refuses times that are minutes away.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

// randomText is 40 characters of 160 bits.
func randomText() (string, error) {
	var b [20]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}
