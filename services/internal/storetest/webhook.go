package storetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/webhook"
)

// WebhookTenancy tries every method of the webhook store with the wrong organization,
// and checks that nothing of the right one changed.
func WebhookTenancy(t *testing.T, db *store.DB) {
	d := NewDomain(t, db)
	right, wrong := Organization(t, db, "right"), Organization(t, db, "wrong")
	g := d.Gateway(t, right, "shop")
	d.Consumer(t, right, g, "ann")
	s, ctx := store.Webhooks{DB: db}, t.Context()
	hook := &webhook.Webhook{ID: core.NewID("webhook"), Organization: right, Gateway: g.ID, Secret: []byte("sealed"), Spec: webhook.Spec{
		Name: "hook", URL: "https://hooks.example.com", Events: []string{event.All},
	}}
	if err := s.Tx(ctx, func(tx webhook.Tx) error { return tx.Put(right, hook) }); err != nil {
		t.Fatal(err)
	}
	d.Key(t, right, g, "ann") // a delivery
	sent, err := s.Deliveries(ctx, right, hook.ID, "", 10)
	if err != nil || len(sent) != 1 {
		t.Fatalf("%d deliveries, %v", len(sent), err)
	}
	seen := func() string {
		hooks, err1 := s.Webhooks(ctx, right, g.ID, firstPage, "")
		sent, err2 := s.Deliveries(ctx, right, hook.ID, "", 10)
		b, err3 := json.Marshal([]any{hooks.Items, sent})
		return fmt.Sprintf("%s %v %v %v", b, err1, err2, err3)
	}
	before := seen()
	soon := time.Now().Add(time.Hour)
	WrongOrganization(t, reflect.TypeFor[webhook.Store](), wrong, []Try{
		{"Gateway", func(o core.OrganizationID) (any, error) { id, _, err := s.Gateway(ctx, o, g.ID); return id, err }},
		{"Webhooks", func(o core.OrganizationID) (any, error) {
			found, err := s.Webhooks(ctx, o, g.ID, firstPage, "")
			return found.Items, err
		}},
		{"Deliveries", func(o core.OrganizationID) (any, error) { return s.Deliveries(ctx, o, hook.ID, "", 10) }},
		{"EndingKeys", func(o core.OrganizationID) (any, error) {
			return s.EndingKeys(ctx, o, g.ID, time.Unix(1, 0), soon.AddDate(10, 0, 0), 10)
		}},
		{"Tell", func(o core.OrganizationID) (any, error) {
			return nil, s.Tell(ctx, o, g.ID, webhook.Ending{Ref: "key 1", At: soon, Event: event.Event{Type: event.KeyExpiring, About: event.Key{}}})
		}},
	})
	try := func(method string, do func(tx webhook.Tx, o core.OrganizationID) (any, error)) Try {
		return Try{method, func(o core.OrganizationID) (any, error) {
			return inTx(func(fn func(webhook.Tx) error) error { return s.Tx(ctx, fn) }, func(tx webhook.Tx) (any, error) { return do(tx, o) })
		}}
	}
	WrongOrganization(t, reflect.TypeFor[webhook.Tx](), wrong, []Try{
		try("LockGateway", func(tx webhook.Tx, o core.OrganizationID) (any, error) { return nil, tx.LockGateway(o, g.ID) }),
		try("Count", func(tx webhook.Tx, o core.OrganizationID) (any, error) { return tx.Count(o, g.ID) }),
		try("Find", func(tx webhook.Tx, o core.OrganizationID) (any, error) { return tx.Find(o, g.ID, "hook") }),
		try("Lock", func(tx webhook.Tx, o core.OrganizationID) (any, error) { return tx.Lock(o, hook.ID) }),
		try("Put", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			w := *hook
			w.Spec.URL = "https://thief.example.com"
			return nil, tx.Put(o, &w)
		}),
		try("Put", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			w := *hook
			w.ID, w.Revision, w.Spec.Name = core.NewID("webhook"), 0, "spy"
			return true, tx.Put(o, &w)
		}),
		try("SaveState", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			w := *hook
			w.State.Delivered = 7
			return nil, tx.SaveState(o, &w)
		}),
		try("Delete", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			if err := tx.Delete(o, hook.ID); err != nil {
				return nil, err
			}
			n, err := tx.Count(right, g.ID)
			return n != 1, err
		}),
		try("Delivery", func(tx webhook.Tx, o core.OrganizationID) (any, error) { return tx.Delivery(o, hook.ID, sent[0].ID) }),
		try("AddDelivery", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			d := sent[0]
			d.ID = "evt_new"
			return true, tx.AddDelivery(o, &d)
		}),
		try("SaveDelivery", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			d := sent[0]
			d.State = webhook.DeliveryCanceled
			return tx.SaveDelivery(o, &d, webhook.DeliveryWaiting, 0)
		}),
		try("CancelWaiting", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			if err := tx.CancelWaiting(o, hook.ID, "stolen"); err != nil {
				return nil, err
			}
			d, err := tx.Delivery(right, hook.ID, sent[0].ID)
			return err == nil && d.State != webhook.DeliveryWaiting, err
		}),
		try("Owners", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			_, err := tx.Owners(o) // its own
			return nil, err
		}),
		try("Record", func(tx webhook.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Record(ctx, o, core.Change{
				Action: "test", ResourceType: "test", Gateway: g.ID, Events: []event.Event{{Type: event.KeyRevoked, About: event.Key{ID: "key_" + contract.FormatKID(1)}}},
			}) // its own line, and no delivery of the other's
		}),
	})
	if after := seen(); after != before {
		t.Errorf("the wrong organization changed something:\n%s\n%s", before, after)
	}
}
