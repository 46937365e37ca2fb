package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type totpRow struct {
	UserID      string `gorm:"primaryKey"`
	Sealed      []byte
	LastStep    int64
	ConfirmedAt int64
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
}

func (totpRow) TableName() string { return "totps" }

func (r *tenantRows) PutTOTP(_ context.Context, t *tenant.TOTP) error {
	return r.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "user_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"sealed", "last_step", "confirmed_at", "created_at"}),
	}).Create(&totpRow{
		UserID: t.UserID, Sealed: t.Sealed, LastStep: t.LastStep, ConfirmedAt: core.Millis(t.ConfirmedAt), CreatedAt: core.Millis(t.CreatedAt),
	}).Error
}

func (r *tenantRows) FindTOTP(_ context.Context, userID string) (tenant.TOTP, error) {
	var row totpRow
	err := take(r.locked().Where("user_id = ?", userID), &row, "second factor", "")
	return tenant.TOTP{
		UserID: row.UserID, Sealed: row.Sealed, LastStep: row.LastStep,
		ConfirmedAt: core.FromMillis(row.ConfirmedAt), CreatedAt: core.FromMillis(row.CreatedAt),
	}, err
}

func (r *tenantRows) DeleteTOTP(_ context.Context, userID string) error {
	if err := r.db.Where("user_id = ?", userID).Delete(&recoveryRow{}).Error; err != nil {
		return err
	}
	return r.db.Where("user_id = ?", userID).Delete(&totpRow{}).Error
}

type recoveryRow struct {
	UserID string `gorm:"primaryKey"`
	Hash   []byte `gorm:"primaryKey"`
}

func (recoveryRow) TableName() string { return "recovery_codes" }

func (r *tenantRows) PutRecoveryCodes(_ context.Context, userID string, hashes [][]byte) error {
	if err := r.db.Where("user_id = ?", userID).Delete(&recoveryRow{}).Error; err != nil {
		return err
	}
	rows := make([]recoveryRow, len(hashes))
	for i, h := range hashes {
		rows[i] = recoveryRow{UserID: userID, Hash: h}
	}
	return r.db.Create(&rows).Error
}

func (r *tenantRows) CountRecoveryCodes(_ context.Context, userID string) (int, error) {
	var n int64
	err := r.db.Model(&recoveryRow{}).Where("user_id = ?", userID).Count(&n).Error
	return int(n), err
}

func (r *tenantRows) TakeRecoveryCode(_ context.Context, userID string, hash []byte) error {
	return changed(r.db.Where("user_id = ? AND hash = ?", userID, hash).Delete(&recoveryRow{}), "recovery code", "")
}

type spentRow struct {
	Key       string `gorm:"primaryKey"`
	ExpiresAt int64
}

func (spentRow) TableName() string { return "spent" }

func (r *tenantRows) Spend(_ context.Context, key string, expires time.Time) error {
	err := r.db.Create(&spentRow{Key: key, ExpiresAt: core.Millis(expires)}).Error
	if isDuplicate(err) {
		return core.Errorf(core.CodeConflict, "it was used already")
	}
	return err
}

func (r *tenantRows) PurgeSpent(_ context.Context, now time.Time) error {
	return r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&spentRow{}).Error
}
