package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
)

// Developers keeps developer portals and their accounts.
type Developers struct{ *DB }

// View runs reads.
func (s Developers) View(ctx context.Context, fn func(developer.Rows) error) error {
	return s.DB.View(ctx, func(db *gorm.DB) error { return fn(&developerRows{db: db}) })
}

// Tx runs fn in one transaction.
func (s Developers) Tx(ctx context.Context, fn func(developer.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(&developerRows{db: t.DB, t: t}) })
}

// developerRows are the domain's rows in a view or a transaction; t is nil in a
// view.
type developerRows struct {
	db *gorm.DB
	t  *Txn
}

// Record writes a change's audit line and outbox rows.
func (r *developerRows) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	return r.t.Record(ctx, org, c)
}

// LockGateway holds the gateway's row.
func (r *developerRows) LockGateway(_ context.Context, org core.OrganizationID, gateway string) error {
	_, err := lockGateway(r.t, org, gateway)
	return err
}

// of is a table's rows of one gateway of one organization.
func (r *developerRows) of(table string, org core.OrganizationID, gateway string) *gorm.DB {
	return r.db.Table(table).Where(table+".organization_id = ? AND "+table+".gateway_id = ?", string(org), gateway)
}

type portalRow struct {
	GatewayID      string `gorm:"primaryKey"`
	OrganizationID string
	Published      bool
	Settings       string
	HasLogo        bool   `gorm:"->"`
	HasDocument    bool   `gorm:"->"`
	Label          string `gorm:"->"`
	GatewayName    string `gorm:"->"`
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (portalRow) TableName() string { return "developer_portals" }

func (r *portalRow) domain() (developer.Portal, error) {
	p := developer.Portal{
		Gateway: developer.Gateway{
			Organization: core.OrganizationID(r.OrganizationID), ID: r.GatewayID, GatewayName: r.GatewayName, Label: r.Label,
		},
		HasLogo: r.HasLogo, HasDocument: r.HasDocument, Revision: r.Revision,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
	if err := json.Unmarshal([]byte(r.Settings), &p.Settings); err != nil {
		return p, fmt.Errorf("decode portal of gateway %s: %w", r.GatewayID, err)
	}
	p.Published = r.Published
	return p, nil
}

// portals joins what is shown of a portal, without its blobs.
func portals(db *gorm.DB) *gorm.DB {
	return db.Table("developer_portals").
		Select("developer_portals.gateway_id, developer_portals.organization_id, developer_portals.published, developer_portals.settings, " +
			"developer_portals.logo IS NOT NULL AS has_logo, developer_portals.document IS NOT NULL AS has_document, " +
			"gateways.label, gateways.name AS gateway_name, developer_portals.revision, developer_portals.created_at, developer_portals.updated_at").
		Joins("JOIN gateways ON gateways.id = developer_portals.gateway_id AND gateways.deleted_at = 0")
}

func takePortal(q *gorm.DB, name string) (developer.Portal, error) {
	var row portalRow
	if err := take(q, &row, "developer portal", name); err != nil {
		return developer.Portal{}, err
	}
	return row.domain()
}

func (r *developerRows) FindPortal(_ context.Context, org core.OrganizationID, gateway string) (developer.Portal, error) {
	return takePortal(portals(r.db).Where("developer_portals.organization_id = ? AND developer_portals.gateway_id = ?", string(org), gateway), gateway)
}

func (r *developerRows) PublishedPortal(_ context.Context, label string) (developer.Portal, error) {
	return takePortal(portals(r.db).Joins("JOIN organizations ON organizations.id = developer_portals.organization_id").
		Where("gateways.label = ? AND developer_portals.published AND NOT organizations.suspended", label), label)
}

func (r *developerRows) blob(org core.OrganizationID, gateway, column, kind string) ([]byte, error) {
	var out struct{ Blob []byte }
	err := take(r.of("developer_portals", org, gateway).Select(column+" AS blob").Where(column+" IS NOT NULL"), &out, kind, gateway)
	return out.Blob, err
}

func (r *developerRows) Logo(_ context.Context, org core.OrganizationID, gateway string) ([]byte, error) {
	return r.blob(org, gateway, "logo", "logo")
}

func (r *developerRows) Document(_ context.Context, org core.OrganizationID, gateway string) ([]byte, error) {
	return r.blob(org, gateway, "document", "document")
}

func (r *developerRows) PutPortal(_ context.Context, org core.OrganizationID, p *developer.Portal) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return fmt.Errorf("encode portal: %w", err)
	}
	p.UpdatedAt = core.FromMillis(r.t.Now)
	if p.Revision == 0 {
		p.Revision, p.CreatedAt = 1, p.UpdatedAt
		return r.db.Create(&portalRow{
			GatewayID: p.ID, OrganizationID: string(org), Published: p.Published, Settings: string(settings),
			Revision: 1, CreatedAt: r.t.Now, UpdatedAt: r.t.Now,
		}).Error
	}
	p.Revision++
	return changed(r.of("developer_portals", org, p.ID).UpdateColumns(map[string]any{
		"published": p.Published, "settings": string(settings), "revision": p.Revision, "updated_at": r.t.Now,
	}), "developer portal", p.ID)
}

func (r *developerRows) putBlob(org core.OrganizationID, gateway, column string, blob []byte) error {
	var v any
	if blob != nil {
		v = blob
	}
	return changed(r.of("developer_portals", org, gateway).UpdateColumns(map[string]any{
		column: v, "revision": gorm.Expr("revision + 1"), "updated_at": r.t.Now,
	}), "developer portal", gateway)
}

func (r *developerRows) PutLogo(_ context.Context, org core.OrganizationID, gateway string, png []byte) error {
	return r.putBlob(org, gateway, "logo", png)
}

func (r *developerRows) PutDocument(_ context.Context, org core.OrganizationID, gateway string, doc []byte) error {
	return r.putBlob(org, gateway, "document", doc)
}

// Ticket counts in a window that begins with the first one.
func (r *developerRows) Ticket(_ context.Context, key string, limit int, window time.Duration) (time.Duration, error) {
	var row throttleRow
	now := r.t.Now
	err := take(r.t.forUpdate().Where("key = ? AND expires_at > ?", key, now), &row, "throttle", "")
	switch {
	case core.CodeOf(err) == core.CodeNotFound && err != nil:
		row = throttleRow{Key: key, ExpiresAt: now + window.Milliseconds()}
	case err != nil:
		return 0, err
	case row.Failures >= limit:
		return time.Duration(row.ExpiresAt-now) * time.Millisecond, nil
	}
	row.Failures++
	return 0, r.db.Save(&row).Error
}

// Purge deletes what is past its time.
func (r *developerRows) Purge(_ context.Context, now, unverified time.Time) error {
	if err := r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&developerSessionRow{}).Error; err != nil {
		return err
	}
	if err := r.db.Where("expires_at <= ?", core.Millis(now)).Delete(&developerLinkRow{}).Error; err != nil {
		return err
	}
	return r.db.Where("verified_at = 0 AND created_at <= ?", core.Millis(unverified)).Delete(&developerRow{}).Error
}

var (
	_ developer.Store = Developers{}
	_ developer.Tx    = (*developerRows)(nil)
)
