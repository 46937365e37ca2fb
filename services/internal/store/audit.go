package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/services/core"
)

// auditRow is one line of the audit log.
type auditRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	At             int64
	ActorKind      string
	ActorID        string
	ActorName      string
	Action         string
	ResourceType   string
	ResourceID     string
	ResourceName   string
	GatewayID      string
	Detail         string
	RequestID      string
	Client         string
	Idempotency    *string
}

func (auditRow) TableName() string { return "audit" }

// appendAudit writes the audit line of a change.
func (t *Txn) appendAudit(ctx context.Context, org core.OrganizationID, c core.Change) error {
	actor := core.ActorFrom(ctx)
	detail := []byte("{}")
	if c.Detail != nil {
		var err error
		if detail, err = json.Marshal(c.Detail); err != nil {
			return fmt.Errorf("encode audit detail: %w", err)
		}
	}
	if actor.Kind == core.ActorOperator {
		var err error
		if detail, err = t.appendOperatorAudit(org, actor, c, detail); err != nil || org == "" {
			return err
		}
	}
	row := auditRow{
		ID: core.NewID(core.PrefixAudit), OrganizationID: string(org), At: t.Now,
		ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name,
		Action: c.Action, ResourceType: c.ResourceType, ResourceID: c.ResourceID, ResourceName: c.ResourceName,
		GatewayID: c.Gateway, Detail: string(detail), RequestID: actor.RequestID, Client: actor.Client,
	}
	if actor.Idempotency != "" && !t.recorded {
		row.Idempotency = &actor.Idempotency
	}
	if err := t.Create(&row).Error; err != nil {
		return fmt.Errorf("write audit line: %w", err)
	}
	return nil
}
