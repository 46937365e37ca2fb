package event

import (
	"slices"
	"time"
)

// Types of events.
const (
	GatewayUpdated      = "gateway.updated"
	GatewayDeleted      = "gateway.deleted"
	ConsumerCreated     = "consumer.created"
	ConsumerUpdated     = "consumer.updated"
	ConsumerDeleted     = "consumer.deleted"
	KeyCreated          = "key.created"
	KeyUpdated          = "key.updated"
	KeyRotated          = "key.rotated"
	KeyRevoked          = "key.revoked"
	KeyExpiring         = "key.expiring"
	CertificateRenewed  = "certificate.renewed"
	CertificateFailed   = "certificate.failed"
	CertificateExpiring = "certificate.expiring"
	DomainVerified      = "domain.verified"
	DomainFailed        = "domain.failed"
	ReleaseBegun        = "release.begun"
	ReleaseAdvanced     = "release.advanced"
	ReleasePaused       = "release.paused"
	ReleaseResumed      = "release.resumed"
	ReleaseStopped      = "release.stopped"
	ReleaseFinished     = "release.finished"
	AlertFiring         = "alert.firing"
	AlertResolved       = "alert.resolved"
	// WebhookTest goes to one webhook alone, whatever it wants.
	WebhookTest = "webhook.test"
)

// All is what a webhook that wants every event names.
const All = "*"

// Kind is a type of events.
type Kind struct {
	Type  string
	Text  string // when it is sent
	Field string // of data, that holds what it is about; empty: nothing does
	About any    // an example of that
}

var (
	sampleTime   = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	sampleChange = Gateway{Version: 42, Summary: "update route orders", Parts: []Part{{Kind: "route", ID: "rt_01k9rz9w6m4t3v8x5y2a7b0c1d", Name: "orders", Verb: "update"}}}
	sampleKey    = Key{ID: "key_0a1b2c3d4e", Name: "production", Prefix: "tg_live_0a1b2c3d4e", Consumer: "acme"}
	sampleDomain = Domain{ID: "dom_01k9rz9w6m4t3v8x5y2a7b0c1d", Host: "api.example.com", State: "active"}
	sampleUser   = Consumer{ID: "con_01k9rz9w6m4t3v8x5y2a7b0c1d", Name: "acme", UsagePlan: "gold"}
	sampleAlert  = Alert{
		ID: "alert_01k9rz9w6m4t3v8x5y2a7b0c1d", Name: "errors", Kind: "error_rate", Value: 7.5, Threshold: 5,
		Detail: "7.5 % of the requests in the last 5m were errors (threshold 5 %).", URL: "https://portal.example.com/gateways/shop/alerts/errors",
	}
)

func sampleRelease(step int, percent float64, reason string) Release {
	return Release{Route: Ref{"rt_01k9rz9w6m4t3v8x5y2a7b0c1d", "orders"}, Variant: "v2", Step: step, Steps: 3, Percent: percent, Reason: reason}
}

// with returns a changed copy of a sample.
func with[T any](v T, change func(*T)) T {
	change(&v)
	return v
}

