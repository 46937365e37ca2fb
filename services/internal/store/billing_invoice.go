package store

import (
	"context"
	"reflect"
	"time"

	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

type billingInvoiceRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	Organization   uint64
	Number         string
	Status         string
	Currency       string
	Subscription   string
	Reason         string
	PeriodStart    int64
	PeriodEnd      int64
	FinalizedAt    int64
	PaidAt         int64
	DueAt          int64
	Subtotal       int64
	Tax            int64
	Total          int64
	AmountDue      int64
	AmountPaid     int64
	HostedURL      string `gorm:"column:hosted_url"`
	PDFURL         string `gorm:"column:pdf_url"`
	Attempts       int
	NextAttempt    int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (billingInvoiceRow) TableName() string { return "billing_invoices" }

func (r *billingInvoiceRow) domain() billing.Invoice {
	return billing.Invoice{
		ID: r.ID, Number: r.Number, Status: r.Status, Currency: r.Currency, Subscription: r.Subscription, Reason: r.Reason,
		PeriodStart: core.FromMillis(r.PeriodStart), PeriodEnd: core.FromMillis(r.PeriodEnd), Created: core.FromMillis(r.CreatedAt),
		FinalizedAt: core.FromMillis(r.FinalizedAt), PaidAt: core.FromMillis(r.PaidAt), DueAt: core.FromMillis(r.DueAt),
		Subtotal: r.Subtotal, Tax: r.Tax, Total: r.Total, AmountDue: r.AmountDue, AmountPaid: r.AmountPaid,
		HostedURL: r.HostedURL, PDFURL: r.PDFURL, Attempts: r.Attempts, NextAttempt: core.FromMillis(r.NextAttempt),
		UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
}

type billingLineRow struct {
	Invoice     string `gorm:"primaryKey"`
	Line        string `gorm:"primaryKey"`
	Position    int
	Kind        string
	Plan        string
	Description string
	Quantity    int64
	Amount      int64
	PeriodStart int64
	PeriodEnd   int64
	Key         string
}

func (billingLineRow) TableName() string { return "billing_invoice_lines" }

func (r *billingLineRow) domain() billing.Line {
	return billing.Line{
		ID: r.Line, Kind: r.Kind, Plan: r.Plan, Description: r.Description, Quantity: r.Quantity, Amount: r.Amount,
		PeriodStart: core.FromMillis(r.PeriodStart), PeriodEnd: core.FromMillis(r.PeriodEnd), Key: r.Key,
	}
}

// Invoices lists invoices that are no drafts, the newest first.
func (r *billingRows) Invoices(_ context.Context, org core.OrganizationID, before string, limit int) ([]billing.Invoice, error) {
	q := r.db.Where("organization_id = ? AND status <> ?", string(org), billing.InvoiceDraft)
	if before != "" {
		var last billingInvoiceRow
		err := take(r.db.Where("organization_id = ? AND id = ?", string(org), before), &last, "invoice", before)
		if err != nil {
			return nil, err
		}
		q = q.Where("created_at < ? OR created_at = ? AND id < ?", last.CreatedAt, last.CreatedAt, last.ID)
	}
	var rows []billingInvoiceRow
	err := q.Order("created_at DESC, id DESC").Limit(limit).Find(&rows).Error
	return convert(rows, (*billingInvoiceRow).domain), err
}

// Invoice finds one with its lines.
func (r *billingRows) Invoice(_ context.Context, org core.OrganizationID, id string) (billing.Invoice, error) {
	var row billingInvoiceRow
	err := take(r.db.Where("organization_id = ? AND id = ? AND status <> ?", string(org), id, billing.InvoiceDraft), &row, "invoice", id)
	if err != nil {
		return billing.Invoice{}, err
	}
	var lines []billingLineRow
	if err := r.db.Where("invoice = ?", id).Order("position").Find(&lines).Error; err != nil {
		return billing.Invoice{}, err
	}
	out := row.domain()
	out.Lines = convert(lines, (*billingLineRow).domain)
	return out, nil
}

// Unpaid lists invoices for which money is owed, the oldest first.
func (r *billingRows) Unpaid(_ context.Context, org core.OrganizationID) ([]billing.Invoice, error) {
	var rows []billingInvoiceRow
	err := r.db.Where("organization_id = ? AND status IN ? AND amount_due > amount_paid", string(org),
		[]string{billing.InvoiceOpen, billing.InvoiceUncollectible}).Order("created_at, id").Find(&rows).Error
	return convert(rows, (*billingInvoiceRow).domain), err
}

// OldestOpen is when the oldest invoice was made that may still change.
func (r *billingRows) OldestOpen(_ context.Context, org core.OrganizationID) (time.Time, error) {
	var ms int64
	err := r.db.Model(&billingInvoiceRow{}).Select("COALESCE(MIN(created_at), 0)").Where("organization_id = ? AND status IN ?", string(org),
		[]string{billing.InvoiceDraft, billing.InvoiceOpen, billing.InvoiceUncollectible}).Scan(&ms).Error
	return core.FromMillis(ms), err
}

// PutInvoice stores an invoice with its lines where something of it is new.
func (r *billingRows) PutInvoice(_ context.Context, org core.OrganizationID, i *billing.Invoice) (string, error) {
	var num uint64
	if err := take(r.db.Model(&organizationRow{}).Select("num").Where("id = ?", string(org)), &num, "organization", string(org)); err != nil {
		return "", err
	}
	row := billingInvoiceRow{
		ID: i.ID, OrganizationID: string(org), Organization: num, Number: i.Number, Status: i.Status, Currency: i.Currency,
		Subscription: i.Subscription, Reason: i.Reason, PeriodStart: core.Millis(i.PeriodStart), PeriodEnd: core.Millis(i.PeriodEnd),
		FinalizedAt: core.Millis(i.FinalizedAt), PaidAt: core.Millis(i.PaidAt), DueAt: core.Millis(i.DueAt),
		Subtotal: i.Subtotal, Tax: i.Tax, Total: i.Total, AmountDue: i.AmountDue, AmountPaid: i.AmountPaid,
		HostedURL: i.HostedURL, PDFURL: i.PDFURL, Attempts: i.Attempts, NextAttempt: core.Millis(i.NextAttempt),
		CreatedAt: core.Millis(i.Created), UpdatedAt: r.t.Now,
	}
	lines := make([]billingLineRow, len(i.Lines))
	for n := range i.Lines {
		l := &i.Lines[n]
		lines[n] = billingLineRow{
			Invoice: i.ID, Line: l.ID, Position: n, Kind: l.Kind, Plan: l.Plan, Description: l.Description, Quantity: l.Quantity, Amount: l.Amount,
			PeriodStart: core.Millis(l.PeriodStart), PeriodEnd: core.Millis(l.PeriodEnd), Key: l.Key,
		}
	}
	var had []billingInvoiceRow
	if err := r.db.Where("id = ?", i.ID).Limit(1).Find(&had).Error; err != nil {
		return "", err
	}
	before := ""
	if len(had) == 1 {
		if had[0].OrganizationID != string(org) {
			return "", core.NotFound("invoice", i.ID)
		}
		before = had[0].Status
		var old []billingLineRow
		if err := r.db.Where("invoice = ?", i.ID).Order("position").Find(&old).Error; err != nil {
			return "", err
		}
		had[0].UpdatedAt = row.UpdatedAt
		if had[0] == row && (reflect.DeepEqual(old, lines) || len(old)+len(lines) == 0) {
			return before, nil
		}
	}
	if err := r.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, UpdateAll: true}).Create(&row).Error; err != nil {
		return "", err
	}
	if err := r.db.Where("invoice = ?", i.ID).Delete(&billingLineRow{}).Error; err != nil || len(lines) == 0 {
		return before, err
	}
	return before, r.db.CreateInBatches(lines, 200).Error
}

// DropDrafts removes drafts that the provider no longer has. What has become of our
// lines on them is looked at next.
func (r *billingRows) DropDrafts(_ context.Context, org core.OrganizationID, since time.Time, there []string) error {
	var gone []string
	q := r.db.Model(&billingInvoiceRow{}).Where("organization_id = ? AND status = ? AND created_at >= ?", string(org), billing.InvoiceDraft, core.Millis(since))
	if len(there) > 0 {
		q = q.Where("id NOT IN ?", there)
	}
	if err := q.Pluck("id", &gone).Error; err != nil || len(gone) == 0 {
		return err
	}
	err := r.db.Exec("UPDATE billing_adjustments SET bill_at = 1 WHERE organization_id = ? AND dropped_at = 0 AND key IN (SELECT key FROM billing_invoice_lines WHERE invoice IN ? AND key <> '')", string(org), gone).Error
	if err != nil {
		return err
	}
	if err := r.db.Where("invoice IN ?", gone).Delete(&billingLineRow{}).Error; err != nil {
		return err
	}
	return r.db.Where("id IN ?", gone).Delete(&billingInvoiceRow{}).Error
}
