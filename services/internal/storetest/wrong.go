package storetest

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
)

// Try is one call of a store's method with the wrong organization. It returns
// what it got; the result must be empty, or the error CodeNotFound.
type Try struct {
	Method string
	Call   func(wrong core.OrganizationID) (got any, err error)
}

// WrongOrganization runs tries and fails when one of the methods of iface that
// take an organization has none.
func WrongOrganization(t *testing.T, iface reflect.Type, wrong core.OrganizationID, tries []Try) {
	t.Helper()
	tried := map[string]bool{}
	for _, try := range tries {
		tried[try.Method] = true
		got, err := try.Call(wrong)
		switch {
		case err != nil && core.CodeOf(err) == core.CodeNotFound:
		case err != nil:
			if !harmless(err) {
				t.Errorf("%s.%s with the wrong organization: %v", iface.Name(), try.Method, err)
			}
		case !empty(got):
			t.Errorf("%s.%s gives %+v to the wrong organization", iface.Name(), try.Method, got)
		}
	}
	org := reflect.TypeFor[core.OrganizationID]()
	for m := range iface.Methods() {
		takes := false
		for in := range m.Type.Ins() {
			takes = takes || in == org
		}
		if takes && !tried[m.Name] {
			t.Errorf("%s.%s is not tried with the wrong organization", iface.Name(), m.Name)
		}
	}
}

// harmless are the other errors by which a write is refused: its row is not
// there, or another row has its identity.
func harmless(err error) bool {
	switch core.CodeOf(err) {
	case core.CodeNameTaken, core.CodeConflict:
		return true
	}
	return errors.Is(err, gorm.ErrDuplicatedKey) || errors.Is(err, gorm.ErrForeignKeyViolated) || errors.Is(err, store.ErrGone)
}

func empty(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Slice, reflect.Map:
		return r.Len() == 0
	case reflect.Pointer:
		return r.IsNil()
	}
	return r.IsZero()
}

