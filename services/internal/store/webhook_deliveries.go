package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/webhook"
)

type webhookDeliveryRow struct {
	WebhookID      string `gorm:"primaryKey"`
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	Type           string
	Body           []byte
	State          string
	Attempts       int
	StatusCode     int
	Error          string
	Answer         string
	TookUS         int64 `gorm:"column:took_us"`
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	LastAt         int64
	NextAt         int64
}

func (webhookDeliveryRow) TableName() string { return "webhook_deliveries" }

func (r *webhookDeliveryRow) domain() webhook.Delivery {
	d := webhook.Delivery{
		Webhook: r.WebhookID, ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Type: r.Type, Body: r.Body, State: r.State,
		Attempts: r.Attempts, StatusCode: r.StatusCode, Error: r.Error, Answer: r.Answer, Took: time.Duration(r.TookUS) * time.Microsecond,
		CreatedAt: core.FromMillis(r.CreatedAt), LastAt: core.FromMillis(r.LastAt),
	}
	if r.State == webhook.DeliveryWaiting {
		d.NextAt = core.FromMillis(r.NextAt)
	}
	return d
}

// Deliveries lists a webhook's deliveries, newest first.
func (s Webhooks) Deliveries(ctx context.Context, org core.OrganizationID, hook, before string, limit int) ([]webhook.Delivery, error) {
	var rows []webhookDeliveryRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		q := db.Where("organization_id = ? AND webhook_id = ?", string(org), hook)
		if before != "" {
			q = q.Where("id < ?", before)
		}
		return q.Order("id DESC").Limit(limit).Find(&rows).Error
	})
	return convert(rows, (*webhookDeliveryRow).domain), err
}

func (t webhookTx) Delivery(org core.OrganizationID, hook, id string) (*webhook.Delivery, error) {
	var row webhookDeliveryRow
	err := t.Where("organization_id = ? AND webhook_id = ? AND id = ?", string(org), hook, id).Take(&row).Error
	if isMissing(err) {
		return nil, core.NotFound("delivery", id)
	}
	if err != nil {
		return nil, err
	}
	d := row.domain()
	return &d, nil
}

func (t webhookTx) AddDelivery(org core.OrganizationID, d *webhook.Delivery) error {
	var mine int64
	if err := t.Table("webhooks").Where("organization_id = ? AND id = ?", string(org), d.Webhook).Count(&mine).Error; err != nil {
		return err
	}
	if mine == 0 {
		return ErrGone
	}
	return t.Create(&webhookDeliveryRow{
		WebhookID: d.Webhook, ID: d.ID, OrganizationID: string(org), Type: d.Type, Body: d.Body, State: d.State, Attempts: d.Attempts,
		StatusCode: d.StatusCode, Error: clean(d.Error), Answer: clean(d.Answer), TookUS: d.Took.Microseconds(),
		CreatedAt: core.Millis(d.CreatedAt), LastAt: millis(d.LastAt), NextAt: millis(d.NextAt),
	}).Error
}

func (t webhookTx) SaveDelivery(org core.OrganizationID, d *webhook.Delivery, state string, attempts int) (bool, error) {
	r := t.Table("webhook_deliveries").
		Where("organization_id = ? AND webhook_id = ? AND id = ? AND state = ? AND attempts = ?", string(org), d.Webhook, d.ID, state, attempts).
		Updates(map[string]any{
			"state": d.State, "attempts": d.Attempts, "status_code": d.StatusCode, "error": clean(d.Error), "answer": clean(d.Answer),
			"took_us": d.Took.Microseconds(), "last_at": millis(d.LastAt), "next_at": millis(d.NextAt),
		})
	return r.RowsAffected == 1, r.Error
}

func (t webhookTx) CancelWaiting(org core.OrganizationID, hook, why string) error {
	return t.Table("webhook_deliveries").Where("organization_id = ? AND webhook_id = ? AND state = ?", string(org), hook, webhook.DeliveryWaiting).
		Updates(map[string]any{"state": webhook.DeliveryCanceled, "error": clean(why), "next_at": 0}).Error
}
