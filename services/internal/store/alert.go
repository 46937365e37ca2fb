package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// Alerts implements alert.Store.
type Alerts struct{ DB *DB }

var _ alert.Store = Alerts{}

type alertRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Name           string
	Document       string
	Secret         []byte
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`

	// Joined, never written.
	GatewayName string   `gorm:"->"`
	Status      string   `gorm:"->"`
	Since       int64    `gorm:"->"`
	Value       *float64 `gorm:"->"`
	Subject     string   `gorm:"->"`
	Detail      string   `gorm:"->"`
	EvaluatedAt int64    `gorm:"->"`
	Seq         int64    `gorm:"->"`
	Version     int64    `gorm:"->"`
}

func (alertRow) TableName() string { return "alerts" }

func (r *alertRow) domain() (alert.Alert, error) {
	a := alert.Alert{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Gateway: r.GatewayID, GatewayName: r.GatewayName,
		State: alert.State{
			Status: r.Status, Since: core.FromMillis(r.Since), Subject: r.Subject, Detail: r.Detail,
			Evaluated: core.FromMillis(r.EvaluatedAt), Seq: r.Seq, Version: r.Version,
		},
		Revision: r.Revision, CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt), Secret: r.Secret,
	}
	if r.Value != nil {
		a.State.Value, a.State.HasValue = *r.Value, true
	}
	if err := json.Unmarshal([]byte(r.Document), &a.Rule); err != nil {
		return a, fmt.Errorf("decode alert %s: %w", r.ID, err)
	}
	a.Rule.Name = r.Name
	return a, nil
}

// alerts selects alerts with their states and gateways.
func alerts(db *gorm.DB) *gorm.DB {
	return db.Table("alerts").Select("alerts.*, gateways.name AS gateway_name, s.status, s.since, s.value, s.subject, s.detail, s.evaluated_at, s.seq, s.version").
		Joins("JOIN gateways ON gateways.id = alerts.gateway_id AND gateways.deleted_at = 0").
		Joins("JOIN alert_states s ON s.alert_id = alerts.id")
}

func readAlerts(q *gorm.DB) ([]alert.Alert, error) {
	var rows []alertRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	return converted(rows, (*alertRow).domain)
}

// Tx runs fn in one transaction.
func (s Alerts) Tx(ctx context.Context, fn func(alert.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(alertTx{t}) })
}

// Gateway finds by id or name.
func (s Alerts) Gateway(ctx context.Context, org core.OrganizationID, ref string) (id, name string, err error) {
	g, err := Gateways(s).Gateway(ctx, org, ref)
	if err != nil {
		return "", "", err
	}
	return g.ID, g.Name, nil
}

// Alerts finds a page of alerts.
func (s Alerts) Alerts(ctx context.Context, org core.OrganizationID, gateway string, w core.Window, name string) (core.Found[alert.Alert], error) {
	var out core.Found[alert.Alert]
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = pageByName(&w, "alerts", name, func() *gorm.DB {
			return alerts(db).Where("alerts.organization_id = ? AND alerts.gateway_id = ?", string(org), gateway)
		}, readAlerts)
		return err
	})
	return out, err
}

type alertEventRow struct {
	ID             string `gorm:"primaryKey"`
	AlertID        string
	OrganizationID string
	Seq            *int64
	Transition     string
	Value          float64
	Threshold      float64
	Detail         string
	At             int64
}

func (alertEventRow) TableName() string { return "alert_events" }

// Events lists transitions and tests, newest first.
func (s Alerts) Events(ctx context.Context, org core.OrganizationID, id, before string, limit int) ([]alert.Event, error) {
	var rows []alertEventRow
	err := s.DB.View(ctx, func(db *gorm.DB) error { return newestOf(db, org, id, before, limit).Find(&rows).Error })
	return convert(rows, func(r *alertEventRow) alert.Event {
		return alert.Event{
			ID: r.ID, Alert: r.AlertID, At: core.FromMillis(r.At), Transition: r.Transition, Value: r.Value,
			Threshold: r.Threshold, Detail: r.Detail,
		}
	}), err
}

type alertDeliveryRow struct {
	ID             string `gorm:"primaryKey"`
	AlertID        string
	OrganizationID string
	EventID        string
	Transition     string
	Channel        string
	Target         string
	Subject        string
	Body           []byte
	State          string
	Attempts       int
	StatusCode     int
	Error          string
	NextAt         int64
	SentAt         int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`

	Secret []byte `gorm:"->"` // joined
}

func (alertDeliveryRow) TableName() string { return "alert_deliveries" }

func (r *alertDeliveryRow) domain() alert.Delivery {
	d := alert.Delivery{
		ID: r.ID, Alert: r.AlertID, Event: r.EventID, Transition: r.Transition, Channel: r.Channel, Target: r.Target,
		State: r.State, Attempts: r.Attempts, StatusCode: r.StatusCode, Error: r.Error, CreatedAt: core.FromMillis(r.CreatedAt),
		SentAt: core.FromMillis(r.SentAt), Body: r.Body, Subject: r.Subject,
	}
	if r.State == alert.DeliveryWaiting {
		d.NextAt = core.FromMillis(r.NextAt)
	}
	return d
}