// GatewayTenancy tries every method of the gateway and consumer stores with the
// wrong organization, and checks that nothing of the right one changed.
func GatewayTenancy(t *testing.T, db *store.DB) {
	d := NewDomain(t, db)
	right, wrong := Organization(t, db, "right"), Organization(t, db, "wrong")
	g := d.Gateway(t, right, "shop")
	d.Consumer(t, right, g, "ann")
	cert, key := NewAuthority(t, "test").Leaf(t, time.Now().Add(time.Hour), g.Hostname)
	if _, err := d.Gateways.PutCertificate(t.Context(), right, gateway.PutCertificate{Gateway: g.ID, Name: "front", ChainPEM: cert, KeyPEM: key}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Gateways.PutSecret(t.Context(), right, gateway.PutSecret{Gateway: g.ID, Name: "token", Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Gateways.PutDomain(t.Context(), right, gateway.PutDomain{Gateway: g.ID, Host: "api.right.example"}); err != nil {
		t.Fatal(err)
	}
	d.Prove(t, right, g.ID, "api.right.example")
	before := fingerprint(t, d, right, g)
	WrongOrganization(t, reflect.TypeFor[gateway.Store](), wrong, readTries(t, db, g))
	src, err := store.Gateways{DB: db}.Source(t.Context(), right, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	WrongOrganization(t, reflect.TypeFor[gateway.Tx](), wrong, writeTries(t, db, g, src))
	WrongOrganization(t, reflect.TypeFor[gateway.ConsumerStore](), wrong, consumerTries(t, db, g))
	WrongOrganization(t, reflect.TypeFor[gateway.ConsumerTx](), wrong, consumerWriteTries(t, db, d, right, g))
	if after := fingerprint(t, d, right, g); after != before {
		t.Errorf("the wrong organization changed something:\n%s\n%s", before, after)
	}
}

// firstPage is a page as lists are asked for.
var firstPage = core.Window{Limit: 10, Field: core.SortName}

func readTries(t *testing.T, db *store.DB, g *gateway.Gateway) []Try {
	s, ctx := store.Gateways{DB: db}, t.Context()
	return []Try{
		{"Gateways", func(o core.OrganizationID) (any, error) { return s.Gateways(ctx, o, 10, "") }},
		{"Gateway", func(o core.OrganizationID) (any, error) { return s.Gateway(ctx, o, g.ID) }},
		{"Gateway", func(o core.OrganizationID) (any, error) { return s.Gateway(ctx, o, g.Name) }},
		{"Source", func(o core.OrganizationID) (any, error) { return s.Source(ctx, o, g.ID) }},
		{"TxInLine", func(o core.OrganizationID) (any, error) {
			return nil, s.TxInLine(ctx, o, g.ID, func(tx gateway.Tx) error { _, err := tx.LockGateway(o, g.ID); return err })
		}},
		{"Entries", func(o core.OrganizationID) (any, error) {
			return s.Entries(ctx, o, g.ID, gateway.EntryQuery{Kind: gateway.KindRoute})
		}},
		{"ListEntries", func(o core.OrganizationID) (any, error) {
			found, err := s.ListEntries(ctx, o, g.ID, gateway.EntryList{Kind: gateway.KindRoute, Window: firstPage})
			return found.Items, err
		}},
		{"Secrets", func(o core.OrganizationID) (any, error) { return s.Secrets(ctx, o, g.ID) }},
		{"TakenPorts", func(o core.OrganizationID) (any, error) { return s.TakenPorts(ctx, o, g.ID) }},
		{"Certificates", func(o core.OrganizationID) (any, error) { return s.Certificates(ctx, o, g.ID) }},
		{"Domains", func(o core.OrganizationID) (any, error) { return s.Domains(ctx, o, g.ID) }},
		{"History", func(o core.OrganizationID) (any, error) { return s.History(ctx, o, g.ID, 10, 0) }},
		{"FailedReleases", func(o core.OrganizationID) (any, error) { return s.FailedReleases(ctx, o, g.ID) }},
		{"Lineup", func(o core.OrganizationID) (any, error) { return s.Lineup(ctx, o, g.ID, 1) }},
	}
}

// inTx makes a try of a transaction's method, which is always rolled back.
func inTx[X any](run func(func(X) error) error, do func(tx X) (any, error)) (got any, err error) {
	rollback := core.Errorf(core.CodeConflict, "rolled back")
	e := run(func(tx X) error {
		if got, err = do(tx); err != nil {
			return err
		}
		return rollback
	})
	if err == nil && core.CodeOf(e) != core.CodeConflict {
		return got, e
	}
	return got, err
}

func writeTries(t *testing.T, db *store.DB, g *gateway.Gateway, src *gateway.Source) []Try {
	s := store.Gateways{DB: db}
	try := func(method string, do func(tx gateway.Tx, o core.OrganizationID) (any, error)) Try {
		return Try{method, func(o core.OrganizationID) (any, error) {
			return inTx(func(fn func(gateway.Tx) error) error { return s.Tx(t.Context(), fn) },
				func(tx gateway.Tx) (any, error) { return do(tx, o) })
		}}
	}
	plan := src.Entries[gateway.KindUsagePlan][0].ID
	return []Try{
		try("LockGateway", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.LockGateway(o, g.ID) }),
		try("LockOrganization", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return nil, tx.LockOrganization(o) }),
		try("CountGateways", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.CountGateways(o) }),
		try("TakeLabel", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.TakeLabel(o, g.Label, "gw_other") }),
		try("TakenPorts", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.TakenPorts(o, g.ID) }),
		try("KeepPorts", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return tx.KeepPorts(o, g.ID, nil, g.CreatedAt.Add(time.Hour))
		}),
		try("SetOwner", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.SetOwner(o, g.ID, gateway.KindUsagePlan, []string{plan}, "git:stolen")
		}),
		try("SetGatewayOwner", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.SetGatewayOwner(o, g.ID, "git:stolen")
		}),
		try("FreeLabel", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.FreeLabel(o, g.Label, g.CreatedAt)
		}),
		try("CreateGateway", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			c := *g // the same id
			c.Name = "copy"
			return nil, tx.CreateGateway(o, &c)
		}),
		try("SaveGateway", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			c := *g
			c.Name = "stolen"
			return nil, tx.SaveGateway(o, &c, nil)
		}),
		try("SaveOpenAPI", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.SaveOpenAPI(o, g.ID, []byte(`{}`))
		}),
		try("Source", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.Source(o, g.ID) }),
		try("PutEntries", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			e := src.Entries[gateway.KindRoute][0]
			e.Document = []byte(`{}`)
			return nil, tx.PutEntries(o, g.ID, gateway.KindRoute, []*gateway.Entry{&e})
		}),
		try("PutEntries", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			e := gateway.Entry{ID: "rt_new", Name: "new", Document: []byte(`{}`)}
			return true, tx.PutEntries(o, g.ID, gateway.KindRoute, []*gateway.Entry{&e})
		}),
		try("ParkEntries", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			if err := tx.ParkEntries(o, g.ID, gateway.KindRoute, []string{src.Entries[gateway.KindRoute][0].ID}); err != nil {
				return nil, err
			}
			now, err := tx.Source(src.Gateway.Organization, g.ID)
			return strings.HasPrefix(now.Entries[gateway.KindRoute][0].Name, "~"), err
		}),
		try("DeleteEntries", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			if err := tx.DeleteEntries(o, g.ID, gateway.KindRoute, []string{src.Entries[gateway.KindRoute][0].ID}); err != nil {
				return nil, err
			}
			left, err := tx.Source(src.Gateway.Organization, g.ID)
			return len(left.Entries[gateway.KindRoute]) != len(src.Entries[gateway.KindRoute]), err
		}),
		try("PlanUsers", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.PlanUsers(o, g.ID, []string{plan}) }),
		try("PutSecret", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			v := src.Secrets[0]
			v.EdgeSealed = []byte("forged")
			return nil, tx.PutSecret(o, g.ID, &v)
		}),
		try("DeleteSecret", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			if err := tx.DeleteSecret(o, g.ID, src.Secrets[0].ID); err != nil {
				return nil, err
			}
			left, err := tx.Source(src.Gateway.Organization, g.ID)
			return len(left.Secrets) != len(src.Secrets), err
		}),
		try("PutCertificate", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			v := src.Certificates[0]
			v.EdgeSealed = []byte("forged")
			return nil, tx.PutCertificate(o, g.ID, &v)
		}),
		try("PutCertificate", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			v := src.Certificates[0]
			v.ID, v.Name, v.Revision = "crt_new", "new", 0
			return true, tx.PutCertificate(o, g.ID, &v)
		}),
		try("DeleteCertificate", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			if err := tx.DeleteCertificate(o, g.ID, src.Certificates[0].ID); err != nil {
				return nil, err
			}
			left, err := tx.Source(src.Gateway.Organization, g.ID)
			return len(left.Certificates) != len(src.Certificates), err
		}),
		try("Domains", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.Domains(o, g.ID) }),
		try("PutDomain", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			v := src.Domains[0]
			v.State = gateway.DomainLapsed
			return nil, tx.PutDomain(o, g.ID, &v)
		}),
		try("PutDomain", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return true, tx.PutDomain(o, g.ID, &gateway.Domain{ID: "dom_new", Host: "new.example.com"})
		}),
		try("DeleteDomain", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			if err := tx.DeleteDomain(o, g.ID, src.Domains[0].ID); err != nil {
				return nil, err
			}
			left, err := tx.Source(src.Gateway.Organization, g.ID)
			return len(left.Domains) != len(src.Domains), err
		}),
		try("TakeHost", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return tx.TakeHost(o, src.Domains[0].Host, src.Domains[0].ID)
		}),
		try("TakeHost", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return tx.TakeHost(o, "other.example.com", src.Domains[0].ID)
		}),
		try("FreeHost", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			if err := tx.FreeHost(o, src.Domains[0].ID, g.CreatedAt); err != nil {
				return nil, err
			}
			taken, err := tx.TakeHost(src.Gateway.Organization, src.Domains[0].Host, src.Domains[0].ID)
			return !taken, err
		}),
		try("AddVersion", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			v := &gateway.HistoryEntry{Version: gateway.Version{Version: g.Version + 1}, Delta: []byte{}}
			return nil, tx.AddVersion(o, g.ID, v)
		}),
		try("SinceDocument", func(tx gateway.Tx, o core.OrganizationID) (any, error) { return tx.SinceDocument(o, g.ID) }),
		try("Emit", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Emit(o, g.ID, event.Event{Type: event.DomainVerified, About: event.Domain{}})
		}),
		try("Record", func(tx gateway.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Record(t.Context(), o, core.Change{Action: "test", ResourceType: "test"}) // its own line
		}),
	}
}

