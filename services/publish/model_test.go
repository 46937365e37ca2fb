package publish_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/publish"
)

// TestWhateverHappensRedisBecomesTheDatabase makes random changes while Redis is
// emptied, restarted and cut off and publishers come and go; three seconds after
// the last of it Redis holds exactly what the database says.
func TestWhateverHappensRedisBecomesTheDatabase(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 1))
		m := &model{world: w, r: r}
		for i := range 2 {
			g := w.Gateway(t, w.org, fmt.Sprintf("g%d", i))
			w.Consumer(t, w.org, g, "ann")
			m.gateways = append(m.gateways, g)
		}
		cut := &brake{Bus: w.bus()}
		_, stop := w.publisher(t, "p0", func(o *publish.Options) { o.Bus = cut })
		for i := range 60 {
			m.change(t, i)
			switch r.IntN(12) {
			case 0:
				w.redis.FlushAll(t.Context())
			case 1:
				w.server.Kill(t)
				w.server.Run(t)
			case 2:
				cut.set(nil, errors.New("cut off"))
			case 3, 4:
				cut.set(nil, nil)
			case 5:
				stop()
				cut.set(nil, nil)
				_, stop = w.publisher(t, fmt.Sprintf("p%d", i), func(o *publish.Options) { o.Bus = cut })
			}
			time.Sleep(time.Duration(r.IntN(15)) * time.Millisecond)
		}
		cut.set(nil, nil)
		w.drained(t)
		until(t, "all shards", func() bool { time.Sleep(20 * time.Millisecond); return w.seeded(t) == contract.KeyShards })
		m.compare(t)
		w.checkIndex(t)
		w.notices(t)
	})
}

type model struct {
	*world
	r        *rand.Rand
	gateways []*gateway.Gateway
	keys     []apikey.Key
}

// change makes one random change.
func (m *model) change(t *testing.T, i int) {
	t.Helper()
	g := m.gateways[m.r.IntN(len(m.gateways))]
	var err error
	switch m.r.IntN(5) {
	case 0, 1:
		m.keys = append(m.keys, m.Key(t, m.org, g, "ann").Key)
	case 2:
		if len(m.keys) > 0 {
			k := m.keys[m.r.IntN(len(m.keys))]
			_, err = m.Keys.Revoke(t.Context(), m.org, apikey.Target{Gateway: k.Gateway.ID, ID: k.ID})
		}
	case 3:
		m.putRoute(t, g, fmt.Sprintf("r%d", i))
	case 4:
		plan := []string{"", "gold"}[m.r.IntN(2)]
		_, err = m.Consumers.Put(t.Context(), m.org, gateway.PutConsumer{Gateway: g.ID, Name: "ann", UsagePlan: plan})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compare reads everything from both sides.
func (m *model) compare(t *testing.T) {
	t.Helper()
	for _, g := range m.gateways {
		now, err := m.Gateways.Get(t.Context(), m.org, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		if doc := m.document(t, g.ID); doc == nil || doc.Version != now.Version {
			t.Errorf("gateway %s is at version %d, Redis has %+v", g.Name, now.Version, doc)
		}
	}
	for _, k := range m.keys {
		list, err := store.Publisher{DB: m.DB}.Records(t.Context(), []uint64{k.KID})
		if err != nil {
			t.Fatal(err)
		}
		want := list[0]
		got := m.key(t, k.KID)
		// A revoked key's plan no longer matters, and is not published anew.
		if got == nil || got.Version != want.Version || got.State != want.State || want.State == contract.KeyActive && got.UsagePlan != want.UsagePlan {
			t.Errorf("key %s is %+v, Redis has %+v", k.ID, want, got)
		}
	}
	if n := storetest.Count(t, m.DB, "publish_failures", "1 = 1"); n != 0 {
		t.Errorf("%d failures are noted", n)
	}
}
