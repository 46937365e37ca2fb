package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/gateway"
)

type developerRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Email          string
	EmailKey       string
	Name           string
	PasswordHash   string
	VerifiedAt     int64
	ConsumerID     *string
	Consumer       string `gorm:"->"`
	UsagePlan      string `gorm:"->"`
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (developerRow) TableName() string { return "developers" }

func developerFrom(r *developerRow) developer.Developer {
	d := developer.Developer{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Gateway: r.GatewayID, Email: r.Email, Name: r.Name,
		PasswordHash: r.PasswordHash, VerifiedAt: core.FromMillis(r.VerifiedAt), Consumer: r.Consumer, UsagePlan: r.UsagePlan,
		Revision: r.Revision, CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
	if r.ConsumerID != nil {
		d.ConsumerID = *r.ConsumerID
	}
	return d
}

// developers joins the consumer that a developer is, with its usage plan.
func (r *developerRows) developers(org core.OrganizationID, gateway string) *gorm.DB {
	return r.of("developers", org, gateway).
		Select("developers.*, COALESCE(consumers.name, '') AS consumer, COALESCE(usage_plans.name, '') AS usage_plan").
		Joins("LEFT JOIN consumers ON consumers.id = developers.consumer_id").
		Joins("LEFT JOIN usage_plans ON usage_plans.id = consumers.usage_plan_id")
}

func (r *developerRows) CountDevelopers(_ context.Context, org core.OrganizationID, gateway string) (int, error) {
	var n int64
	err := r.of("developers", org, gateway).Count(&n).Error
	return int(n), err
}

func (r *developerRows) FindDeveloper(_ context.Context, org core.OrganizationID, gateway, id string) (developer.Developer, error) {
	var row developerRow
	err := take(r.developers(org, gateway).Where("developers.id = ?", id), &row, "developer", id)
	return developerFrom(&row), err
}

func (r *developerRows) FindDeveloperByEmail(_ context.Context, org core.OrganizationID, gateway, key string) (developer.Developer, error) {
	var row developerRow
	err := take(r.developers(org, gateway).Where("developers.email_key = ?", key), &row, "developer", "")
	return developerFrom(&row), err
}

func (r *developerRows) ListDevelopers(_ context.Context, org core.OrganizationID, gateway, after string, limit int) ([]developer.Developer, error) {
	var rows []developerRow
	err := r.developers(org, gateway).Where("developers.id > ?", after).Order("developers.id").Limit(limit).Find(&rows).Error
	return convert(rows, developerFrom), err
}

func (r *developerRows) InsertDeveloper(_ context.Context, org core.OrganizationID, d *developer.Developer) error {
	now := r.t.Now
	d.Revision, d.CreatedAt, d.UpdatedAt = 1, core.FromMillis(now), core.FromMillis(now)
	err := r.db.Create(&developerRow{
		ID: d.ID, OrganizationID: string(org), GatewayID: d.Gateway, Email: d.Email, EmailKey: strings.ToLower(d.Email), Name: d.Name,
		PasswordHash: d.PasswordHash, VerifiedAt: core.Millis(d.VerifiedAt), Revision: 1, CreatedAt: now, UpdatedAt: now,
	}).Error
	if isDuplicate(err) {
		return core.Wrap(core.CodeEmailTaken, err, "the address has an account already: sign in")
	}
	return err
}

func (r *developerRows) UpdateDeveloper(_ context.Context, org core.OrganizationID, d *developer.Developer) error {
	var consumer *string
	if d.ConsumerID != "" {
		consumer = &d.ConsumerID
	}
	d.Revision++
	d.UpdatedAt = core.FromMillis(r.t.Now)
	return changed(r.of("developers", org, d.Gateway).Where("id = ?", d.ID).UpdateColumns(map[string]any{
		"name": d.Name, "password_hash": d.PasswordHash, "verified_at": core.Millis(d.VerifiedAt), "consumer_id": consumer,
		"revision": d.Revision, "updated_at": r.t.Now,
	}), "developer", d.ID)
}

func (r *developerRows) DeleteDeveloper(_ context.Context, org core.OrganizationID, gateway, id string) error {
	return changed(r.db.Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), gateway, id).Delete(&developerRow{}), "developer", id)
}

// GrantPlan works as a consumer's own PUT does, and leaves alone what else the
// owner gave the consumer.
func (r *developerRows) GrantPlan(ctx context.Context, org core.OrganizationID, g developer.Grant) (out developer.Granted, err error) {
	tx := consumerTx{r.t}
	if err := r.LockGateway(ctx, org, g.Gateway); err != nil {
		return out, err
	}
	c, err := tx.LockConsumer(org, g.Gateway, g.Consumer)
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		c = &gateway.Consumer{ID: core.NewID(core.PrefixConsumer), Gateway: g.Gateway, Name: g.Consumer, Metadata: g.Metadata}
		out.Created, err = true, nil
	}
	if err != nil {
		return out, err
	}
	c.UsagePlan = g.UsagePlan
	if err := tx.PutConsumer(org, g.Gateway, c); err != nil {
		return out, err
	}
	out.ConsumerID = c.ID
	if !out.Created {
		out.Publish, err = tx.TouchKeys(org, c.ID, false)
	}
	return out, err
}

func (r *developerRows) CountConsumers(_ context.Context, org core.OrganizationID, id string) (int, error) {
	return consumerTx{r.t}.CountConsumers(org, id)
}

func (r *developerRows) DropConsumer(_ context.Context, org core.OrganizationID, id, name string) ([]core.Publish, error) {
	tx := consumerTx{r.t}
	c, err := tx.LockConsumer(org, id, name)
	if err != nil {
		return nil, err
	}
	publish, err := tx.TouchKeys(org, c.ID, true)
	if err != nil {
		return nil, err
	}
	return publish, tx.DeleteConsumer(org, id, c.ID)
}
