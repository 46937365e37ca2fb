package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// Gateways implements gateway.Store.
type Gateways struct{ DB *DB }

var _ gateway.Store = Gateways{}

// Tx runs fn in one transaction.
func (s Gateways) Tx(ctx context.Context, fn func(gateway.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(gatewayTx{t}) })
}

// TxInLine runs fn in one transaction, one at a time for a gateway.
func (s Gateways) TxInLine(ctx context.Context, org core.OrganizationID, ref string, fn func(gateway.Tx) error) error {
	return s.DB.TxInLine(ctx, "gateway "+string(org)+" "+ref, func(t *Txn) error { return fn(gatewayTx{t}) })
}

// gateways selects an organization's gateways that are not deleted, with the
// organization's number.
func gateways(db *gorm.DB, org core.OrganizationID) *gorm.DB {
	return db.Table("gateways").
		Select("gateways.*, organizations.num AS organization_num").
		Joins("JOIN organizations ON organizations.id = gateways.organization_id").
		Where("gateways.organization_id = ? AND gateways.deleted_at = 0", string(org))
}

// byRef adds the condition that finds a gateway by id or name. A name can't look
// like an id: it holds no underscore.
func byRef(db *gorm.DB, ref string) *gorm.DB {
	if strings.HasPrefix(ref, core.PrefixGateway+"_") {
		return db.Where("gateways.id = ?", ref)
	}
	return db.Where("gateways.name = ?", ref)
}

func findGateway(db *gorm.DB, org core.OrganizationID, ref string) (*gateway.Gateway, error) {
	var row gatewayRow
	err := byRef(gateways(db, org), ref).Take(&row).Error
	if isMissing(err) {
		return nil, core.NotFound("gateway", ref)
	}
	if err != nil {
		return nil, err
	}
	g, err := row.domain()
	return &g, err
}

// Gateways lists by name.
func (s Gateways) Gateways(ctx context.Context, org core.OrganizationID, limit int, after string) ([]gateway.Gateway, error) {
	var out []gateway.Gateway
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var rows []gatewayRow
		q := gateways(db, org).Order("gateways.name")
		if after != "" {
			q = q.Where("gateways.name > ?", after)
		}
		if limit > 0 {
			q = q.Limit(limit)
		}
		if err := q.Find(&rows).Error; err != nil {
			return err
		}
		var err error
		out, err = converted(rows, (*gatewayRow).domain)
		return err
	})
	return out, err
}

// Gateway finds by id or name.
func (s Gateways) Gateway(ctx context.Context, org core.OrganizationID, ref string) (*gateway.Gateway, error) {
	var out *gateway.Gateway
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = findGateway(db, org, ref)
		return err
	})
	return out, err
}

// Source reads all of a gateway at one moment, so that no half of a change is seen.
func (s Gateways) Source(ctx context.Context, org core.OrganizationID, id string) (*gateway.Source, error) {
	var out *gateway.Source
	err := s.DB.Snapshot(ctx, func(db *gorm.DB) (err error) {
		out, err = readSource(db, org, id)
		return err
	})
	return out, err
}

func readSource(db *gorm.DB, org core.OrganizationID, id string) (*gateway.Source, error) {
	var row gatewayRow
	err := gateways(db, org).Where("gateways.id = ?", id).Take(&row).Error
	if isMissing(err) {
		return nil, core.NotFound("gateway", id)
	}
	if err != nil {
		return nil, err
	}
	src := &gateway.Source{Policies: []byte(row.Policies)}
	if src.Gateway, err = row.domain(); err != nil {
		return nil, err
	}
	for k := range entryTables {
		if src.Entries[k], err = readEntries(db, org, id, gateway.EntryQuery{Kind: gateway.Kind(k)}); err != nil {
			return nil, err
		}
	}
	if src.OpenAPI, err = readOpenAPI(db, org, id); err != nil {
		return nil, err
	}
	if src.Secrets, err = readSecrets(db, org, id); err != nil {
		return nil, err
	}
	if src.Certificates, err = readCertificates(db, org, id); err != nil {
		return nil, err
	}
	src.Domains, err = readDomains(db.Where("organization_id = ? AND gateway_id = ?", string(org), id))
	return src, err
}

