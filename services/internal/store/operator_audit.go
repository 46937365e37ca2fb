package store

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/services/core"
)

// operatorAuditRow is one line of the audit of operators.
type operatorAuditRow struct {
	ID             string `gorm:"primaryKey"`
	At             int64
	OperatorID     string
	Operator       string
	Action         string
	OrganizationID string // empty for what concerns none
	ResourceType   string
	ResourceID     string
	ResourceName   string
	Reason         string
	Detail         string
	RequestID      string
	Client         string
}

func (operatorAuditRow) TableName() string { return "operator_audit" }

// appendOperatorAudit writes what an operator did into the operators' own audit,
// in the transaction of the change, and returns the detail for the organization's
// with the reason in it.
func (t *Txn) appendOperatorAudit(org core.OrganizationID, actor core.Actor, c core.Change, detail []byte) ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(detail, &fields); err != nil {
		return nil, fmt.Errorf("read audit detail: %w", err)
	}
	if actor.Reason != "" {
		reason, err := json.Marshal(actor.Reason)
		if err != nil {
			return nil, fmt.Errorf("encode reason: %w", err)
		}
		fields["reason"] = reason
	}
	detail, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode audit detail: %w", err)
	}
	row := operatorAuditRow{
		ID: core.NewID(core.PrefixAudit), At: t.Now, OperatorID: actor.ID, Operator: actor.Name, Action: c.Action,
		OrganizationID: string(org), ResourceType: c.ResourceType, ResourceID: c.ResourceID, ResourceName: c.ResourceName,
		Reason: actor.Reason, Detail: string(detail), RequestID: actor.RequestID, Client: actor.Client,
	}
	if err := t.Create(&row).Error; err != nil {
		return nil, fmt.Errorf("write operators' audit line: %w", err)
	}
	return detail, nil
}