func consumerTries(t *testing.T, db *store.DB, g *gateway.Gateway) []Try {
	s, ctx := store.Consumers{DB: db}, t.Context()
	return []Try{
		{"Gateway", func(o core.OrganizationID) (any, error) { return s.Gateway(ctx, o, g.ID) }},
		{"Consumers", func(o core.OrganizationID) (any, error) {
			found, err := s.Consumers(ctx, o, g.ID, gateway.ConsumerWindow{Window: firstPage})
			return found.Items, err
		}},
		{"Consumer", func(o core.OrganizationID) (any, error) { return s.Consumer(ctx, o, g.ID, "ann") }},
	}
}

func consumerWriteTries(t *testing.T, db *store.DB, d *Domain, right core.OrganizationID, g *gateway.Gateway) []Try {
	s := store.Consumers{DB: db}
	ann, err := d.Consumers.Get(t.Context(), right, g.ID, "ann")
	if err != nil {
		t.Fatal(err)
	}
	try := func(method string, do func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error)) Try {
		return Try{method, func(o core.OrganizationID) (any, error) {
			return inTx(func(fn func(gateway.ConsumerTx) error) error { return s.Tx(t.Context(), fn) },
				func(tx gateway.ConsumerTx) (any, error) { return do(tx, o) })
		}}
	}
	return []Try{
		try("LockGateway", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) { return tx.LockGateway(o, g.ID) }),
		try("LockConsumer", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) {
			return tx.LockConsumer(o, g.ID, "ann")
		}),
		try("CountConsumers", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) { return tx.CountConsumers(o, g.ID) }),
		try("PutConsumer", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) {
			c := *ann
			c.Name, c.UsagePlan = "eve", ""
			return nil, tx.PutConsumer(o, g.ID, &c)
		}),
		try("PutConsumer", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) {
			return true, tx.PutConsumer(o, g.ID, &gateway.Consumer{ID: "con_new", Name: "eve"})
		}),
		try("DeleteConsumer", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) {
			if err := tx.DeleteConsumer(o, g.ID, ann.ID); err != nil {
				return nil, err
			}
			n, err := tx.CountConsumers(right, g.ID)
			return n != 1, err
		}),
		try("SetIdentities", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) { // takes them all away
			return tx.SetIdentities(o, g, ann, nil, true)
		}),
		try("SetIdentities", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) {
			return tx.SetIdentities(o, g, ann, []gateway.IdentityRecord{{Identity: gateway.Identity{Issuer: "https://id.test", Subject: "eve"}, KID: 7}}, false)
		}),
		try("TouchKeys", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) { return tx.TouchKeys(o, ann.ID, true) }),
		try("Record", func(tx gateway.ConsumerTx, o core.OrganizationID) (any, error) {
			return nil, tx.Record(t.Context(), o, core.Change{Action: "test", ResourceType: "test"}) // its own line
		}),
	}
}

