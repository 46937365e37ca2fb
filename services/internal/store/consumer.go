package store

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// Consumers implements gateway.ConsumerStore.
type Consumers struct{ DB *DB }

var _ gateway.ConsumerStore = Consumers{}

type consumerRow struct {
	Num            uint64 `gorm:"default:(-)"`
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Name           string
	UsagePlanID    *string
	UsagePlan      string `gorm:"->"` // joined name
	PlanNum        uint64 `gorm:"->"`
	PlanDocument   string `gorm:"->"`
	Metadata       string
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (consumerRow) TableName() string { return "consumers" }

func (r *consumerRow) domain() (gateway.Consumer, error) {
	c := gateway.Consumer{
		ID: r.ID, Num: r.Num, Gateway: r.GatewayID, Name: r.Name, UsagePlan: r.UsagePlan,
		Metadata: json.RawMessage(r.Metadata), Revision: r.Revision,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
	var err error
	c.Plan, err = planDocument(r.PlanNum, r.UsagePlan, r.PlanDocument)
	return c, err
}

// planDocument is a joined usage plan; nil for none.
func planDocument(num uint64, name, document string) (*contract.UsagePlan, error) {
	if num == 0 {
		return nil, nil
	}
	p := &contract.UsagePlan{}
	if err := json.Unmarshal([]byte(document), p); err != nil {
		return nil, fmt.Errorf("decode usage plan %d: %w", num, err)
	}
	p.Num, p.Name = num, name
	return p, nil
}

// domainConsumers makes consumers of rows, with their identities.
func domainConsumers(db *gorm.DB, org core.OrganizationID, id string, rows []consumerRow) ([]gateway.Consumer, error) {
	out, err := converted(rows, (*consumerRow).domain)
	if err != nil {
		return nil, err
	}
	return out, addIdentities(db, org, id, out)
}

func consumers(db *gorm.DB, org core.OrganizationID, id string) *gorm.DB {
	return db.Table("consumers").Select("consumers.*, COALESCE(usage_plans.name, '') AS usage_plan, "+
		"COALESCE(usage_plans.num, 0) AS plan_num, COALESCE(usage_plans.document, '') AS plan_document").
		Joins("LEFT JOIN usage_plans ON usage_plans.id = consumers.usage_plan_id").
		Where("consumers.organization_id = ? AND consumers.gateway_id = ?", string(org), id)
}

func findConsumer(db *gorm.DB, org core.OrganizationID, id, name string) (*gateway.Consumer, error) {
	var row consumerRow
	err := consumers(db, org, id).Where("consumers.name = ?", name).Take(&row).Error
	if isMissing(err) {
		return nil, core.NotFound("consumer", name)
	}
	if err != nil {
		return nil, err
	}
	list, err := domainConsumers(db, org, id, []consumerRow{row})
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// Tx runs fn in one transaction.
func (s Consumers) Tx(ctx context.Context, fn func(gateway.ConsumerTx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(consumerTx{t}) })
}

// Gateway finds by id or name.
func (s Consumers) Gateway(ctx context.Context, org core.OrganizationID, ref string) (*gateway.Gateway, error) {
	return Gateways(s).Gateway(ctx, org, ref)
}

// Consumer finds by name.
func (s Consumers) Consumer(ctx context.Context, org core.OrganizationID, id, name string) (*gateway.Consumer, error) {
	var out *gateway.Consumer
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = findConsumer(db, org, id, name)
		return err
	})
	return out, err
}

// consumerTx implements gateway.ConsumerTx.
type consumerTx struct{ *Txn }

var _ gateway.ConsumerTx = consumerTx{}

func (t consumerTx) LockGateway(org core.OrganizationID, ref string) (*gateway.Gateway, error) {
	return lockGateway(t.Txn, org, ref)
}

// LockConsumer needs no lock of its own: every writer holds the gateway's.
func (t consumerTx) LockConsumer(org core.OrganizationID, id, name string) (*gateway.Consumer, error) {
	return findConsumer(t.DB, org, id, name)
}

func (t consumerTx) CountConsumers(org core.OrganizationID, id string) (int, error) {
	var n int64
	err := t.Table("consumers").Where("organization_id = ? AND gateway_id = ?", string(org), id).Count(&n).Error
	return int(n), err
}

const consumerTaken = "the gateway has a consumer %q already"

func (t consumerTx) PutConsumer(org core.OrganizationID, id string, c *gateway.Consumer) error {
	var plan *string
	if c.UsagePlan != "" {
		ref, err := planNamed(t.DB, org, id, c.UsagePlan)
		if core.CodeOf(err) == core.CodeNotFound {
			return core.Invalid(contract.FieldErrors{{Pointer: "/usage_plan", Detail: fmt.Sprintf("the gateway has no usage plan %q", c.UsagePlan)}})
		}
		if err != nil {
			return err
		}
		plan = &ref.ID
	}
	c.Revision++
	c.UpdatedAt = core.FromMillis(t.Now)
	if c.Num == 0 {
		c.CreatedAt = c.UpdatedAt
		row := consumerRow{
			ID: c.ID, OrganizationID: string(org), GatewayID: id, Name: c.Name, UsagePlanID: plan,
			Metadata: string(c.Metadata), Revision: c.Revision, CreatedAt: t.Now, UpdatedAt: t.Now,
		}
		err := t.Create(&row).Error
		c.Num = row.Num
		return nameTaken(err, consumerTaken, c.Name)
	}
	r := t.Table("consumers").Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, c.ID).
		Updates(map[string]any{"name": c.Name, "usage_plan_id": plan, "metadata": string(c.Metadata), "revision": c.Revision, "updated_at": t.Now})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return nameTaken(r.Error, consumerTaken, c.Name)
}

func (t consumerTx) DeleteConsumer(org core.OrganizationID, id, consumer string) error {
	return t.Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, consumer).Delete(&consumerRow{}).Error
}

func (t consumerTx) TouchKeys(org core.OrganizationID, consumer string, drop bool) ([]core.Publish, error) {
	set := map[string]any{"version": gorm.Expr("version + 1"), "updated_at": t.Now}
	if drop {
		set["state"] = contract.KeyDeleted
	}
	mine := func() *gorm.DB {
		return t.Table("api_keys").Where("organization_id = ? AND consumer_id = ? AND state = ?", string(org), consumer, stateActive)
	}
	var rows []keyRow
	if err := mine().Select("kid", "gateway_id", "version").Order("kid").Find(&rows).Error; err != nil {
		return nil, err
	}
	if err := mine().Updates(set).Error; err != nil {
		return nil, err
	}
	out := make([]core.Publish, len(rows))
	for i := range rows {
		out[i] = core.Publish{
			Kind: core.PublishKey, ID: apikey.ID(rows[i].KID), KID: rows[i].KID, Gateway: rows[i].GatewayID,
			Version: rows[i].Version + 1,
		}
	}
	return out, nil
}