// kinds is the one table of what webhooks can tell of.
var kinds = []Kind{
	{GatewayUpdated, "The gateway has a new version: its routes, upstreams, policies, usage plans, streams, secrets, certificates, domains or settings changed.", "change", sampleChange},
	{GatewayDeleted, "The gateway was deleted. It is the last event of its webhooks.", "change", Gateway{Version: 43, Summary: "delete gateway shop", Parts: []Part{}}},
	{ConsumerCreated, "A consumer was made.", "consumer", sampleUser},
	{ConsumerUpdated, "A consumer's name, usage plan, metadata or identities changed.", "consumer", sampleUser},
	{ConsumerDeleted, "A consumer was deleted, and its keys ended with it.", "consumer", with(sampleUser, func(c *Consumer) { c.EndedKeys = 2 })},
	{KeyCreated, "A key was issued, also by rotation or in the developer portal. The key itself is never sent.", "key", sampleKey},
	{KeyUpdated, "A key's name, usage plan, scopes, limits or end changed.", "key", with(sampleKey, func(k *Key) { k.ExpiresAt = &sampleTime })},
	{KeyRotated, "A key was rotated: it works until `expires_at`, and the one in `replaced_by` takes its place.", "key", with(sampleKey, func(k *Key) { k.ExpiresAt, k.ReplacedBy = &sampleTime, "key_5f6g7h8j9k" })},
	{KeyRevoked, "A key was revoked.", "key", sampleKey},
	{KeyExpiring, "A key ends within 7 days. It is sent once for each end that a key is given; not for keys that were rotated, nor for those made for less than 7 days.", "key", with(sampleKey, func(k *Key) { k.ExpiresAt = &sampleTime })},
	{CertificateRenewed, "A domain's certificate was issued or renewed.", "certificate", Certificate{Source: Automatic, Name: "api.example.com", EndsAt: &sampleTime}},
	{CertificateFailed, "A domain's certificate could not be issued or renewed twice in a row. It is tried again by itself; this is sent once until it succeeds.", "certificate", Certificate{Source: Automatic, Name: "api.example.com", EndsAt: &sampleTime, Problem: "the authority could not reach api.example.com"}},
	{CertificateExpiring, "A certificate ends within 14 days: one that you uploaded, or one whose renewal is overdue. It is sent once for each certificate.", "certificate", Certificate{Source: Uploaded, Name: "front", EndsAt: &sampleTime}},
	{DomainVerified, "A domain's record was seen, and the gateway answers for it.", "domain", sampleDomain},
	{DomainFailed, "A domain's record is gone: it is served until `served_until`. It is sent again, with the state `lapsed`, when it is served no more.", "domain", with(sampleDomain, func(d *Domain) {
		d.State, d.Problem, d.ServedUntil = "failing", "_tollgate.api.example.com has no TXT record", &sampleTime
	})},
	{ReleaseBegun, "A release began, or was begun anew.", "release", sampleRelease(1, 5, "step 1 of 3")},
	{ReleaseAdvanced, "A release went on to its next step.", "release", sampleRelease(2, 25, "step 2 of 3")},
	{ReleasePaused, "A release was paused.", "release", sampleRelease(2, 25, "paused by ada@example.com")},
	{ReleaseResumed, "A paused release goes on.", "release", sampleRelease(2, 25, "resumed by ada@example.com")},
	{ReleaseStopped, "A release was stopped, by its rules or by somebody: its callers are at the stable version again.", "release", sampleRelease(2, 0, "8.3 percent of 120 requests failed, more than 5")},
	{ReleaseFinished, "A release did all its steps.", "release", sampleRelease(3, 100, "all steps are done")},
	{AlertFiring, "An alert fires.", "alert", sampleAlert},
	{AlertResolved, "An alert is over.", "alert", with(sampleAlert, func(a *Alert) {
		a.Value, a.Detail = 1.2, "1.2 % of the requests in the last 5m were errors (threshold 5 %)."
	})},
	{WebhookTest, "Somebody tests the webhook. It goes to that one alone, whatever it wants.", "", nil},
}

// Kinds lists every type of events.
func Kinds() []Kind { return slices.Clone(kinds) }

// Find finds a type of events; nil: there is none.
func Find(typ string) *Kind {
	for i := range kinds {
		if kinds[i].Type == typ {
			return &kinds[i]
		}
	}
	return nil
}

// Example is a message of the type.
func (k *Kind) Example() ([]byte, error) {
	e := Event{Type: k.Type, About: k.About}
	gateway := Ref{"gw_01k9rz9w6m4t3v8x5y2a7b0c1d", "shop"}
	return e.Encode("evt_01k9rz9w6m4t3v8x5y2a7b0c1d", sampleTime.Add(-time.Hour), gateway, Actor{"user", "ada@example.com"})
}
