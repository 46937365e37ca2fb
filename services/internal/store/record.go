package store

import (
	"context"
	"fmt"

	"github.com/tollgate/tollgate/services/core"
)

// outboxRow is something to publish. Rows of one gateway, key or organization
// are in the order of their commits, since each writer holds that row's lock.
type outboxRow struct {
	ID             int64 `gorm:"primaryKey;default:(-)"`
	Kind           string
	Ref            string // id of the gateway, organization or key
	KID            uint64 `gorm:"column:kid"`
	OrganizationID string
	GatewayID      string
	Version        uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	Rev            uint64
	SentAt         int64
}

func (outboxRow) TableName() string { return "outbox" }

// outboxBatch bounds the rows of one INSERT: PostgreSQL takes 65,535 parameters.
const outboxBatch = 1000

// Record writes a change's audit line and the outbox rows of what it publishes.
// Every mutation calls it, in its own transaction; the actor comes from ctx.
func (t *Txn) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	if err := t.appendAudit(ctx, org, c); err != nil {
		return err
	}
	t.recorded = true
	if err := t.emit(org, c.Gateway, c.Events); err != nil {
		return err
	}
	rows := make([]outboxRow, 0, len(c.Publish))
	for _, p := range c.Publish {
		rows = append(rows, outboxRow{
			Kind: p.Kind, Ref: p.ID, KID: p.KID, OrganizationID: string(org), GatewayID: p.Gateway,
			Version: p.Version, CreatedAt: t.Now,
		})
	}
	return t.enqueue(rows)
}

func (t *Txn) enqueue(rows []outboxRow) error {
	if len(rows) == 0 {
		return nil
	}
	t.publish = true
	if err := t.CreateInBatches(&rows, outboxBatch).Error; err != nil {
		return fmt.Errorf("write outbox: %w", err)
	}
	return nil
}
