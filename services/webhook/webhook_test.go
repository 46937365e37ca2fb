package webhook_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/webhook"
)

// TestDelivered: each webhook gets what it wants of what happened, once, signed, with
// one id for all of them, and nothing of what was rolled back.
func TestDelivered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, all, keys := newWorld(t, db), newReceiver(t), newReceiver(t)
		secret := w.hook(t, "all", all.URL)
		checkSecret(t, secret)
		w.hook(t, "keys", keys.URL, event.KeyCreated, event.KeyRevoked)
		if w.hook(t, "all", all.URL) != "" {
			t.Error("the secret was shown again")
		}
		ctx := core.WithActor(t.Context(), core.Actor{Kind: core.ActorUser, Name: "ada@example.com"})
		issued, err := w.Keys.Create(ctx, w.org, apikey.Create{Gateway: "shop", Consumer: "ann", Name: "prod"})
		if err != nil {
			t.Fatal(err)
		}
		// Refused after it was written: nothing may be sent of it.
		undo := errors.New("undone")
		err = w.store.Tx(ctx, func(tx webhook.Tx) error {
			c := core.Change{Action: "test", Gateway: w.gw.ID, Events: []event.Event{{Type: event.KeyRevoked, About: event.Key{}}}}
			if err := tx.Record(ctx, w.org, c); err != nil {
				t.Error(err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		if _, err := w.Keys.Revoke(ctx, w.org, apikey.Target{Gateway: "shop", ID: issued.Key.ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Keys.Revoke(ctx, w.org, apikey.Target{Gateway: "shop", ID: issued.Key.ID}); err != nil { // changes nothing
			t.Fatal(err)
		}
		if err := w.Consumers.Delete(ctx, w.org, gateway.Delete{Gateway: "shop", Name: "ann"}); err != nil {
			t.Fatal(err)
		}
		w.send(t)
		w.send(t)
		got, some := all.take(), keys.take()
		for list, want := range map[*[]message]string{
			&got:  event.ConsumerDeleted + " " + event.KeyCreated + " " + event.KeyRevoked,
			&some: event.KeyCreated + " " + event.KeyRevoked,
		} {
			sorted := slices.Sorted(slices.Values(types(*list)))
			if strings.Join(sorted, " ") != want {
				t.Errorf("got %v, want %s", sorted, want)
			}
		}
		ids := map[string]string{}
		for _, m := range append(got, some...) {
			if m.ID != m.header.Get(webhook.HeaderID) || m.header.Get("Content-Type") != "application/json" || core.CheckID(webhook.PrefixEvent, m.ID) != nil {
				t.Errorf("%s: header %v", m.raw, m.header)
			}
			if id := ids[m.Type]; id != "" && id != m.ID {
				t.Errorf("%s has the ids %s and %s", m.Type, id, m.ID)
			}
			ids[m.Type] = m.ID
			about, _ := m.Data["key"].(map[string]any)
			if m.Type != event.ConsumerDeleted && (about["id"] != issued.Key.ID || about["consumer"] != "ann") {
				t.Errorf("%s", m.raw)
			}
			if strings.Contains(string(m.raw), issued.Secret) || m.Data["actor"].(map[string]any)["name"] != "ada@example.com" || m.Data["gateway"].(map[string]any)["name"] != "shop" {
				t.Errorf("%s", m.raw)
			}
		}
		for _, m := range got {
			if verify(t, secret, m) != 1 {
				t.Errorf("the signatures %s don't fit", m.header.Get(webhook.HeaderSignature))
			}
		}
		if v := w.get(t, "all"); v.Status() != webhook.StatusOK || v.State.Delivered != 3 || v.State.Waiting != 0 {
			t.Errorf("state %+v", v.State)
		}
	})
}

// TestRotation: for a day two secrets sign, then the new one alone.
func TestRotation(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
	old := w.hook(t, "hook", r.URL)
	fresh, until, err := w.svc.Rotate(t.Context(), w.org, "shop", "hook")
	checkSecret(t, fresh)
	if err != nil || !near(until, w.Clock.Now().Add(webhook.Overlap), time.Minute) {
		t.Fatalf("until %s, %v", until, err)
	}
	for _, signed := range []int{1, 0} {
		w.Key(t, w.org, w.gw, "ann")
		w.send(t)
		got := r.take()
		if len(got) != 1 || verify(t, fresh, got[0]) != 1 || verify(t, old, got[0]) != signed {
			t.Errorf("%d messages, signed %v", len(got), got[0].header)
		}
		w.Clock.Add(webhook.Overlap + time.Second)
	}
}

// TestOwnSecret: a secret of the caller's own signs, is never shown, and is replaced
// as by a rotation.
func TestOwnSecret(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
	const own, next = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for i, c := range []struct{ secret, now, old string }{{own, own, ""}, {"", own, ""}, {own, own, ""}, {next, next, own}} {
		v, err := w.svc.Put(t.Context(), w.org, webhook.Put{Gateway: "shop", Name: "hook", Spec: webhook.Spec{URL: r.URL, SigningSecret: c.secret}})
		if err != nil || v.SigningSecret != "" || v.Spec.SigningSecret != "" {
			t.Fatalf("%d: %+v, %v", i, v, err)
		}
		w.Key(t, w.org, w.gw, "ann")
		w.send(t)
		got := r.take()
		if len(got) != 1 || verify(t, c.now, got[0]) != 1 || c.old != "" && verify(t, c.old, got[0]) != 1 || c.old == "" && strings.Contains(got[0].header.Get(webhook.HeaderSignature), " ") {
			t.Errorf("%d: %d messages", i, len(got))
		}
	}
}

func TestSpecsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil))
	const ok = "https://hooks.example.com"
	for pointer, s := range map[string]webhook.Spec{
		"/name":        {Name: "no spaces", URL: ok},
		"/url":         {URL: "ftp://x"},
		"/description": {URL: ok, Description: strings.Repeat("x", 501)},
		"/events":      {URL: ok, Events: []string{}},
		"/events/1":    {URL: ok, Events: []string{event.KeyCreated, event.KeyCreated}},
		"/events/0":    {URL: ok, Events: []string{event.WebhookTest}},

		"/signing_secret": {URL: ok, SigningSecret: "whsec_c2hvcnQ="},
	} {
		_, err := w.svc.Put(t.Context(), w.org, webhook.Put{Gateway: "shop", Name: "x", Spec: s})
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeInvalid || e.Fields[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	for _, s := range []webhook.Spec{
		{URL: ok, Events: []string{event.All, event.KeyCreated}},
		{URL: ok, Events: []string{"key.*"}},
		{URL: ok, Events: []string{"key.create"}},
		{URL: "https://u:p@hooks.example.com"},
		{URL: ok + "/#x"},
		{URL: ok + "/" + strings.Repeat("x", 2048)},
		{URL: "https://"},
		{},
	} {
		if _, err := w.svc.Put(t.Context(), w.org, webhook.Put{Gateway: "shop", Name: "x", Spec: s}); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", s, err)
		}
	}
	_, err := w.svc.Put(t.Context(), w.org, webhook.Put{Gateway: "shop", Name: "x", Spec: webhook.Spec{URL: ok, Events: []string{"key.revokd"}}})
	if err == nil || !strings.Contains(err.Error(), `did you mean "key.revoked"`) {
		t.Errorf("a slip: %v", err)
	}
	w.hook(t, "x", ok)
	if _, err := w.svc.Put(t.Context(), w.org, webhook.Put{Gateway: "shop", Spec: webhook.Spec{Name: "x", URL: ok}, CreateOnly: true}); core.CodeOf(err) != core.CodeNameTaken {
		t.Errorf("a taken name: %v", err)
	}
	if err := w.svc.Delete(t.Context(), w.org, "shop", "x", core.Revision(7)); core.CodeOf(err) != core.CodePreconditionFailed {
		t.Errorf("a stale delete: %v", err)
	}
	for i := range webhook.MaxWebhooks - 1 {
		w.hook(t, "x"+string(rune('a'+i)), ok)
	}
	if _, err := w.svc.Put(t.Context(), w.org, webhook.Put{Gateway: "shop", Name: "more", Spec: webhook.Spec{URL: ok}}); core.CodeOf(err) != core.CodeLimitReached {
		t.Errorf("one too many: %v", err)
	}
	if err := w.svc.Delete(t.Context(), w.org, "shop", "x", core.IfMatch{}); err != nil {
		t.Error(err)
	}
	if _, err := w.svc.Get(t.Context(), w.org, "shop", "x"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("after it was deleted: %v", err)
	}
}

// TestEndings: what ends soon is told once for each end.
func TestEndings(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		now := w.Clock.Now()
		w.hook(t, "hook", r.URL, event.KeyExpiring, event.CertificateExpiring)
		key := func(name string, ends time.Duration) *apikey.Issued {
			k, err := w.Keys.Create(t.Context(), w.org, apikey.Create{Gateway: "shop", Consumer: "ann", Name: name, Expires: now.Add(ends)})
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		const day = 24 * time.Hour
		soon, short, rotated := key("soon", 10*day), key("short", 3*day), key("rotated", 10*day)
		key("later", 30*day)
		if _, err := w.Keys.Rotate(t.Context(), w.org, apikey.Rotate{Target: apikey.Target{Gateway: "shop", ID: rotated.Key.ID}, Overlap: new(9 * day)}); err != nil {
			t.Fatal(err)
		}
		authority := storetest.NewAuthority(t, "test")
		upload := func(name string, ends time.Duration) {
			cert, priv := authority.Leaf(t, now.Add(ends), w.gw.Hostname)
			if _, err := w.Gateways.PutCertificate(t.Context(), w.org, gateway.PutCertificate{Gateway: "shop", Name: name, ChainPEM: cert, KeyPEM: priv}); err != nil {
				t.Fatal(err)
			}
		}
		upload("front", 16*day)
		upload("spare", 60*day)
		told := func() []string {
			for range 2 {
				if err := w.svc.TellEndings(t.Context(), w.Gateways); err != nil {
					t.Fatal(err)
				}
			}
			w.send(t)
			var out []string
			for _, m := range r.take() {
				for field, about := range m.Data {
					if field == "key" || field == "certificate" {
						out = append(out, m.Type+" "+about.(map[string]any)["name"].(string))
					}
				}
			}
			slices.Sort(out)
			return out
		}
		if got := told(); len(got) != 0 {
			t.Errorf("too early: %v", got)
		}
		w.Clock.Add(4 * day)
		if got, want := told(), []string{"certificate.expiring front", "key.expiring soon"}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v (%s is short)", got, want, short.Key.ID)
		}
		if got := told(); len(got) != 0 {
			t.Errorf("told again: %v", got)
		}
		ends := now.Add(11 * day)
		if _, err := w.Keys.Update(t.Context(), w.org, apikey.Update{Target: apikey.Target{Gateway: "shop", ID: soon.Key.ID}, Expires: &ends}); err != nil {
			t.Fatal(err)
		}
		upload("front", 17*day)
		if got, want := told(), []string{"certificate.expiring front", "key.expiring soon"}; !slices.Equal(got, want) {
			t.Errorf("of the new ends %v, want %v", got, want)
		}
	})
}

