package store

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
)

type developerSessionRow struct {
	Hash           []byte `gorm:"primaryKey"`
	ID             string
	OrganizationID string
	GatewayID      string
	DeveloperID    string
	Client         string
	UserAgent      string
	ExpiresAt      int64
	SeenAt         int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
}

func (developerSessionRow) TableName() string { return "developer_sessions" }

func (r *developerRows) FindSession(_ context.Context, org core.OrganizationID, gateway string, hash []byte, now time.Time) (developer.Session, error) {
	var row developerSessionRow
	err := take(r.of("developer_sessions", org, gateway).Where("hash = ? AND expires_at > ?", hash, core.Millis(now)), &row, "session", "")
	return developer.Session{
		Hash: row.Hash, ID: row.ID, Organization: core.OrganizationID(row.OrganizationID), Gateway: row.GatewayID, Developer: row.DeveloperID,
		Client: row.Client, UserAgent: row.UserAgent, ExpiresAt: core.FromMillis(row.ExpiresAt), SeenAt: core.FromMillis(row.SeenAt),
		CreatedAt: core.FromMillis(row.CreatedAt),
	}, err
}

func (r *developerRows) PutSession(_ context.Context, org core.OrganizationID, s *developer.Session) error {
	return r.db.Create(&developerSessionRow{
		Hash: s.Hash, ID: s.ID, OrganizationID: string(org), GatewayID: s.Gateway, DeveloperID: s.Developer, Client: s.Client,
		UserAgent: s.UserAgent, ExpiresAt: core.Millis(s.ExpiresAt), SeenAt: core.Millis(s.SeenAt), CreatedAt: core.Millis(s.CreatedAt),
	}).Error
}

func (r *developerRows) TouchSession(_ context.Context, org core.OrganizationID, hash []byte, now time.Time) error {
	return r.db.Model(&developerSessionRow{}).Where("organization_id = ? AND hash = ?", string(org), hash).UpdateColumn("seen_at", core.Millis(now)).Error
}

func (r *developerRows) DeleteSession(_ context.Context, org core.OrganizationID, hash []byte) error {
	return r.db.Where("organization_id = ? AND hash = ?", string(org), hash).Delete(&developerSessionRow{}).Error
}

func (r *developerRows) DeleteSessions(_ context.Context, org core.OrganizationID, id, keep string) error {
	return r.db.Where("organization_id = ? AND developer_id = ? AND id <> ?", string(org), id, keep).Delete(&developerSessionRow{}).Error
}

type developerLinkRow struct {
	Hash           []byte `gorm:"primaryKey"`
	Kind           string
	OrganizationID string
	GatewayID      string
	DeveloperID    string
	ExpiresAt      int64
}

func (developerLinkRow) TableName() string { return "developer_links" }

func (r *developerRows) PutLink(_ context.Context, org core.OrganizationID, l *developer.Link) error {
	err := r.db.Where("organization_id = ? AND developer_id = ? AND kind = ?", string(org), l.Developer, l.Kind).Delete(&developerLinkRow{}).Error
	if err != nil {
		return err
	}
	return r.db.Create(&developerLinkRow{
		Hash: l.Hash, Kind: l.Kind, OrganizationID: string(org), GatewayID: l.Gateway, DeveloperID: l.Developer, ExpiresAt: core.Millis(l.ExpiresAt),
	}).Error
}

func (r *developerRows) TakeLink(_ context.Context, org core.OrganizationID, gateway, kind string, hash []byte, now time.Time) (developer.Link, error) {
	var row developerLinkRow
	q := r.t.forUpdate().Where("organization_id = ? AND gateway_id = ? AND kind = ? AND hash = ? AND expires_at > ?", string(org), gateway, kind, hash, core.Millis(now))
	if err := take(q, &row, "link", ""); err != nil {
		return developer.Link{}, err
	}
	// Of two who take it at once, one deletes no row.
	err := changed(r.db.Where("hash = ?", hash).Delete(&developerLinkRow{}), "link", "")
	return developer.Link{
		Hash: row.Hash, Kind: row.Kind, Organization: core.OrganizationID(row.OrganizationID), Gateway: row.GatewayID,
		Developer: row.DeveloperID, ExpiresAt: core.FromMillis(row.ExpiresAt),
	}, err
}
