package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/gateway"
)

// gatewayTx implements gateway.Tx.
type gatewayTx struct{ *Txn }

var _ gateway.Tx = gatewayTx{}

// lockGateway finds a gateway by id or name and holds its row.
func lockGateway(t *Txn, org core.OrganizationID, ref string) (*gateway.Gateway, error) {
	var row gatewayRow
	err := byRef(t.forUpdate().Table("gateways").Where("gateways.organization_id = ? AND gateways.deleted_at = 0", string(org)), ref).
		Take(&row).Error
	if isMissing(err) {
		return nil, core.NotFound("gateway", ref)
	}
	if err != nil {
		return nil, err
	}
	if err := t.Table("organizations").Select("num").Where("id = ?", string(org)).Take(&row.OrganizationNum).Error; err != nil {
		return nil, err
	}
	g, err := row.domain()
	return &g, err
}

func (t gatewayTx) LockGateway(org core.OrganizationID, ref string) (*gateway.Gateway, error) {
	return lockGateway(t.Txn, org, ref)
}

func (t gatewayTx) CountGateways(org core.OrganizationID) (int, error) {
	var n int64
	err := t.Table("gateways").Where("organization_id = ? AND deleted_at = 0", string(org)).Count(&n).Error
	return int(n), err
}

// TakeLabel inserts the label, or takes over one whose time is over: one
// statement, so that two can't both have it.
func (t gatewayTx) TakeLabel(_ core.OrganizationID, label, id string) (bool, error) {
	r := t.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "label"}},
		DoUpdates: clause.Assignments(map[string]any{"gateway_id": id, "reserved_until": 0}),
		Where: clause.Where{Exprs: []clause.Expression{
			clause.Expr{SQL: "gateway_labels.reserved_until > 0 AND gateway_labels.reserved_until < ?", Vars: []any{t.Now}},
		}},
	}).Create(&labelRow{Label: label, GatewayID: id})
	return r.RowsAffected == 1, r.Error
}

func (t gatewayTx) FreeLabel(org core.OrganizationID, label string, until time.Time) error {
	owned := t.Table("gateways").Select("id").Where("organization_id = ?", string(org))
	return t.Table("gateway_labels").Where("label = ? AND gateway_id IN (?)", label, owned).
		Update("reserved_until", core.Millis(until)).Error
}

func (t gatewayTx) CreateGateway(org core.OrganizationID, g *gateway.Gateway) error {
	settings, err := json.Marshal(g.Settings)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	if err := t.Table("organizations").Select("num").Where("id = ?", string(org)).Take(&g.OrganizationNum).Error; err != nil {
		return err
	}
	row := gatewayRow{
		ID: g.ID, OrganizationID: string(org), Name: g.Name, Label: g.Label, Mode: g.Mode,
		Settings: string(settings), Policies: "[]", Version: g.Version, CreatedAt: t.Now, UpdatedAt: t.Now,
	}
	if err := t.Create(&row).Error; err != nil {
		if isDuplicate(err) {
			return gatewayNameTaken(g.Name, err)
		}
		return err
	}
	g.Num, g.Organization = row.Num, org
	g.CreatedAt, g.UpdatedAt = core.FromMillis(t.Now), core.FromMillis(t.Now)
	return nil
}

func gatewayNameTaken(name string, err error) error {
	return core.Wrap(core.CodeNameTaken, err, fmt.Sprintf("the organization has a gateway %q already: choose another name", name))
}

// ErrGone says that a row which was to be changed is not there, or not the
// organization's. Services lock a row before they change it and never see this.
var ErrGone = errors.New("the row that was to be changed does not exist")

func (t gatewayTx) SaveGateway(org core.OrganizationID, g *gateway.Gateway, policies json.RawMessage) error {
	settings, err := json.Marshal(g.Settings)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	set := map[string]any{"name": g.Name, "settings": string(settings), "version": g.Version, "updated_at": t.Now}
	if policies != nil {
		set["policies"] = string(policies)
	}
	if g.Deleted {
		set["deleted_at"] = t.Now
	}
	r := t.Table("gateways").Where("organization_id = ? AND id = ? AND deleted_at = 0", string(org), g.ID).Updates(set)
	if isDuplicate(r.Error) {
		return gatewayNameTaken(g.Name, r.Error)
	}
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	g.UpdatedAt = core.FromMillis(t.Now)
	return r.Error
}

func (t gatewayTx) Source(org core.OrganizationID, id string) (*gateway.Source, error) {
	return readSource(t.DB, org, id)
}

func (t gatewayTx) PlanUsers(org core.OrganizationID, id string, plans []string) (int, error) {
	var consumers, keys int64
	if err := t.Table("consumers").Where("organization_id = ? AND gateway_id = ? AND usage_plan_id IN ?", string(org), id, plans).
		Count(&consumers).Error; err != nil {
		return 0, err
	}
	// Keys that ended keep no plan from going: DeleteEntries takes it from them.
	err := t.Table("api_keys").Where("organization_id = ? AND gateway_id = ? AND usage_plan_id IN ? AND state = ?", string(org), id, plans, stateActive).
		Count(&keys).Error
	return int(consumers + keys), err
}

func (t gatewayTx) PutSecret(org core.OrganizationID, id string, v *gateway.SecretValue) error {
	v.Revision++
	v.UpdatedAt = core.FromMillis(t.Now)
	if v.Revision == 1 {
		v.CreatedAt = v.UpdatedAt
		return t.Create(&secretRow{
			ID: v.ID, OrganizationID: string(org), GatewayID: id, Name: v.Name, Sealed: v.Sealed, EdgeSealed: v.EdgeSealed,
			Revision: v.Revision, CreatedAt: t.Now, UpdatedAt: t.Now,
		}).Error
	}
	r := t.Table("secrets").Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, v.ID).
		Updates(map[string]any{"sealed": v.Sealed, "edge_sealed": v.EdgeSealed, "revision": v.Revision, "updated_at": t.Now})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return r.Error
}

func (t gatewayTx) DeleteSecret(org core.OrganizationID, id, secret string) error {
	return t.Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, secret).Delete(&secretRow{}).Error
}

func (t gatewayTx) AddVersion(org core.OrganizationID, id string, v *gateway.HistoryEntry) error {
	v.CreatedAt = core.FromMillis(t.Now)
	return t.Create(&versionRow{
		GatewayID: id, Version: v.Version.Version, OrganizationID: string(org),
		AuthorKind: v.AuthorKind, AuthorID: v.AuthorID, AuthorName: v.AuthorName,
		Summary: v.Summary, RestoredFrom: v.RestoredFrom, Delta: v.Delta, Document: v.Document, CreatedAt: t.Now,
	}).Error
}

func (t gatewayTx) Emit(org core.OrganizationID, id string, events ...event.Event) error {
	return t.emit(org, id, events)
}

func (t gatewayTx) SinceDocument(org core.OrganizationID, id string) (int, error) {
	newest := t.Table("gateway_versions").Select("COALESCE(MAX(version), 0)").
		Where("organization_id = ? AND gateway_id = ? AND document IS NOT NULL", string(org), id)
	var n int64
	err := t.Table("gateway_versions").Where("organization_id = ? AND gateway_id = ? AND version > (?)", string(org), id, newest).
		Count(&n).Error
	return int(n), err
}
