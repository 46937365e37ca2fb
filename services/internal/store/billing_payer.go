package store

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

type billingPayerRow struct {
	OrganizationID string `gorm:"primaryKey"`
	Organization   uint64
	Customer       string
	Subscription   string
	Status         string
	Plan           string
	BaseItem       string
	BasePrice      string
	Items          string
	SubscribedAt   int64
	PeriodStart    int64
	PeriodEnd      int64
	CancelAtEnd    bool
	Standing       string
	PastDueSince   int64
	Told           int
	StandingAt     int64
	SpendingCap    *int64
	PeriodBase     int64
	Credit         int64
	Tries          uint64
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (billingPayerRow) TableName() string { return "billing_accounts" }

func (r *billingPayerRow) domain() (billing.Payer, error) {
	a := billing.Payer{
		Organization: core.OrganizationID(r.OrganizationID), Num: r.Organization, Customer: r.Customer, Subscription: r.Subscription,
		Status: r.Status, Plan: r.Plan, BaseItem: r.BaseItem, BasePrice: r.BasePrice, SubscribedAt: core.FromMillis(r.SubscribedAt),
		PeriodStart: core.FromMillis(r.PeriodStart), PeriodEnd: core.FromMillis(r.PeriodEnd), CancelAtEnd: r.CancelAtEnd,
		Standing: billing.Standing(r.Standing), PastDueSince: core.FromMillis(r.PastDueSince), Told: r.Told, StandingAt: core.FromMillis(r.StandingAt),
		SpendingCap: r.SpendingCap, PeriodBase: r.PeriodBase, CreditCents: r.Credit, Tries: r.Tries, Revision: r.Revision,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
	if err := json.Unmarshal([]byte(r.Items), &a.Items); err != nil {
		return a, fmt.Errorf("decode items of payer %s: %w", r.OrganizationID, err)
	}
	return a, nil
}

func billingPayerTo(a *billing.Payer) (billingPayerRow, error) {
	items, err := json.Marshal(a.Items)
	if a.Items == nil {
		items = []byte("{}")
	}
	return billingPayerRow{
		OrganizationID: string(a.Organization), Organization: a.Num, Customer: a.Customer, Subscription: a.Subscription,
		Status: a.Status, Plan: a.Plan, BaseItem: a.BaseItem, BasePrice: a.BasePrice, Items: string(items), SubscribedAt: core.Millis(a.SubscribedAt),
		PeriodStart: core.Millis(a.PeriodStart), PeriodEnd: core.Millis(a.PeriodEnd), CancelAtEnd: a.CancelAtEnd,
		Standing: string(a.Standing), PastDueSince: core.Millis(a.PastDueSince), Told: a.Told, StandingAt: core.Millis(a.StandingAt),
		SpendingCap: a.SpendingCap, PeriodBase: a.PeriodBase, Credit: a.CreditCents, Tries: a.Tries, Revision: a.Revision,
		CreatedAt: core.Millis(a.CreatedAt), UpdatedAt: core.Millis(a.UpdatedAt),
	}, err
}

// Payer reads a payer; an organization that has none gets the zero one.
func (r *billingRows) Payer(_ context.Context, org core.OrganizationID) (billing.Payer, error) {
	var rows []billingPayerRow
	if err := r.db.Where("organization_id = ?", string(org)).Limit(1).Find(&rows).Error; err != nil {
		return billing.Payer{}, err
	}
	if len(rows) == 1 {
		return rows[0].domain()
	}
	a := billing.Payer{Organization: org, Status: billing.StatusNone, Standing: billing.StandingGood}
	err := take(r.db.Model(&organizationRow{}).Select("num").Where("id = ?", string(org)), &a.Num, "organization", string(org))
	return a, err
}

// PutPayer stores a payer whose organization is locked.
func (r *billingRows) PutPayer(_ context.Context, org core.OrganizationID, a *billing.Payer) error {
	if a.Organization != org {
		return core.NotFound("organization", string(org))
	}
	if a.CreatedAt.IsZero() {
		a.CreatedAt = core.FromMillis(r.t.Now)
	}
	a.UpdatedAt = core.FromMillis(r.t.Now)
	a.Revision++
	row, err := billingPayerTo(a)
	if err != nil {
		return fmt.Errorf("encode payer %s: %w", org, err)
	}
	return r.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "organization_id"}}, UpdateAll: true}).Create(&row).Error
}

// Try counts a change that is to be asked of the provider.
func (r *billingRows) Try(_ context.Context, org core.OrganizationID) (n uint64, err error) {
	q := r.db.Raw("UPDATE billing_accounts SET tries = tries + 1 WHERE organization_id = ? RETURNING tries", string(org)).Scan(&n)
	if q.Error == nil && q.RowsAffected == 0 {
		return 0, core.NotFound("payer", string(org))
	}
	return n, q.Error
}
