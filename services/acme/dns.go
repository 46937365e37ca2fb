package acme

import (
	"context"
	"errors"
	"time"

	"github.com/caddyserver/certmagic"
	acmeclient "github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"
)

// How long a challenge's record lives, and how long it may take until the zone's
// name servers show it.
const (
	recordTTL  = time.Minute
	recordTime = 3 * time.Minute
)

// DNSProvider changes records in the operator's zone.
type DNSProvider = certmagic.DNSProvider

// dnsAnswers puts the answers of DNS-01 challenges into the zone.
type dnsAnswers struct {
	provider  DNSProvider
	resolvers []string // that show the record; none: the zone's own name servers
}

func (a *dnsAnswers) choose(all []acmeclient.Challenge) (acmeclient.Challenge, error) {
	for _, c := range all {
		if c.Type == acmeclient.ChallengeTypeDNS01 {
			return c, nil
		}
	}
	return acmeclient.Challenge{}, errors.New("the authority offers no DNS-01 challenge")
}

// present returns when the record is there to be seen.
func (a *dnsAnswers) present(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
	s := &certmagic.DNS01Solver{DNSManager: certmagic.DNSManager{
		DNSProvider: a.provider, TTL: recordTTL, PropagationTimeout: recordTime, Resolvers: a.resolvers, Logger: zap.NewNop(),
	}}
	if err := s.Present(ctx, ch); err != nil {
		return nil, err
	}
	cleanUp := func(ctx context.Context) error { return s.CleanUp(ctx, ch) }
	if err := s.Wait(ctx, ch); err != nil {
		return nil, errors.Join(err, cleanUp(ctx))
	}
	return cleanUp, nil
}