// Deliveries lists notices, newest first.
func (s Alerts) Deliveries(ctx context.Context, org core.OrganizationID, id, before string, limit int) ([]alert.Delivery, error) {
	var rows []alertDeliveryRow
	err := s.DB.View(ctx, func(db *gorm.DB) error { return newestOf(db, org, id, before, limit).Find(&rows).Error })
	return convert(rows, func(r *alertDeliveryRow) alert.Delivery { return r.domain() }), err
}

// newestOf pages through what belongs to an alert.
func newestOf(db *gorm.DB, org core.OrganizationID, id, before string, limit int) *gorm.DB {
	q := db.Where("organization_id = ? AND alert_id = ?", string(org), id).Order("id DESC").Limit(limit)
	if before != "" {
		q = q.Where("id < ?", before)
	}
	return q
}

// alertTx implements alert.Tx.
type alertTx struct{ *Txn }

var _ alert.Tx = alertTx{}

func (t alertTx) LockGateway(org core.OrganizationID, gateway string) error {
	_, err := lockGateway(t.Txn, org, gateway)
	return err
}

func (t alertTx) Count(org core.OrganizationID, gateway string) (int, error) {
	var n int64
	err := t.Table("alerts").Where("organization_id = ? AND gateway_id = ?", string(org), gateway).Count(&n).Error
	return int(n), err
}

func (t alertTx) Find(org core.OrganizationID, gateway, name string) (*alert.Alert, error) {
	found, err := readAlerts(alerts(t.DB).Where("alerts.organization_id = ? AND alerts.gateway_id = ? AND alerts.name = ?", string(org), gateway, name))
	if err == nil && len(found) == 0 {
		err = core.NotFound("alert", name)
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

const alertTaken = "the gateway has an alert %q already"

func (t alertTx) Put(org core.OrganizationID, a *alert.Alert) error {
	js, err := json.Marshal(a.Rule)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	a.Revision++
	a.UpdatedAt = core.FromMillis(t.Now)
	if a.Revision == 1 {
		a.CreatedAt = a.UpdatedAt
		row := alertRow{
			ID: a.ID, OrganizationID: string(org), GatewayID: a.Gateway, Name: a.Rule.Name, Document: string(js), Secret: a.Secret,
			Revision: 1, CreatedAt: t.Now, UpdatedAt: t.Now,
		}
		if err := t.Create(&row).Error; err != nil {
			return nameTaken(err, alertTaken, a.Rule.Name)
		}
		return t.Exec("INSERT INTO alert_states (alert_id, status, since, next_at) VALUES (?, ?, ?, ?)", a.ID, alert.StatusOK, t.Now, t.Now).Error
	}
	r := t.Table("alerts").Where("organization_id = ? AND id = ?", string(org), a.ID).Updates(map[string]any{
		"name": a.Rule.Name, "document": string(js), "secret": a.Secret, "revision": a.Revision, "updated_at": t.Now,
	})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	if r.Error != nil {
		return nameTaken(r.Error, alertTaken, a.Rule.Name)
	}
	// Looked at at once, with the new rule: an evaluation under way is void.
	return t.Exec("UPDATE alert_states SET next_at = ?, version = version + 1 WHERE alert_id = ?", t.Now, a.ID).Error
}

func (t alertTx) Delete(org core.OrganizationID, id string) error {
	return t.Where("organization_id = ? AND id = ?", string(org), id).Delete(&alertRow{}).Error
}

func (t alertTx) AddEvent(org core.OrganizationID, e *alert.Event, notices []alert.Delivery) error {
	return t.addEvent(org, e, nil, notices)
}

// addEvent writes an event with its notices.
func (t *Txn) addEvent(org core.OrganizationID, e *alert.Event, seq *int64, notices []alert.Delivery) error {
	var gateways []string
	if err := t.Table("alerts").Where("organization_id = ? AND id = ?", string(org), e.Alert).Pluck("gateway_id", &gateways).Error; err != nil {
		return err
	}
	if len(gateways) == 0 {
		return ErrGone
	}
	row := alertEventRow{
		ID: e.ID, AlertID: e.Alert, OrganizationID: string(org), Seq: seq, Transition: e.Transition, Value: e.Value,
		Threshold: e.Threshold, Detail: e.Detail, At: core.Millis(e.At),
	}
	if err := t.Create(&row).Error; err != nil {
		return err
	}
	for i := range notices {
		d := &notices[i]
		err := t.Create(&alertDeliveryRow{
			ID: d.ID, AlertID: d.Alert, OrganizationID: string(org), EventID: d.Event, Transition: d.Transition, Channel: d.Channel,
			Target: d.Target, Subject: d.Subject, Body: d.Body, State: d.State, NextAt: core.Millis(d.NextAt), CreatedAt: core.Millis(d.CreatedAt),
		}).Error
		if err != nil {
			return err
		}
	}
	if e.Told.Type == "" {
		return nil
	}
	return t.emit(org, gateways[0], []event.Event{e.Told})
}

func (t alertTx) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	return t.Txn.Record(ctx, org, c)
}

var errLost = errors.New("somebody else has evaluated the alert")
