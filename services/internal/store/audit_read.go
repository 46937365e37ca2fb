package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/core"
)

// Audits reads the audit log and keeps the memory of idempotent requests.
type Audits struct{ *DB }

func entryFrom(r *auditRow) audit.Entry {
	return audit.Entry{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), At: core.FromMillis(r.At),
		Actor:  core.Actor{Kind: r.ActorKind, ID: r.ActorID, Name: r.ActorName, Client: r.Client, RequestID: r.RequestID},
		Action: r.Action, ResourceType: r.ResourceType, ResourceID: r.ResourceID, ResourceName: r.ResourceName,
		Gateway: r.GatewayID, Detail: json.RawMessage(r.Detail),
	}
}

// List returns entries of an organization, newest first.
func (s Audits) List(ctx context.Context, org core.OrganizationID, f audit.Filter, before string, limit int) ([]audit.Entry, error) {
	var rows []auditRow
	err := s.View(ctx, func(db *gorm.DB) error {
		q := auditLines(db, org, &f)
		if before != "" {
			q = q.Where("id < ?", before)
		}
		return q.Order("id DESC").Limit(limit).Find(&rows).Error
	})
	return convert(rows, entryFrom), err
}

// Count counts entries of an organization.
func (s Audits) Count(ctx context.Context, org core.OrganizationID, f audit.Filter) (int64, error) {
	var n int64
	err := s.View(ctx, func(db *gorm.DB) error { return auditLines(db, org, &f).Model(&auditRow{}).Count(&n).Error })
	return n, err
}

// auditLines are the lines that a filter chooses.
func auditLines(db *gorm.DB, org core.OrganizationID, f *audit.Filter) *gorm.DB {
	q := db.Where("organization_id = ?", string(org))
	for column, value := range map[string]string{"action": f.Action, "actor_id": f.Actor, "resource_id": f.Resource, "gateway_id": f.Gateway} {
		if value != "" {
			q = q.Where(clause.Eq{Column: column, Value: value})
		}
	}
	if !f.From.IsZero() {
		q = q.Where("at >= ?", core.Millis(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("at < ?", core.Millis(f.To))
	}
	if f.Query != "" {
		p := likeWithin(f.Query)
		const like = " LIKE ? ESCAPE '!'"
		q = q.Where("(LOWER(action)"+like+" OR LOWER(resource_name)"+like+" OR LOWER(resource_id)"+like+" OR LOWER(actor_name)"+like+" OR client"+like+")", p, p, p, p, p)
	}
	return q
}

type onceRow struct {
	Key         string `gorm:"primaryKey"`
	Digest      string
	Status      int
	Headers     string
	Body        []byte
	LockedUntil int64
	ExpiresAt   int64
}

func (onceRow) TableName() string { return "idempotency" }

func onceFrom(r *onceRow) (*audit.Once, error) {
	o := &audit.Once{
		Key: r.Key, Digest: r.Digest, Answer: audit.Answer{Status: r.Status, Body: r.Body},
		LockedUntil: core.FromMillis(r.LockedUntil), Expires: core.FromMillis(r.ExpiresAt),
	}
	if r.Headers != "" {
		if err := json.Unmarshal([]byte(r.Headers), &o.Answer.Headers); err != nil {
			return nil, fmt.Errorf("decode headers of an idempotent answer: %w", err)
		}
	}
	return o, nil
}

// BeginOnce inserts o, or returns what is there under its key.
func (s Audits) BeginOnce(ctx context.Context, o audit.Once, now time.Time) (seen *audit.Once, err error) {
	fresh := onceRow{Key: o.Key, Digest: o.Digest, Body: []byte{}, LockedUntil: core.Millis(o.LockedUntil), ExpiresAt: core.Millis(o.Expires)}
	err = s.Tx(ctx, func(t *Txn) error {
		seen = nil
		var row onceRow
		insert := t.Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh)
		if insert.Error != nil || insert.RowsAffected == 1 {
			return insert.Error
		}
		if err := t.forUpdate().Where("key = ?", o.Key).Take(&row).Error; err != nil {
			return err
		}
		switch {
		case row.ExpiresAt <= core.Millis(now):
			// A key may be used anew after its time: the old change gives it up.
			err := t.Model(&auditRow{}).Where("idempotency = ?", o.Key).UpdateColumn("idempotency", nil).Error
			return errors.Join(err, t.Save(&fresh).Error)
		case row.Status == 0 && row.LockedUntil <= core.Millis(now) && row.Digest == o.Digest:
			return t.Model(&row).UpdateColumn("locked_until", fresh.LockedUntil).Error
		}
		var err error
		seen, err = onceFrom(&row)
		return err
	})
	return seen, err
}

// FinishOnce keeps the answer.
func (s Audits) FinishOnce(ctx context.Context, key string, a audit.Answer) error {
	headers, err := json.Marshal(a.Headers)
	if err != nil {
		return fmt.Errorf("encode headers: %w", err)
	}
	body := a.Body
	if body == nil {
		body = []byte{}
	}
	return s.Tx(ctx, func(t *Txn) error {
		return t.Model(&onceRow{}).Where("key = ?", key).
			UpdateColumns(map[string]any{"status": a.Status, "headers": string(headers), "body": body}).Error
	})
}

// DropOnce forgets a request.
func (s Audits) DropOnce(ctx context.Context, key string) error {
	return s.Tx(ctx, func(t *Txn) error {
		return t.Where("key = ? AND status = 0", key).Delete(&onceRow{}).Error
	})
}

// FindOnce returns the audit line that carries the key.
func (s Audits) FindOnce(ctx context.Context, key string) (*audit.Entry, error) {
	var rows []auditRow
	err := s.View(ctx, func(db *gorm.DB) error {
		return db.Where("idempotency = ?", key).Limit(1).Find(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	e := entryFrom(&rows[0])
	return &e, nil
}

// PurgeOnce deletes what has expired, and lets audit lines give up their keys.
func (s Audits) PurgeOnce(ctx context.Context, now time.Time) (n int64, err error) {
	err = s.Tx(ctx, func(t *Txn) error {
		gone := t.Model(&onceRow{}).Select("key").Where("expires_at <= ?", core.Millis(now))
		if err := t.Model(&auditRow{}).Where("idempotency IN (?)", gone).UpdateColumn("idempotency", nil).Error; err != nil {
			return err
		}
		q := t.Where("expires_at <= ?", core.Millis(now)).Delete(&onceRow{})
		n = q.RowsAffected
		return q.Error
	})
	return n, err
}

var _ audit.Store = Audits{}