// KeyTenancy does the same for keys.
func KeyTenancy(t *testing.T, db *store.DB) {
	d := NewDomain(t, db)
	right, wrong := Organization(t, db, "right"), Organization(t, db, "wrong")
	g := d.Gateway(t, right, "shop")
	d.Consumer(t, right, g, "ann")
	k := d.Key(t, right, g, "ann").Key
	before := fingerprint(t, d, right, g)
	s, ctx := store.Keys{DB: db}, t.Context()
	WrongOrganization(t, reflect.TypeFor[apikey.Store](), wrong, []Try{
		{"TxInLine", func(o core.OrganizationID) (any, error) {
			return nil, s.TxInLine(ctx, o, func(tx apikey.Tx) error { _, err := tx.Gateway(o, g.ID); return err })
		}},
		{"Gateway", func(o core.OrganizationID) (any, error) { return s.Gateway(ctx, o, g.ID) }},
		{"Key", func(o core.OrganizationID) (any, error) { return s.Key(ctx, o, g.ID, k.KID) }},
		{"Keys", func(o core.OrganizationID) (any, error) {
			found, err := s.Keys(ctx, o, g.ID, apikey.Filter{Window: firstPage})
			return found.Items, err
		}},
	})
	try := func(method string, do func(tx apikey.Tx, o core.OrganizationID) (any, error)) Try {
		return Try{method, func(o core.OrganizationID) (any, error) {
			return inTx(func(fn func(apikey.Tx) error) error { return s.Tx(ctx, fn) },
				func(tx apikey.Tx) (any, error) { return do(tx, o) })
		}}
	}
	WrongOrganization(t, reflect.TypeFor[apikey.Tx](), wrong, []Try{
		try("Gateway", func(tx apikey.Tx, o core.OrganizationID) (any, error) { return tx.Gateway(o, g.ID) }),
		try("LockOrganization", func(tx apikey.Tx, o core.OrganizationID) (any, error) { return nil, tx.LockOrganization(o) }),
		try("TakeRoom", func(tx apikey.Tx, o core.OrganizationID) (any, error) {
			_, err := tx.TakeRoom(o, 10) // its own room
			return nil, err
		}),
		try("CountActive", func(tx apikey.Tx, o core.OrganizationID) (any, error) { return tx.CountActive(o) }),
		try("CountActiveOf", func(tx apikey.Tx, o core.OrganizationID) (any, error) { return tx.CountActiveOf(o, k.Consumer.ID) }),
		try("ConsumerNamed", func(tx apikey.Tx, o core.OrganizationID) (any, error) { return tx.ConsumerNamed(o, g.ID, "ann") }),
		try("PlanNamed", func(tx apikey.Tx, o core.OrganizationID) (any, error) { return tx.PlanNamed(o, g.ID, "gold") }),
		try("LockKey", func(tx apikey.Tx, o core.OrganizationID) (any, error) { return tx.LockKey(o, g.ID, k.KID) }),
		try("CreateKey", func(tx apikey.Tx, o core.OrganizationID) (any, error) {
			c := k // the same kid
			return nil, tx.CreateKey(o, &c)
		}),
		try("CreateKey", func(tx apikey.Tx, o core.OrganizationID) (any, error) {
			c := k
			c.KID++
			return true, tx.CreateKey(o, &c)
		}),
		try("SaveKey", func(tx apikey.Tx, o core.OrganizationID) (any, error) {
			c := k
			c.Name = "stolen"
			return nil, tx.SaveKey(o, &c)
		}),
		try("Record", func(tx apikey.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Record(ctx, o, core.Change{Action: "test", ResourceType: "test"}) // its own line
		}),
	})
	if after := fingerprint(t, d, right, g); after != before {
		t.Errorf("the wrong organization changed something:\n%s\n%s", before, after)
	}
}
