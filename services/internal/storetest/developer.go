package storetest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
)

// DeveloperWorld is one of everything of a developer portal.
type DeveloperWorld struct {
	Gateway     *gateway.Gateway
	Portal      developer.Portal
	Developer   developer.Developer
	Application developer.Application
	Session     developer.Session
	Link        developer.Link
}

// NewDeveloperWorld stores a published portal with a developer who has the plan
// "gold", an open application, a session and a link.
func NewDeveloperWorld(t testing.TB, db *store.DB, d *Domain, org core.OrganizationID, name string) *DeveloperWorld {
	t.Helper()
	now := core.FromMillis(core.Millis(time.Now()))
	w := &DeveloperWorld{Gateway: d.Gateway(t, org, name)}
	w.Portal = developer.Portal{
		Gateway:  developer.Gateway{Organization: org, ID: w.Gateway.ID, GatewayName: name, Label: w.Gateway.Label},
		Settings: developer.Settings{Published: true, Name: name, Plans: []developer.Offer{{UsagePlan: "gold"}}},
	}
	w.Developer = developer.Developer{ID: core.NewID("dev"), Organization: org, Gateway: w.Gateway.ID, Email: "Dev@example.com", Name: "Dev", PasswordHash: "x", VerifiedAt: now}
	w.Application = developer.Application{
		ID: core.NewID("app"), Organization: org, Gateway: w.Gateway.ID, Developer: w.Developer.ID, UsagePlan: "gold", Message: "please",
		State: developer.Pending, CreatedAt: now,
	}
	w.Session = developer.Session{
		Hash: []byte("session of " + name), ID: core.NewID("dse"), Organization: org, Gateway: w.Gateway.ID, Developer: w.Developer.ID,
		ExpiresAt: now.Add(time.Hour), SeenAt: now, CreatedAt: now,
	}
	w.Link = developer.Link{
		Hash: []byte("link of " + name), Kind: "verify", Organization: org, Gateway: w.Gateway.ID, Developer: w.Developer.ID, ExpiresAt: now.Add(time.Hour),
	}
	err := store.Developers{DB: db}.Tx(t.Context(), func(tx developer.Tx) error {
		ctx := t.Context()
		p, dev, a, s, l := w.Portal, w.Developer, w.Application, w.Session, w.Link // the closure may run again
		for _, do := range []func() error{
			func() error { return tx.PutPortal(ctx, org, &p) },
			func() error { return tx.PutLogo(ctx, org, p.ID, []byte("png")) },
			func() error { return tx.PutDocument(ctx, org, p.ID, []byte("{}")) },
			func() error { return tx.InsertDeveloper(ctx, org, &dev) },
			func() error {
				done, err := tx.GrantPlan(ctx, org, developer.Grant{Gateway: p.ID, Consumer: "dev-1", UsagePlan: "gold", Metadata: []byte(`{}`)})
				dev.ConsumerID = done.ConsumerID
				return err
			},
			func() error { return tx.UpdateDeveloper(ctx, org, &dev) },
			func() error { return tx.InsertApplication(ctx, org, &a) },
			func() error { return tx.PutSession(ctx, org, &s) },
			func() error { return tx.PutLink(ctx, org, &l) },
		} {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Fingerprint is everything that can be read of the world, as text.
func (w *DeveloperWorld) Fingerprint(t testing.TB, db *store.DB) string {
	t.Helper()
	var text string
	err := store.Developers{DB: db}.View(t.Context(), func(r developer.Rows) error {
		ctx, org, g := t.Context(), w.Gateway.Organization, w.Gateway.ID
		p, err := r.FindPortal(ctx, org, g)
		if err != nil {
			return err
		}
		logo, err := r.Logo(ctx, org, g)
		if err != nil {
			return err
		}
		doc, err := r.Document(ctx, org, g)
		if err != nil {
			return err
		}
		devs, err := r.ListDevelopers(ctx, org, g, "", 100)
		if err != nil {
			return err
		}
		apps, err := r.ListApplications(ctx, org, g, "", "", 100)
		if err != nil {
			return err
		}
		s, err := r.FindSession(ctx, org, g, w.Session.Hash, w.Session.CreatedAt)
		text = fmt.Sprintf("%+v\n%s\n%s\n%+v\n%+v\n%+v", p, logo, doc, devs, apps, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// DeveloperTenancy tries every method of the developer store with the wrong
// organization, and checks that nothing of the right one changed.
func DeveloperTenancy(t *testing.T, db *store.DB) {
	d := NewDomain(t, db)
	right, wrong := Organization(t, db, "right"), Organization(t, db, "wrong")
	w := NewDeveloperWorld(t, db, d, right, "shop")
	before := w.Fingerprint(t, db)
	WrongOrganization(t, reflect.TypeFor[developer.Tx](), wrong, developerTries(t, db, w))
	if after := w.Fingerprint(t, db); after != before {
		t.Errorf("the wrong organization changed something:\n%s\n%s", before, after)
	}
}

func developerTries(t *testing.T, db *store.DB, w *DeveloperWorld) []Try {
	s, g := store.Developers{DB: db}, w.Gateway.ID
	ctx := t.Context()
	try := func(method string, do func(tx developer.Tx, o core.OrganizationID) (any, error)) Try {
		return Try{method, func(o core.OrganizationID) (any, error) {
			return inTx(func(fn func(developer.Tx) error) error { return s.Tx(ctx, fn) },
				func(tx developer.Tx) (any, error) { return do(tx, o) })
		}}
	}
	// still is a try of a deletion: it must leave what the right organization sees.
	still := func(tx developer.Tx, err error, see func(developer.Tx) error) (any, error) {
		if err != nil {
			return nil, err
		}
		return see(tx) != nil, nil
	}
	session := func(tx developer.Tx) error {
		_, err := tx.FindSession(ctx, w.Gateway.Organization, g, w.Session.Hash, w.Session.CreatedAt)
		return err
	}
	application := func(tx developer.Tx) error {
		_, err := tx.FindApplication(ctx, w.Gateway.Organization, g, w.Application.ID)
		return err
	}
	return append(developerReads(ctx, w, try), []Try{
		try("LockGateway", func(tx developer.Tx, o core.OrganizationID) (any, error) { return nil, tx.LockGateway(ctx, o, g) }),
		try("PutPortal", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			p := w.Portal
			p.Revision, p.Settings.Name = 1, "stolen"
			return true, tx.PutPortal(ctx, o, &p)
		}),
		try("PutPortal", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			p := w.Portal
			p.Revision = 0
			return true, tx.PutPortal(ctx, o, &p)
		}),
		try("PutLogo", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return true, tx.PutLogo(ctx, o, g, []byte("x"))
		}),
		try("PutDocument", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return true, tx.PutDocument(ctx, o, g, []byte("x"))
		}),
		try("InsertDeveloper", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			d := w.Developer
			d.ID, d.Email = core.NewID("dev"), "eve@example.com"
			return true, tx.InsertDeveloper(ctx, o, &d)
		}),
		try("UpdateDeveloper", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			d := w.Developer
			d.PasswordHash = "stolen"
			return true, tx.UpdateDeveloper(ctx, o, &d)
		}),
		try("DeleteDeveloper", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return true, tx.DeleteDeveloper(ctx, o, g, w.Developer.ID)
		}),
		try("InsertApplication", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			a := w.Application
			a.ID = core.NewID("app")
			return true, tx.InsertApplication(ctx, o, &a)
		}),
		try("DecideApplication", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			a := w.Application
			a.State = developer.Approved
			return true, tx.DecideApplication(ctx, o, &a)
		}),
		try("WithdrawApplications", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			if _, err := tx.WithdrawApplications(ctx, o, g, w.Developer.ID); err != nil {
				return nil, err
			}
			return still(tx, nil, application)
		}),
		try("GrantPlan", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.GrantPlan(ctx, o, developer.Grant{Gateway: g, Consumer: "dev-1", UsagePlan: "gold", Metadata: []byte(`{}`)})
		}),
		try("DropConsumer", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.DropConsumer(ctx, o, g, "dev-1") }),
		try("PutSession", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			v := w.Session
			v.Hash, v.ID = []byte("forged"), core.NewID("dse")
			return true, tx.PutSession(ctx, o, &v)
		}),
		try("TouchSession", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return still(tx, tx.TouchSession(ctx, o, w.Session.Hash, w.Session.SeenAt.Add(time.Hour)), session)
		}),
		try("DeleteSession", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return still(tx, tx.DeleteSession(ctx, o, w.Session.Hash), session)
		}),
		try("DeleteSessions", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return still(tx, tx.DeleteSessions(ctx, o, w.Developer.ID, ""), session)
		}),
		try("PutLink", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			l := w.Link
			l.Hash = []byte("forged")
			return true, tx.PutLink(ctx, o, &l)
		}),
		try("TakeLink", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.TakeLink(ctx, o, g, w.Link.Kind, w.Link.Hash, w.Session.CreatedAt)
		}),
		try("Record", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Record(ctx, o, core.Change{Action: "test", ResourceType: "test"}) // its own line
		}),
	}...)
}

