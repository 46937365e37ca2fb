package store

import (
	"context"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type deviceRow struct {
	DeviceHash     []byte `gorm:"primaryKey"`
	UserHash       []byte
	Host           string
	Client         string
	PollSeconds    int64
	NextPollAt     int64
	Decision       string
	OrganizationID string
	UserID         string
	Scopes         string // space-separated; a scope holds no space
	TokenExpiresAt int64
	ExpiresAt      int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
}

func (deviceRow) TableName() string { return "device_logins" }

func deviceFrom(r *deviceRow) tenant.DeviceLogin {
	return tenant.DeviceLogin{
		DeviceHash: r.DeviceHash, UserHash: r.UserHash, Host: r.Host, Client: r.Client,
		Poll: time.Duration(r.PollSeconds) * time.Second, NextPollAt: core.FromMillis(r.NextPollAt),
		Decision: r.Decision, Organization: core.OrganizationID(r.OrganizationID), UserID: r.UserID,
		Scopes: strings.Fields(r.Scopes), TokenExpiresAt: core.FromMillis(r.TokenExpiresAt),
		ExpiresAt: core.FromMillis(r.ExpiresAt), CreatedAt: core.FromMillis(r.CreatedAt),
	}
}

func (r *tenantRows) InsertDevice(_ context.Context, d *tenant.DeviceLogin) error {
	return r.db.Create(&deviceRow{
		DeviceHash: d.DeviceHash, UserHash: d.UserHash, Host: d.Host, Client: d.Client,
		PollSeconds: int64(d.Poll / time.Second), NextPollAt: core.Millis(d.NextPollAt),
		ExpiresAt: core.Millis(d.ExpiresAt), CreatedAt: core.Millis(d.CreatedAt),
	}).Error
}

func (r *tenantRows) FindDevice(_ context.Context, deviceHash []byte) (tenant.DeviceLogin, error) {
	var row deviceRow
	err := take(r.locked().Where("device_hash = ?", deviceHash), &row, "device sign-in", "")
	return deviceFrom(&row), err
}

func (r *tenantRows) FindDeviceByCode(_ context.Context, userHash []byte, now time.Time) (tenant.DeviceLogin, error) {
	var row deviceRow
	err := take(r.db.Where("user_hash = ? AND expires_at > ?", userHash, core.Millis(now)), &row, "device sign-in", "")
	return deviceFrom(&row), err
}

func (r *tenantRows) UpdateDevice(_ context.Context, d *tenant.DeviceLogin) error {
	return changed(r.db.Model(&deviceRow{}).Where("device_hash = ?", d.DeviceHash).UpdateColumns(map[string]any{
		"poll_seconds": int64(d.Poll / time.Second), "next_poll_at": core.Millis(d.NextPollAt),
		"decision": d.Decision, "organization_id": string(d.Organization), "user_id": d.UserID,
		"scopes": strings.Join(d.Scopes, " "), "token_expires_at": core.Millis(d.TokenExpiresAt),
	}), "device sign-in", "")
}

func (r *tenantRows) DeleteDevice(_ context.Context, deviceHash []byte) error {
	return changed(r.db.Where("device_hash = ?", deviceHash).Delete(&deviceRow{}), "device sign-in", "")
}

func (r *tenantRows) DeleteUserDevices(_ context.Context, userID string) error {
	return r.db.Where("user_id = ?", userID).Delete(&deviceRow{}).Error
}

func (r *tenantRows) CountDevices(_ context.Context, now time.Time) (int, error) {
	var n int64
	err := r.db.Model(&deviceRow{}).Where("expires_at > ?", core.Millis(now)).Count(&n).Error
	return int(n), err
}

func (r *tenantRows) PurgeDevices(_ context.Context, now time.Time) error {
	return r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&deviceRow{}).Error
}
