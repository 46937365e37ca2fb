package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/webhook"
)

// Webhooks implements webhook.Store.
type Webhooks struct{ DB *DB }

var _ webhook.Store = Webhooks{}

type webhookRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Name           string
	Description    string
	Enabled        bool
	DisabledReason string
	DisabledAt     int64
	URL            string
	Events         string
	Secret         []byte
	OldSecret      []byte
	OldUntil       int64
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`

	// Joined, never written.
	GatewayName  string `gorm:"->"`
	LastSuccess  int64  `gorm:"->"`
	LastFailure  int64  `gorm:"->"`
	Error        string `gorm:"->"`
	StatusCode   int    `gorm:"->"`
	Failures     int    `gorm:"->"`
	FailingSince int64  `gorm:"->"`
	Delivered    int64  `gorm:"->"`
	Dropped      int64  `gorm:"->"`
	Waiting      int64  `gorm:"->"`
}

func (webhookRow) TableName() string { return "webhooks" }

func (r *webhookRow) domain() webhook.Webhook {
	return webhook.Webhook{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Gateway: r.GatewayID, GatewayName: r.GatewayName,
		Spec: webhook.Spec{
			Name: r.Name, Description: r.Description, Enabled: &r.Enabled, URL: r.URL, Events: strings.Fields(r.Events),
		},
		DisabledReason: r.DisabledReason, DisabledAt: core.FromMillis(r.DisabledAt),
		Secret: r.Secret, OldSecret: r.OldSecret, OldUntil: core.FromMillis(r.OldUntil), Revision: r.Revision,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
		State: webhook.State{
			LastSuccess: core.FromMillis(r.LastSuccess), LastFailure: core.FromMillis(r.LastFailure), Error: r.Error, StatusCode: r.StatusCode,
			Failures: r.Failures, FailingSince: core.FromMillis(r.FailingSince), Delivered: r.Delivered, Dropped: r.Dropped, Waiting: r.Waiting,
		},
	}
}

// joinEvents is how types of events are stored: between spaces, so that one can be
// looked for.
func joinEvents(types []string) string { return " " + strings.Join(types, " ") + " " }

// wantsEvent is the condition that a webhook is told of a type, which it gets as
// eventPattern.
const wantsEvent = "(webhooks.events = ' * ' OR webhooks.events LIKE ?)"

// eventPattern finds a type, which holds nothing that LIKE would read.
func eventPattern(typ string) string { return "% " + typ + " %" }

// webhooks selects webhooks with their states and gateways.
func webhooks(db *gorm.DB, more string) *gorm.DB {
	return db.Table("webhooks").Select(`webhooks.*, gateways.name AS gateway_name, s.last_success, s.last_failure, s.error, s.status_code,
		s.failures, s.failing_since, s.delivered, s.dropped` + more).
		Joins("JOIN gateways ON gateways.id = webhooks.gateway_id").
		Joins("JOIN webhook_states s ON s.webhook_id = webhooks.id")
}

func readWebhooks(q *gorm.DB) ([]webhook.Webhook, error) {
	var rows []webhookRow
	err := q.Find(&rows).Error
	return convert(rows, (*webhookRow).domain), err
}

// Tx runs fn in one transaction.
func (s Webhooks) Tx(ctx context.Context, fn func(webhook.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(webhookTx{t}) })
}

// Gateway finds by id or name.
func (s Webhooks) Gateway(ctx context.Context, org core.OrganizationID, ref string) (id, name string, err error) {
	g, err := Gateways(s).Gateway(ctx, org, ref)
	if err != nil {
		return "", "", err
	}
	return g.ID, g.Name, nil
}

// Webhooks finds a page of webhooks.
func (s Webhooks) Webhooks(ctx context.Context, org core.OrganizationID, gateway string, w core.Window, name string) (core.Found[webhook.Webhook], error) {
	var out core.Found[webhook.Webhook]
	const waiting = ", (SELECT COUNT(*) FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id AND d.state = 'waiting') AS waiting"
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = pageByName(&w, "webhooks", name, func() *gorm.DB {
			return webhooks(db, waiting).Where("webhooks.organization_id = ? AND webhooks.gateway_id = ?", string(org), gateway)
		}, readWebhooks)
		return err
	})
	return out, err
}

// webhookTx implements webhook.Tx.
type webhookTx struct{ *Txn }

var _ webhook.Tx = webhookTx{}

func (t webhookTx) LockGateway(org core.OrganizationID, gateway string) error {
	_, err := lockGateway(t.Txn, org, gateway)
	return err
}

func (t webhookTx) Count(org core.OrganizationID, gateway string) (int, error) {
	var n int64
	err := t.Table("webhooks").Where("organization_id = ? AND gateway_id = ?", string(org), gateway).Count(&n).Error
	return int(n), err
}

// hold locks one webhook's row and then reads it with its state. Events can still be
// put on their way to it.
func (t webhookTx) hold(ref, where string, args ...any) (*webhook.Webhook, error) {
	var held []string
	if err := t.forUpdate().Table("webhooks").Where(where, args...).Pluck("id", &held).Error; err != nil {
		return nil, err
	}
	found, err := readWebhooks(webhooks(t.DB, "").Where("webhooks.id IN ?", held))
	if err == nil && len(found) == 0 {
		err = core.NotFound("webhook", ref)
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

func (t webhookTx) Find(org core.OrganizationID, gateway, name string) (*webhook.Webhook, error) {
	return t.hold(name, "organization_id = ? AND gateway_id = ? AND name = ?", string(org), gateway, name)
}

func (t webhookTx) Lock(org core.OrganizationID, id string) (*webhook.Webhook, error) {
	return t.hold(id, "organization_id = ? AND id = ?", string(org), id)
}

const webhookTaken = "the gateway has a webhook %q already"

func (t webhookTx) Put(org core.OrganizationID, w *webhook.Webhook) error {
	w.Revision++
	w.UpdatedAt = core.FromMillis(t.Now)
	sp := &w.Spec
	if w.Revision == 1 {
		w.CreatedAt = w.UpdatedAt
		row := webhookRow{
			ID: w.ID, OrganizationID: string(org), GatewayID: w.Gateway, Name: sp.Name, Description: sp.Description, Enabled: sp.On(), URL: sp.URL,
			Events: joinEvents(sp.Events), Secret: w.Secret, Revision: 1, CreatedAt: t.Now, UpdatedAt: t.Now,
		}
		if err := t.Create(&row).Error; err != nil {
			return nameTaken(err, webhookTaken, sp.Name)
		}
		return t.Exec("INSERT INTO webhook_states (webhook_id) VALUES (?)", w.ID).Error
	}
	r := t.Table("webhooks").Where("organization_id = ? AND id = ?", string(org), w.ID).Updates(map[string]any{
		"name": sp.Name, "description": sp.Description, "enabled": sp.On(), "url": sp.URL, "events": joinEvents(sp.Events),
		"disabled_reason": clean(w.DisabledReason), "disabled_at": millis(w.DisabledAt),
		"secret": w.Secret, "old_secret": w.OldSecret, "old_until": millis(w.OldUntil), "revision": w.Revision, "updated_at": t.Now,
	})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return nameTaken(r.Error, webhookTaken, sp.Name)
}

func (t webhookTx) SaveState(org core.OrganizationID, w *webhook.Webhook) error {
	mine := t.Table("webhooks").Select("id").Where("organization_id = ? AND id = ?", string(org), w.ID)
	st := &w.State
	r := t.Table("webhook_states").Where("webhook_id IN (?)", mine).Updates(map[string]any{
		"last_success": millis(st.LastSuccess), "last_failure": millis(st.LastFailure), "error": clean(st.Error), "status_code": st.StatusCode,
		"failures": st.Failures, "failing_since": millis(st.FailingSince), "delivered": st.Delivered,
	})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return r.Error
}

func (t webhookTx) Delete(org core.OrganizationID, id string) error {
	return t.Where("organization_id = ? AND id = ?", string(org), id).Delete(&webhookRow{}).Error
}

func (t webhookTx) Owners(org core.OrganizationID) (out []string, err error) {
	err = t.Table("members").Joins("JOIN users ON users.id = members.user_id").
		Where("members.organization_id = ? AND members.role = 'owner'", string(org)).Order("users.email").Pluck("users.email", &out).Error
	return out, err
}

func (t webhookTx) AddLetter(l *webhook.Letter) error {
	return t.Create(&mailRow{ID: l.ID, Sealed: l.Sealed, NextAt: t.Now, CreatedAt: t.Now}).Error
}

func (t webhookTx) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	return t.Txn.Record(ctx, org, c)
}

// emit writes a delivery of each event for every webhook of the gateway that wants
// it. One that has too many waiting gets none, and that is counted.
func (t *Txn) emit(org core.OrganizationID, gateway string, events []event.Event) error {
	if gateway == "" || len(events) == 0 {
		return nil
	}
	var hooks []webhookRow
	err := t.Table("webhooks").Select("webhooks.id, webhooks.events, gateways.name AS gateway_name").
		Joins("JOIN gateways ON gateways.id = webhooks.gateway_id").
		Where("webhooks.organization_id = ? AND webhooks.gateway_id = ? AND webhooks.enabled", string(org), gateway).
		Order("webhooks.id").Find(&hooks).Error
	if err != nil || len(hooks) == 0 {
		return err
	}
	actor := core.ActorFrom(t.Statement.Context)
	by := event.Actor{Kind: actor.Kind, Name: actor.Name}
	at := core.FromMillis(t.Now)
	for i := range events {
		e, id := &events[i], core.NewID(webhook.PrefixEvent)
		body, err := e.Encode(id, at, event.Ref{ID: gateway, Name: hooks[0].GatewayName}, by)
		if err != nil {
			return err
		}
		for j := range hooks {
			if !webhook.Wants(strings.Fields(hooks[j].Events), e.Type) {
				continue
			}
			if err := t.deliver(org, hooks[j].ID, id, e.Type, body); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver puts an event on its way to a webhook, unless too many wait for it.
func (t *Txn) deliver(org core.OrganizationID, hook, id, typ string, body []byte) error {
	var beyond []string
	err := t.Table("webhook_deliveries").Where("webhook_id = ? AND state = 'waiting'", hook).
		Order("next_at").Offset(webhook.MaxWaiting-1).Limit(1).Pluck("id", &beyond).Error
	if err != nil {
		return err
	}
	if len(beyond) > 0 {
		return t.Exec("UPDATE webhook_states SET dropped = dropped + 1 WHERE webhook_id = ?", hook).Error
	}
	return t.Create(&webhookDeliveryRow{
		WebhookID: hook, ID: id, OrganizationID: string(org), Type: typ, Body: body, State: webhook.DeliveryWaiting, CreatedAt: t.Now, NextAt: t.Now,
	}).Error
}
