package webhook

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// How long before their end things are told.
const (
	KeyNotice         = 7 * 24 * time.Hour
	CertificateNotice = 14 * 24 * time.Hour
)

const (
	endingGateways = 100
	endingKeys     = 500
)

// TellEndings tells webhooks what ends soon, once for each end.
func (s *Service) TellEndings(ctx context.Context, certificates Certificates) error {
	err := s.interested(ctx, event.KeyExpiring, func(g Gateway) error { return s.tellKeys(ctx, g) })
	if err != nil {
		return err
	}
	return s.interested(ctx, event.CertificateExpiring, func(g Gateway) error { return s.tellCertificates(ctx, g, certificates) })
}

// interested runs fn for each gateway with a webhook that wants a type of events. A
// gateway that is gone meanwhile keeps nobody waiting.
func (s *Service) interested(ctx context.Context, typ string, fn func(Gateway) error) error {
	after := ""
	for {
		list, err := s.store.Interested(ctx, typ, after, endingGateways)
		if err != nil {
			return err
		}
		for _, g := range list {
			after = g.ID
			if err := fn(g); err != nil && core.CodeOf(err) != core.CodeNotFound {
				return err
			}
		}
		if len(list) < endingGateways {
			return nil
		}
	}
}

func (s *Service) tellKeys(ctx context.Context, g Gateway) error {
	for told := ""; ; {
		now := s.clock()
		list, err := s.store.EndingKeys(ctx, g.Organization, g.ID, now, now.Add(KeyNotice), endingKeys)
		// What was told does not come again, unless the gateway was deleted meanwhile.
		if err != nil || len(list) == 0 || list[0].Ref == told {
			return err
		}
		told = list[0].Ref
		for _, e := range list {
			if err := s.store.Tell(ctx, g.Organization, g.ID, e); err != nil {
				return err
			}
		}
		if len(list) < endingKeys {
			return nil
		}
	}
}

func (s *Service) tellCertificates(ctx context.Context, g Gateway, certificates Certificates) error {
	list, err := certificates.EndingCertificates(ctx, g.Organization, g.ID, CertificateNotice)
	if err != nil {
		return err
	}
	for _, c := range list {
		e := Ending{Ref: c.Source + " certificate " + c.Name, At: *c.EndsAt, Event: event.Event{Type: event.CertificateExpiring, About: c}}
		if err := s.store.Tell(ctx, g.Organization, g.ID, e); err != nil {
			return err
		}
	}
	return nil
}
