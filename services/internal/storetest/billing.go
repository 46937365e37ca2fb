package storetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
)

// BillingTenancy tries every method of the billing store with the wrong
// organization, and checks that nothing of the right one changed.
func BillingTenancy(t *testing.T, db *store.DB) {
	right, wrong := NewAccount(t, db, "right"), NewAccount(t, db, "wrong")
	s, ctx := store.Billing{DB: db}, t.Context()
	before := right.Fingerprint(t, db)
	try := func(method string, do func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error)) Try {
		return Try{method, func(o core.OrganizationID) (any, error) {
			return inTx(func(fn func(billing.Tx) error) error { return s.Tx(ctx, fn) },
				func(tx billing.Tx) (any, error) { return do(ctx, tx, o) })
		}}
	}
	const invoice, customer = "in_1", "cus_1"
	err := s.Tx(ctx, func(tx billing.Tx) error {
		org := right.Organization.ID
		p, err := tx.Payer(ctx, org)
		if err != nil {
			return err
		}
		p.Customer = customer
		_, put := tx.PutInvoice(ctx, org, &billing.Invoice{ID: invoice, Status: billing.InvoiceOpen, AmountDue: 5, Created: right.Organization.CreatedAt, Lines: []billing.Line{{ID: "il_1", Amount: 5}}})
		credit := tx.AddCredit(ctx, org, &billing.Credit{ID: "cr_1", Cents: 5, NextAt: time.Now()})
		return errors.Join(put, credit, tx.PutPayer(ctx, org, &p), tx.Mark(ctx, org, customer, "event", time.Now()))
	})
	if err != nil {
		t.Fatal(err)
	}
	credit, err := s.TakeOutgoing(ctx, "credit:cr_1", time.Now(), time.Now().Add(time.Hour))
	if err != nil || credit.Organization != right.Organization.ID {
		t.Fatal(credit, err)
	}
	WrongOrganization(t, reflect.TypeFor[billing.Tx](), wrong.Organization.ID, []Try{
		try("Tenant", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			got, err := tx.Tenant(ctx, o)
			if got.ID == o {
				return nil, err // its own
			}
			return got, err
		}),
		try("NoteShare", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			_, err := tx.NoteShare(ctx, o, right.Organization.PeriodStart, "cap_80")
			return nil, err // its own
		}),
		try("Payer", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			got, err := tx.Payer(ctx, o)
			if got.Organization == o {
				return nil, err // its own
			}
			return got, err
		}),
		try("Invoices", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return tx.Invoices(ctx, o, "", 10)
		}),
		try("Invoices", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return tx.Invoices(ctx, o, invoice, 10)
		}),
		try("Invoice", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			got, err := tx.Invoice(ctx, o, invoice)
			if got.ID == "" {
				return nil, err
			}
			return got, err
		}),
		try("Unpaid", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) { return tx.Unpaid(ctx, o) }),
		try("OldestOpen", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return tx.OldestOpen(ctx, o)
		}),
		try("Payers", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			list, err := tx.Payers(ctx, o)
			return slices.DeleteFunc(list, func(to string) bool { return to == wrong.User.Email }), err
		}),
		try("WaitingCredit", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return tx.WaitingCredit(ctx, o)
		}),
		try("PutInvoice", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return tx.PutInvoice(ctx, o, &billing.Invoice{ID: invoice, Status: billing.InvoiceVoid})
		}),
		try("Try", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			_, err := tx.Try(ctx, o) // its own, if it has one
			return nil, err
		}),
		try("PutGaps", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.PutGaps(ctx, o, 5, []billing.Period{{Start: 5, End: 7}}) // its own
		}),
		try("DropDrafts", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DropDrafts(ctx, o, time.Time{}, nil) // its own
		}),
		try("Suspend", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			_, err := tx.Suspend(ctx, o, "x", true) // its own
			return nil, err
		}),
		try("AddCredit", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.AddCredit(ctx, o, &billing.Credit{ID: core.NewID("cr"), Cents: 5}) // its own
		}),
		try("Mark", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Mark(ctx, o, customer, "event", time.Now())
		}),
		try("RetryOutgoing", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.RetryOutgoing(ctx, o, &credit, time.Now())
		}),
		try("RetryOutgoing", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.RetryOutgoing(ctx, o, &billing.Outgoing{ID: "customer:" + customer, Kind: billing.OutgoingCustomer, Organization: right.Organization.ID}, time.Now())
		}),
		try("DropOutgoing", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DropOutgoing(ctx, o, &credit)
		}),
		try("PutTenant", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			t, err := tx.Tenant(ctx, right.Organization.ID)
			if err != nil {
				return nil, err
			}
			t.Plan = "stolen"
			return nil, tx.PutTenant(ctx, o, &t)
		}),
		try("PutPayer", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			p, err := tx.Payer(ctx, right.Organization.ID)
			if err != nil {
				return nil, err
			}
			p.Customer = "cus_stolen"
			return nil, tx.PutPayer(ctx, o, &p)
		}),
		try("Record", func(ctx context.Context, tx billing.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Record(ctx, o, core.Change{Action: "a.b"}) // its own log
		}),
	})
	if of, err := s.Outgoing(ctx, wrong.Organization.ID, "", 10); err != nil || len(of) != 0 {
		t.Errorf("the wrong organization has %+v going out, %v", of, err)
	}
	if now, err := s.FindOutgoing(ctx, credit.ID); err != nil || now.Fence != credit.Fence {
		t.Errorf("the wrong organization changed a credit to %+v, %v", now, err)
	}
	err = s.View(ctx, func(r billing.Rows) error {
		i, err := r.Invoice(ctx, right.Organization.ID, invoice)
		if i.Status != billing.InvoiceOpen || len(i.Lines) != 1 {
			t.Errorf("the wrong organization changed an invoice to %+v", i)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := right.Fingerprint(t, db); after != before {
		t.Errorf("the wrong organization changed something:\n%s\n%s", before, after)
	}
}