func developerReads(ctx context.Context, w *DeveloperWorld, try func(string, func(developer.Tx, core.OrganizationID) (any, error)) Try) []Try {
	g := w.Gateway.ID
	return []Try{
		try("FindPortal", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.FindPortal(ctx, o, g) }),
		try("Logo", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.Logo(ctx, o, g) }),
		try("Document", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.Document(ctx, o, g) }),
		try("CountDevelopers", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.CountDevelopers(ctx, o, g) }),
		try("FindDeveloper", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.FindDeveloper(ctx, o, g, w.Developer.ID)
		}),
		try("FindDeveloperByEmail", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.FindDeveloperByEmail(ctx, o, g, "dev@example.com")
		}),
		try("ListDevelopers", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.ListDevelopers(ctx, o, g, "", 10) }),
		try("CountPending", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.CountPending(ctx, o, g) }),
		try("FindApplication", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.FindApplication(ctx, o, g, w.Application.ID)
		}),
		try("LastApplication", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.LastApplication(ctx, o, g, w.Developer.ID)
		}),
		try("ListApplications", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.ListApplications(ctx, o, g, "", "", 10)
		}),
		try("FindSession", func(tx developer.Tx, o core.OrganizationID) (any, error) {
			return tx.FindSession(ctx, o, g, w.Session.Hash, w.Session.CreatedAt)
		}),
		try("CountConsumers", func(tx developer.Tx, o core.OrganizationID) (any, error) { return tx.CountConsumers(ctx, o, g) }),
	}
}
