package acme

import (
	"context"
	"errors"

	acmeclient "github.com/mholt/acmez/v3/acme"

	"github.com/tollgate/tollgate/services/contract"
)

// edgeAnswers has the edges answer HTTP-01 and TLS-ALPN-01 challenges.
type edgeAnswers struct {
	challenges Challenges
	host       string
	attempts   int // that failed before
}

func (w *Worker) answers(j Job) *edgeAnswers {
	return &edgeAnswers{challenges: w.cfg.Challenges, host: j.Host, attempts: j.Attempts}
}

// choose takes HTTP-01 first, and each time that an order failed the other one.
func (a *edgeAnswers) choose(all []acmeclient.Challenge) (acmeclient.Challenge, error) {
	want := []string{contract.ChallengeHTTP, contract.ChallengeALPN}
	if a.attempts%2 == 1 {
		want[0], want[1] = want[1], want[0]
	}
	for _, t := range want {
		for _, c := range all {
			if c.Type == t {
				return c, nil
			}
		}
	}
	return acmeclient.Challenge{}, errors.New("the authority offers no challenge that edges can answer (HTTP-01, TLS-ALPN-01)")
}

func (a *edgeAnswers) present(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
	c := contract.Challenge{Host: a.host, Type: ch.Type, Token: ch.Token, KeyAuth: ch.KeyAuthorization}
	return func(ctx context.Context) error { return a.challenges.CleanUp(ctx, c) }, a.challenges.Present(ctx, c)
}
