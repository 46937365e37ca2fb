package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type sessionRow struct {
	TokenHash  string `gorm:"primaryKey"`
	ID         string
	UserID     string
	Data       []byte
	Client     string
	LastClient string
	UserAgent  string
	ExpiresAt  int64
	SeenAt     int64
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
}

func (sessionRow) TableName() string { return "sessions" }

func sessionFrom(r *sessionRow) tenant.Session {
	return tenant.Session{
		TokenHash: r.TokenHash, ID: r.ID, UserID: r.UserID, Data: r.Data, Client: r.Client, LastClient: r.LastClient, UserAgent: r.UserAgent,
		ExpiresAt: core.FromMillis(r.ExpiresAt), SeenAt: core.FromMillis(r.SeenAt), CreatedAt: core.FromMillis(r.CreatedAt),
	}
}

func (r *tenantRows) PutSession(_ context.Context, s *tenant.Session) error {
	return r.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "token_hash"}},
		DoUpdates: clause.AssignmentColumns([]string{"data", "expires_at", "seen_at"}),
	}).Create(&sessionRow{
		TokenHash: s.TokenHash, ID: s.ID, UserID: s.UserID, Data: s.Data, Client: s.Client, LastClient: s.LastClient, UserAgent: s.UserAgent,
		ExpiresAt: core.Millis(s.ExpiresAt), SeenAt: core.Millis(s.SeenAt), CreatedAt: core.Millis(s.CreatedAt),
	}).Error
}

func (r *tenantRows) FindSession(_ context.Context, tokenHash string, now time.Time) (tenant.Session, error) {
	var row sessionRow
	err := take(r.db.Where("token_hash = ? AND expires_at > ?", tokenHash, core.Millis(now)), &row, "session", "")
	return sessionFrom(&row), err
}

func (r *tenantRows) TouchSession(_ context.Context, tokenHash, client string, now time.Time) error {
	return r.db.Model(&sessionRow{}).Where("token_hash = ?", tokenHash).
		UpdateColumns(map[string]any{"seen_at": core.Millis(now), "last_client": client}).Error
}

func (r *tenantRows) ListSessions(_ context.Context, userID, after string, limit int, now time.Time) ([]tenant.Session, error) {
	var rows []sessionRow
	err := r.db.Where("user_id = ? AND id > ? AND expires_at > ?", userID, after, core.Millis(now)).
		Order("id").Limit(limit).Find(&rows).Error
	return convert(rows, sessionFrom), err
}

func (r *tenantRows) DeleteSession(_ context.Context, tokenHash string) error {
	return r.db.Where("token_hash = ?", tokenHash).Delete(&sessionRow{}).Error
}

func (r *tenantRows) DeleteSessionByID(_ context.Context, userID, id string) error {
	return changed(r.db.Where("user_id = ? AND id = ?", userID, id).Delete(&sessionRow{}), "session", id)
}

func (r *tenantRows) DeleteSessions(_ context.Context, userID, keep string) error {
	return r.db.Where("user_id = ? AND id <> ?", userID, keep).Delete(&sessionRow{}).Error
}

func (r *tenantRows) PurgeSessions(_ context.Context, now time.Time) error {
	return r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&sessionRow{}).Error
}
