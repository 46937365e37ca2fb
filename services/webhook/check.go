package webhook

import (
	"fmt"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// complete fills in what is left out, so that what is stored says all.
func (s *Spec) complete() {
	if s.Enabled == nil {
		s.Enabled = new(true)
	}
	if s.Events == nil {
		s.Events = []string{event.All}
	}
}

// check names every bad field at once.
func (s *Spec) check(g Guard) error {
	var bad contract.FieldErrors
	if err := core.CheckName(s.Name); err != nil {
		bad.Add("/name", err.Error())
	}
	if !utf8.ValidString(s.Description) || len(s.Description) > maxDescription {
		bad.Add("/description", "must be text of at most 500 bytes")
	}
	s.checkURL(g, &bad)
	s.checkEvents(&bad)
	if _, err := signingKey(s.SigningSecret); s.SigningSecret != "" && err != nil {
		bad.Add("/signing_secret", err.Error())
	}
	return core.Invalid(bad.Err())
}

func (s *Spec) checkURL(g Guard, bad *contract.FieldErrors) {
	u, err := url.Parse(s.URL)
	switch {
	case len(s.URL) > maxURL || err != nil || u.Host == "":
		bad.Add("/url", "must be a URL such as https://hooks.example.com/tollgate")
	case u.User != nil:
		bad.Add("/url", "must not hold a user and password: verify the signature instead")
	case u.Fragment != "":
		bad.Add("/url", "must not have a fragment: nobody would get it")
	default:
		if err := g.CheckWebhook(s.URL); err != nil {
			bad.Add("/url", err.Error())
		}
	}
}

func (s *Spec) checkEvents(bad *contract.FieldErrors) {
	switch {
	case len(s.Events) == 0:
		bad.Add("/events", `must name at least one type of events, or "*" for all`)
		return
	case len(s.Events) > len(event.Kinds()):
		bad.Add("/events", "has more entries than there are types of events")
		return
	case slices.Contains(s.Events, event.All) && len(s.Events) > 1:
		bad.Add("/events", `stands alone where it is "*": that is every type`)
		return
	}
	for i, typ := range s.Events {
		at := contract.Pointer("events", i)
		switch {
		case slices.Contains(s.Events[:i], typ):
			bad.Add(at, "stands twice")
		case typ == event.WebhookTest:
			bad.Add(at, "is sent by a test alone, whatever the webhook wants")
		case typ != event.All && event.Find(typ) == nil:
			bad.Add(at, fmt.Sprintf("is no type of events%s", suggest(typ)))
		}
	}
}

// suggest names the type that was probably meant.
func suggest(typ string) string {
	names := make([]string, 0, len(event.Kinds()))
	for _, k := range event.Kinds() {
		names = append(names, k.Type)
	}
	if near, ok := contract.Closest(typ, names); ok {
		return fmt.Sprintf(": did you mean %q?", near)
	}
	return `; GET /v1/webhook-events lists them`
}
