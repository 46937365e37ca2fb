package operator

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Entry is one line of the audit of operators.
type Entry struct {
	ID           string
	At           time.Time
	Operator     core.Actor
	Action       string
	Organization core.OrganizationID // empty for what concerns none
	ResourceType string
	ResourceID   string
	ResourceName string
	Detail       json.RawMessage // object
}

// AuditFilter narrows the list. Empty fields do not.
type AuditFilter struct {
	Organization string // id
	Operator     string // user id or address
	Action       string
}

// Audit returns a page of what operators did, newest first.
func (s *Service) Audit(ctx context.Context, f AuditFilter, page core.Page) (core.List[Entry], error) {
	return list(page, func(e Entry) string { return e.ID }, func(before string, limit int) ([]Entry, error) {
		return s.store.Audit(ctx, f, before, limit)
	})
}
