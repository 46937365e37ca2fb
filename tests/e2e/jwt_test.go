package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestJWT uses tokens of a real OpenID Connect provider: accepted, wrong
// audience refused, keys rotated under load without a false 401, the provider
// away without a false 401.
func TestJWT(t *testing.T) {
	t.Parallel()
	o := harness.StartOIDC(t)
	c := harness.New(t, harness.Options{})
	b := harness.StartBackend(t, "only")
	s := newShop(t, c, "tokens", []*harness.Backend{b}, nil)
	s.put("routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "app", "policies": []harness.Object{
		{"type": "jwt", "config": harness.Object{"issuer": o.Issuer, "audiences": []string{"shop"}}},
	}})
	s.api.WaitLive(s.name)
	edge := c.Edges[0].Addr()
	send := func(token string) harness.Result {
		return s.call.Get(edge, s.host, "/x", "", "Authorization", "Bearer "+token)
	}
	good := o.Token(t, "shop", "subject", "alice")
	if r := send(good); r.Status != 200 {
		t.Fatalf("a good token: %d %s %v", r.Status, r.Body, r.Err)
	}
	for name, token := range map[string]string{
		"token_audience": o.Token(t, "other"),
		"token_expired":  o.Token(t, "shop", "lifetime", "-10m"),
		"token_invalid":  good[:len(good)-8] + "AAAAAAAA",
	} {
		if r := send(token); r.Status != 401 || r.Code != name {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	if r := s.call.Get(edge, s.host, "/x", ""); r.Status != 401 || r.Code != "token_missing" {
		t.Errorf("no token: %d %s", r.Status, r.Body)
	}

	// Keys are rotated and retired under load: each caller uses tokens signed
	// before and after.
	tally := harness.NewTally()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var mu sync.Mutex
	tokens := []string{good}
	go func() {
		for range 3 {
			time.Sleep(800 * time.Millisecond)
			o.Control(t, "/keys/rotate")
			token := o.Token(t, "shop", "subject", "alice")
			mu.Lock()
			tokens = append(tokens, token)
			mu.Unlock()
		}
	}()
	harness.Run(ctx, 8, func(i int) {
		mu.Lock()
		token := tokens[i%len(tokens)]
		mu.Unlock()
		tally.Add(send(token))
		time.Sleep(2 * time.Millisecond)
	})
	if tally.Get(200) == 0 || tally.Get(401)+tally.Class(5)+tally.Get(0) > 0 {
		t.Errorf("under rotation: %v", tally)
	}
	t.Logf("under rotation: %v", tally)

	// The provider is away for the rest: known keys go on.
	fresh := o.Token(t, "shop", "subject", "bob")
	o.Kill()
	away := harness.NewTally()
	for i := range 500 {
		away.Add(send([]string{good, fresh}[i%2]))
	}
	if away.Get(200) != 500 {
		t.Errorf("with the provider away: %v", away)
	}
	t.Logf("with the provider away: %v", away)
}
