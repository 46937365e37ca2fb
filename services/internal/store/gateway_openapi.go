package store

import (
	"encoding/json"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
)

// openAPIRow is a gateway's OpenAPI document, in a table of its own so that lists of
// gateways do not read it.
type openAPIRow struct {
	GatewayID      string `gorm:"primaryKey"`
	OrganizationID string
	Document       string
}

func (openAPIRow) TableName() string { return "gateway_openapi" }

func readOpenAPI(db *gorm.DB, org core.OrganizationID, id string) (json.RawMessage, error) {
	var row openAPIRow
	err := db.Where("organization_id = ? AND gateway_id = ?", string(org), id).Take(&row).Error
	if isMissing(err) {
		return nil, nil
	}
	return json.RawMessage(row.Document), err
}

// SaveOpenAPI replaces a gateway's document, or removes it.
func (t gatewayTx) SaveOpenAPI(org core.OrganizationID, id string, doc json.RawMessage) error {
	if len(doc) == 0 {
		return t.Where("organization_id = ? AND gateway_id = ?", string(org), id).Delete(&openAPIRow{}).Error
	}
	r := t.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "gateway_id"}}, DoUpdates: clause.AssignmentColumns([]string{"document"}),
		Where: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "gateway_openapi.organization_id = ?", Vars: []any{string(org)}}}},
	}).Create(&openAPIRow{GatewayID: id, OrganizationID: string(org), Document: string(doc)})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return r.Error
}
