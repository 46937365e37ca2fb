package store

import (
	"database/sql"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// consumerIdentityRow is an OIDC identity of a consumer. Edges get it as a key's record.
type consumerIdentityRow struct {
	KID            uint64 `gorm:"column:kid;primaryKey;autoIncrement:false"`
	Shard          int
	OrganizationID string
	GatewayID      string
	ConsumerID     string
	Issuer         string
	Subject        string
	Hash           []byte
	Pepper         int
	State          int
	Version        uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (consumerIdentityRow) TableName() string { return "consumer_identities" }

func (r *consumerIdentityRow) publish() core.Publish {
	return core.Publish{
		Kind: core.PublishKey, ID: core.PrefixIdentity + "_" + contract.FormatKID(r.KID), KID: r.KID, Gateway: r.GatewayID, Version: r.Version,
	}
}

// addIdentities fills in the identities of consumers of one gateway.
func addIdentities(db *gorm.DB, org core.OrganizationID, id string, list []gateway.Consumer) error {
	if len(list) == 0 {
		return nil
	}
	at := make(map[string]*gateway.Consumer, len(list))
	ids := make([]string, len(list))
	for i := range list {
		at[list[i].ID], ids[i] = &list[i], list[i].ID
	}
	var rows []consumerIdentityRow
	err := db.Where("organization_id = ? AND gateway_id = ? AND consumer_id IN ? AND state = ?", string(org), id, ids, stateActive).
		Order("issuer, subject").Find(&rows).Error
	for i := range rows {
		c := at[rows[i].ConsumerID]
		c.Identities = append(c.Identities, gateway.Identity{Issuer: rows[i].Issuer, Subject: rows[i].Subject})
	}
	return err
}

// SetIdentities makes the identities of a consumer those in want. With touch the
// ones that stay are published anew. An identity that another consumer has is a
// field error.
func (t consumerTx) SetIdentities(org core.OrganizationID, g *gateway.Gateway, c *gateway.Consumer, want []gateway.IdentityRecord, touch bool) ([]core.Publish, error) {
	var out []core.Publish
	kids := make([]uint64, len(want))
	for i := range want {
		kids[i] = want[i].KID
	}
	var present []consumerIdentityRow
	q := t.Where("organization_id = ? AND gateway_id = ?", string(org), g.ID)
	if err := q.Where("(consumer_id = ? AND state = ?) OR kid IN ?", c.ID, stateActive, signed(kids)).Find(&present).Error; err != nil {
		return nil, err
	}
	rows := make(map[uint64]*consumerIdentityRow, len(present))
	for i := range present {
		rows[present[i].KID] = &present[i]
	}
	var errs contract.FieldErrors
	for i := range want {
		w := &want[i]
		r := rows[w.KID]
		delete(rows, w.KID)
		switch {
		case r == nil:
			r = &consumerIdentityRow{
				KID: w.KID, Shard: contract.KeyShard(w.KID), OrganizationID: string(org), GatewayID: g.ID, ConsumerID: c.ID,
				Issuer: w.Issuer, Subject: w.Subject, Hash: w.Hash[:], Pepper: int(w.Pepper), State: stateActive, Version: 1,
				CreatedAt: t.Now, UpdatedAt: t.Now,
			}
			if err := t.Create(r).Error; err != nil {
				return nil, err
			}
			out = append(out, r.publish())
			continue
		case r.State == stateActive && r.ConsumerID != c.ID:
			errs.Add(contract.Pointer("identities", i), "belongs to another consumer of the gateway")
			continue
		case r.State == stateActive && !touch:
			continue
		}
		if err := t.moveIdentity(r, c.ID, stateActive); err != nil {
			return nil, err
		}
		out = append(out, r.publish())
	}
	if err := core.Invalid(errs.Err()); err != nil {
		return nil, err
	}
	for _, r := range rows { // those that are no longer wanted
		if err := t.moveIdentity(r, c.ID, int(contract.KeyDeleted)); err != nil {
			return nil, err
		}
		out = append(out, r.publish())
	}
	return out, nil
}

// moveIdentity gives an identity its next version.
func (t consumerTx) moveIdentity(r *consumerIdentityRow, consumer string, state int) error {
	r.Version++
	r.ConsumerID, r.State = consumer, state
	return t.Table("consumer_identities").Where("organization_id = ? AND kid = ?", r.OrganizationID, r.KID).
		Updates(map[string]any{"consumer_id": consumer, "state": state, "version": r.Version, "updated_at": t.Now}).Error
}

// identityRecords selects what edges get of identities.
func identityRecords(db *gorm.DB) *gorm.DB {
	return db.Table("consumer_identities").Select("consumer_identities.kid, consumer_identities.version, gateways.num, gateways.mode, " +
		"COALESCE(consumers.num, 0), COALESCE(consumers.name, ''), COALESCE(usage_plans.num, 0), consumer_identities.state, " +
		"consumer_identities.pepper, consumer_identities.hash").
		Joins("JOIN gateways ON gateways.id = consumer_identities.gateway_id").
		Joins("LEFT JOIN consumers ON consumers.id = consumer_identities.consumer_id").
		Joins("LEFT JOIN usage_plans ON usage_plans.id = consumers.usage_plan_id")
}

// readIdentities scans rows of identityRecords.
func readIdentities(q *gorm.DB) (out []*contract.KeyRecord, err error) {
	rows, err := q.Rows()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r := &contract.KeyRecord{Kind: contract.RecordIdentity}
		var hash sql.RawBytes
		var mode string
		if err := rows.Scan(&r.KID, &r.Version, &r.Gateway, &mode, &r.Consumer, &r.ConsumerRef, &r.UsagePlan, &r.State, &r.Pepper, &hash); err != nil {
			return nil, err
		}
		if len(hash) != len(r.Hash) {
			return nil, fmt.Errorf("hash of identity %s is %d bytes", contract.FormatKID(r.KID), len(hash))
		}
		copy(r.Hash[:], hash)
		r.Test = mode == contract.ModeTest
		out = append(out, r)
	}
	return out, rows.Err()
}