func readEntries(db *gorm.DB, org core.OrganizationID, id string, q gateway.EntryQuery) ([]gateway.Entry, error) {
	table := entryTables[q.Kind]
	query := db.Table(table).Where("organization_id = ? AND gateway_id = ?", string(org), id).Order("name")
	if q.Name != "" {
		query = query.Where("name = ?", q.Name)
	}
	if q.Limit > 0 {
		query = query.Limit(q.Limit)
	}
	var rows []entryRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]gateway.Entry, len(rows))
	for i := range rows {
		out[i] = rows[i].domain()
	}
	return out, nil
}

func readSecrets(db *gorm.DB, org core.OrganizationID, id string) ([]gateway.SecretValue, error) {
	var rows []secretRow
	err := db.Where("organization_id = ? AND gateway_id = ?", string(org), id).Order("name").Find(&rows).Error
	if err != nil {
		return nil, err
	}
	out := make([]gateway.SecretValue, len(rows))
	for i := range rows {
		out[i] = rows[i].domain()
	}
	return out, nil
}

// Entries lists upstreams, routes or usage plans.
func (s Gateways) Entries(ctx context.Context, org core.OrganizationID, id string, q gateway.EntryQuery) ([]gateway.Entry, error) {
	var out []gateway.Entry
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = readEntries(db, org, id, q)
		return err
	})
	return out, err
}

// ListEntries finds a page of entries.
func (s Gateways) ListEntries(ctx context.Context, org core.OrganizationID, id string, q gateway.EntryList) (core.Found[gateway.Entry], error) {
	var out core.Found[gateway.Entry]
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = listEntries(db, org, id, &q)
		return err
	})
	return out, err
}

// Secrets lists secrets without their values.
func (s Gateways) Secrets(ctx context.Context, org core.OrganizationID, id string) ([]gateway.Secret, error) {
	var out []gateway.Secret
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		all, err := readSecrets(db.Omit("sealed", "edge_sealed"), org, id)
		out = make([]gateway.Secret, len(all))
		for i := range all {
			out[i] = all[i].Secret
		}
		return err
	})
	return out, err
}

// History reads versions, newest first.
func (s Gateways) History(ctx context.Context, org core.OrganizationID, id string, limit int, before uint64) ([]gateway.HistoryEntry, error) {
	return s.versions(ctx, func(db *gorm.DB) *gorm.DB {
		q := db.Omit("delta", "document").Where("organization_id = ? AND gateway_id = ?", string(org), id).
			Order("version DESC").Limit(limit)
		if before > 0 {
			q = q.Where("version < ?", before)
		}
		return q
	})
}

// Lineup reads the versions that rebuild one, oldest first.
func (s Gateways) Lineup(ctx context.Context, org core.OrganizationID, id string, version uint64) ([]gateway.HistoryEntry, error) {
	return s.versions(ctx, func(db *gorm.DB) *gorm.DB {
		from := db.Table("gateway_versions").Select("MAX(version)").
			Where("organization_id = ? AND gateway_id = ? AND version <= ? AND document IS NOT NULL", string(org), id, version)
		return db.Where("organization_id = ? AND gateway_id = ? AND version <= ? AND version >= (?)", string(org), id, version, from).
			Order("version")
	})
}

func (s Gateways) versions(ctx context.Context, query func(*gorm.DB) *gorm.DB) ([]gateway.HistoryEntry, error) {
	var out []gateway.HistoryEntry
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var rows []versionRow
		if err := query(db).Find(&rows).Error; err != nil {
			return err
		}
		out = make([]gateway.HistoryEntry, len(rows))
		for i := range rows {
			out[i] = rows[i].domain()
		}
		return nil
	})
	return out, err
}
