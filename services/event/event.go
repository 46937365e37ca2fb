package event

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is something that happened. About is one of the payloads of this package
// and never holds a secret, a password or a key.
type Event struct {
	Type  string // KeyCreated …
	About any
}

// Ref names another resource.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Actor is who did it.
type Actor struct {
	Kind string `json:"kind"` // user, token, developer, system
	Name string `json:"name"`
}

// Message is the body of a webhook's request.
type Message struct {
	ID        string         `json:"id"` // the same for every webhook and every try
	Type      string         `json:"type"`
	Timestamp time.Time      `json:"timestamp"` // when it happened
	Data      map[string]any `json:"data"`
}

// Encode writes the message of an event.
func (e *Event) Encode(id string, at time.Time, gateway Ref, actor Actor) ([]byte, error) {
	k := Find(e.Type)
	if k == nil {
		return nil, fmt.Errorf("there is no event %q", e.Type)
	}
	m := Message{ID: id, Type: e.Type, Timestamp: at.UTC(), Data: map[string]any{"gateway": gateway, "actor": actor}}
	if k.Field != "" {
		m.Data[k.Field] = e.About
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Type, err)
	}
	return b, nil
}

// Gateway is the payload of gateway.*, in `change`.
type Gateway struct {
	Version uint64 `json:"version"`
	Summary string `json:"summary"`
	// Parts are what changed, at most MaxParts; More is how many there are beyond.
	Parts []Part `json:"parts"`
	More  int    `json:"more,omitempty"`
}

// MaxParts bounds Gateway.Parts.
const MaxParts = 100

// Part is one changed part of a gateway's configuration.
type Part struct {
	Kind string `json:"kind"` // route, upstream, usage_plan, stream, settings, policies …
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Verb string `json:"verb"` // create, update, delete
}

// Consumer is the payload of consumer.*, in `consumer`.
type Consumer struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	UsagePlan string `json:"usage_plan,omitempty"`
	// EndedKeys is how many keys ended with it, where it was deleted.
	EndedKeys int `json:"ended_keys,omitempty"`
}

// Key is the payload of key.*, in `key`.
type Key struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Prefix   string `json:"prefix"` // what its holder recognises
	Consumer string `json:"consumer"`
	// ExpiresAt is when it ends by itself; none: never.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// ReplacedBy is the id of the key that it was rotated to.
	ReplacedBy string `json:"replaced_by,omitempty"`
}

// Certificate is the payload of certificate.*, in `certificate`.
type Certificate struct {
	// Source is uploaded, or automatic for a domain's.
	Source  string     `json:"source"`
	Name    string     `json:"name"` // of an uploaded certificate, or the domain's host
	EndsAt  *time.Time `json:"ends_at,omitempty"`
	Problem string     `json:"problem,omitempty"`
}

// Sources of certificates.
const (
	Uploaded  = "uploaded"
	Automatic = "automatic"
)

// Domain is the payload of domain.*, in `domain`.
type Domain struct {
	ID      string `json:"id"`
	Host    string `json:"host"`
	State   string `json:"state"`
	Problem string `json:"problem,omitempty"`
	// ServedUntil is when it is served no more if nothing changes.
	ServedUntil *time.Time `json:"served_until,omitempty"`
}

// Release is the payload of release.*, in `release`.
type Release struct {
	Route   Ref     `json:"route"`
	Variant string  `json:"variant"`
	Step    int     `json:"step"`  // from 1
	Steps   int     `json:"steps"` // in all
	Percent float64 `json:"percent"`
	Reason  string  `json:"reason,omitempty"`
}

// Alert is the payload of alert.*, in `alert`.
type Alert struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`
	Value     float64 `json:"value"`
	Threshold float64 `json:"threshold"`
	Detail    string  `json:"detail"`
	URL       string  `json:"url,omitempty"` // of its page
}

// When is a time as payloads have it: nil for never.
func When(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
