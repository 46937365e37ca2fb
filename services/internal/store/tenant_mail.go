package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type linkRow struct {
	Hash      []byte `gorm:"primaryKey"`
	Kind      string
	UserID    string
	Data      string
	ExpiresAt int64
}

func (linkRow) TableName() string { return "one_time_links" }

func (r *tenantRows) PutLink(_ context.Context, l *tenant.Link) error {
	err := r.db.Where("user_id = ? AND kind = ?", l.UserID, l.Kind).Delete(&linkRow{}).Error
	if err != nil {
		return err
	}
	return r.db.Create(&linkRow{Hash: l.Hash, Kind: l.Kind, UserID: l.UserID, Data: l.Data, ExpiresAt: core.Millis(l.ExpiresAt)}).Error
}

func (r *tenantRows) TakeLink(_ context.Context, kind string, hash []byte, now time.Time) (tenant.Link, error) {
	var row linkRow
	q := r.locked().Where("hash = ? AND kind = ? AND expires_at > ?", hash, kind, core.Millis(now))
	if err := take(q, &row, "link", ""); err != nil {
		return tenant.Link{}, err
	}
	// Of two who take it at once, one deletes no row.
	err := changed(r.db.Where("hash = ?", hash).Delete(&linkRow{}), "link", "")
	return tenant.Link{Hash: row.Hash, Kind: row.Kind, UserID: row.UserID, Data: row.Data, ExpiresAt: core.FromMillis(row.ExpiresAt)}, err
}

func (r *tenantRows) DeleteLinks(_ context.Context, userID string, kinds ...string) error {
	return r.db.Where("user_id = ? AND kind IN ?", userID, kinds).Delete(&linkRow{}).Error
}

func (r *tenantRows) PurgeLinks(_ context.Context, now time.Time) error {
	err := r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&linkRow{}).Error
	if err != nil {
		return err
	}
	return r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&invitationRow{}).Error
}

type mailRow struct {
	ID        string `gorm:"primaryKey"`
	Sealed    []byte
	Attempts  int
	NextAt    int64
	LastError string
	CreatedAt int64 `gorm:"autoCreateTime:false"`
}

func (mailRow) TableName() string { return "mails" }

func mailFrom(r *mailRow) tenant.QueuedMail {
	return tenant.QueuedMail{
		ID: r.ID, Sealed: r.Sealed, Attempts: r.Attempts,
		NextAt: core.FromMillis(r.NextAt), CreatedAt: core.FromMillis(r.CreatedAt),
	}
}

func (r *tenantRows) InsertMail(_ context.Context, m *tenant.QueuedMail) error {
	return r.db.Create(&mailRow{
		ID: m.ID, Sealed: m.Sealed, NextAt: core.Millis(m.NextAt), CreatedAt: core.Millis(m.CreatedAt),
	}).Error
}

func (r *tenantRows) ClaimMails(_ context.Context, now, until time.Time, limit int) ([]tenant.QueuedMail, error) {
	var rows []mailRow
	err := r.locked().Where("next_at <= ?", core.Millis(now)).Order("next_at").Limit(limit).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := convert(rows, func(m *mailRow) string { return m.ID })
	err = r.db.Model(&mailRow{}).Where("id IN ?", ids).UpdateColumn("next_at", core.Millis(until)).Error
	return convert(rows, mailFrom), err
}

func (r *tenantRows) RetryMail(_ context.Context, id string, next time.Time, reason string) error {
	return r.db.Model(&mailRow{}).Where("id = ?", id).UpdateColumns(map[string]any{
		"attempts": gorm.Expr("attempts + 1"), "next_at": core.Millis(next), "last_error": reason,
	}).Error
}

func (r *tenantRows) DeleteMail(_ context.Context, id string) error {
	return r.db.Where("id = ?", id).Delete(&mailRow{}).Error
}

type throttleRow struct {
	Key       string `gorm:"primaryKey"`
	Failures  int
	NextAt    int64
	ExpiresAt int64
}

func (throttleRow) TableName() string { return "throttles" }

func (r *tenantRows) FindThrottle(_ context.Context, key string, now time.Time) (tenant.Throttle, error) {
	var row throttleRow
	err := take(r.locked().Where("key = ? AND expires_at > ?", key, core.Millis(now)), &row, "throttle", "")
	return tenant.Throttle{
		Key: row.Key, Failures: row.Failures, NextAt: core.FromMillis(row.NextAt), ExpiresAt: core.FromMillis(row.ExpiresAt),
	}, err
}

func (r *tenantRows) PutThrottle(_ context.Context, t *tenant.Throttle) error {
	return r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&throttleRow{
		Key: t.Key, Failures: t.Failures, NextAt: core.Millis(t.NextAt), ExpiresAt: core.Millis(t.ExpiresAt),
	}).Error
}

func (r *tenantRows) DeleteThrottle(_ context.Context, key string) error {
	return r.db.Where("key = ?", key).Delete(&throttleRow{}).Error
}

func (r *tenantRows) PurgeThrottles(_ context.Context, now time.Time) error {
	return r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&throttleRow{}).Error
}