// TestNoRoom: what finds too many waiting is counted and not sent; others get it.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		w.hook(t, "full", r.URL)
		w.hook(t, "other", r.URL)
		id := w.get(t, "full").ID
		err := db.Tx(t.Context(), func(tx *store.Txn) error {
			kind := map[string]string{"postgres": "bytea"}[tx.Name()]
			if kind == "" {
				kind = "blob"
			}
			return tx.Exec(`INSERT INTO webhook_deliveries (webhook_id, id, organization_id, type, body, state, created_at, next_at)
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				SELECT ?, 'evt_' || CAST(i AS text), ?, 'key.created', CAST('{}' AS `+kind+`), 'waiting', 0, 0 FROM n`, webhook.MaxWaiting-1, id, string(w.org)).Error
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			w.Key(t, w.org, w.gw, "ann")
		}
		full, other := w.get(t, "full").State, w.get(t, "other").State
		if full.Waiting != webhook.MaxWaiting || full.Dropped != 2 || other.Waiting != 3 || other.Dropped != 0 {
			t.Errorf("full %+v, other %+v", full, other)
		}
	})
}

// TestEveryEvent has everything happen that webhooks can be told.
func TestEveryEvent(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
	w.hook(t, "hook", r.URL)
	ctx, at := t.Context(), apikey.Target{Gateway: "shop"}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Keys and consumers.
	name := "renamed"
	k := w.Key(t, w.org, w.gw, "ann")
	at.ID = k.Key.ID
	_, err := w.Keys.Update(ctx, w.org, apikey.Update{Target: at, Name: &name})
	ok(err)
	_, err = w.Keys.Rotate(ctx, w.org, apikey.Rotate{Target: at})
	ok(err)
	_, err = w.Keys.Revoke(ctx, w.org, at)
	ok(err)
	ends := w.Clock.Now().AddDate(0, 0, 8)
	_, err = w.Keys.Create(ctx, w.org, apikey.Create{Gateway: "shop", Consumer: "ann", Expires: ends})
	ok(err)
	w.Consumer(t, w.org, w.gw, "bob")
	w.Consumer(t, w.org, w.gw, "bob")
	ok(w.Consumers.Delete(ctx, w.org, gateway.Delete{Gateway: "shop", Name: "bob"}))
	// Domains and certificates.
	_, _, err = w.Gateways.PutDomain(ctx, w.org, gateway.PutDomain{Gateway: "shop", Host: "api.example.com"})
	ok(err)
	d := w.Prove(t, w.org, w.gw.ID, "api.example.com")
	authority := storetest.NewAuthority(t, "test")
	job := gateway.CertificateJob{Organization: w.org, Gateway: w.gw.ID, Domain: d.ID, Host: d.Host}
	for range 3 {
		ok(w.Gateways.FinishCertificate(ctx, job, gateway.CertificateResult{Problem: "no answer"}))
	}
	cert, priv := authority.Leaf(t, ends, d.Host)
	ok(w.Gateways.FinishCertificate(ctx, job, gateway.CertificateResult{ChainPEM: cert, KeyPEM: priv}))
	cert, priv = authority.Leaf(t, w.Clock.Now().AddDate(0, 0, 10), w.gw.Hostname)
	_, err = w.Gateways.PutCertificate(ctx, w.org, gateway.PutCertificate{Gateway: "shop", Name: "front", ChainPEM: cert, KeyPEM: priv})
	ok(err)
	w.DNS.Set(w.Gateways.Proof(d).Name)
	_, err = w.Gateways.VerifyDomain(ctx, w.org, "shop", d.Host)
	ok(err)
	w.Clock.Add(gateway.DomainGrace)
	if d, err = w.Gateways.VerifyDomain(ctx, w.org, "shop", d.Host); err != nil || d.State != gateway.DomainLapsed {
		t.Fatalf("%+v, %v", d, err)
	}
	ok(w.svc.TellEndings(ctx, w.Gateways))
	// A release.
	config := storetest.Config()
	config.Upstreams = append(config.Upstreams, contract.Upstream{Name: "v2", Targets: config.Upstreams[0].Targets})
	config.Routes[0].Policies = append(config.Routes[0].Policies, contract.Policy{Type: "release", Config: []byte(
		`{"variants": [{"name": "v2", "upstream": "v2", "schedule": {"steps": [{"percent": 5, "for": "1m"}, {"percent": 50, "for": "1m"}]}}]}`,
	)})
	_, err = w.Gateways.PutConfig(ctx, w.org, gateway.PutConfig{Gateway: "shop", Config: config})
	ok(err)
	move := func(outcome string, step int) {
		t.Helper()
		rel, err := w.Gateways.Release(ctx, w.org, "shop", "open")
		ok(err)
		ok(w.Gateways.MoveRelease(ctx, rel, contract.ReleaseState{Outcome: outcome, Step: step, Since: w.Clock.Now(), Percent: 5}))
	}
	steer := func(action string) {
		t.Helper()
		_, err := w.Gateways.SteerRelease(ctx, w.org, gateway.Steer{Gateway: "shop", Route: "open", Action: action})
		ok(err)
	}
	move(contract.ReleaseRunning, 0)
	steer(gateway.ReleasePause)
	steer(gateway.ReleaseResume)
	move(contract.ReleaseRunning, 1)
	steer(gateway.ReleaseStop)
	w.Clock.Add(2 * time.Minute)
	steer(gateway.ReleaseRestart)
	move(contract.ReleaseDone, 1)
	w.alert(t)
	_, err = w.svc.Test(ctx, w.org, "shop", "hook")
	ok(err)
	ok(w.Gateways.Delete(ctx, w.org, "shop", core.IfMatch{}))
	w.send(t)

	seen := map[string]int{}
	for _, m := range r.take() {
		seen[m.Type]++
		kind := event.Find(m.Type)
		if kind.Field != "" && m.Data[kind.Field] == nil {
			t.Errorf("%s has nothing in %s: %s", m.Type, kind.Field, m.raw)
		}
	}
	for _, kind := range event.Kinds() {
		if seen[kind.Type] == 0 {
			t.Errorf("%s was never sent", kind.Type)
		}
	}
	for typ, want := range map[string]int{
		event.CertificateFailed: 1, event.DomainFailed: 2, event.DomainVerified: 1, event.KeyCreated: 3, event.KeyRotated: 1, event.KeyExpiring: 1, event.ReleaseBegun: 2,
	} {
		if seen[typ] != want {
			t.Errorf("%s was sent %d times, want %d", typ, seen[typ], want)
		}
	}
}
