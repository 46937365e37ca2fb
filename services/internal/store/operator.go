package store

import (
	"context"
	"encoding/json"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/operator"
)

// Operators reads across organizations for those who run this Tollgate.
type Operators struct{ *DB }

// ownersShown bounds the owners of a listed organization.
const ownersShown = 3

// Organizations returns organizations with what the console lists of each.
func (s Operators) Organizations(ctx context.Context, search operator.Search, before string, limit int) ([]operator.Organization, error) {
	var out []operator.Organization
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		q := db.Order("id DESC").Limit(limit)
		if before != "" {
			q = q.Where("id < ?", before)
		}
		var rows []organizationRow
		if err := searched(q, &search).Find(&rows).Error; err != nil || len(rows) == 0 {
			return err
		}
		out = convert(rows, consoleOrganization)
		return countOrganizations(db, out)
	})
	return out, err
}

func consoleOrganization(r *organizationRow) operator.Organization {
	return operator.Organization{
		ID: core.OrganizationID(r.ID), Name: r.Name, Plan: r.Plan, Verified: r.Verified, Suspended: r.Suspended,
		DeletedAt: core.FromMillis(r.DeletedAt), PeriodStart: core.FromMillis(r.PeriodStart), PeriodEnd: core.FromMillis(r.PeriodEnd),
		CreatedAt: core.FromMillis(r.CreatedAt),
	}
}

func searched(q *gorm.DB, search *operator.Search) *gorm.DB {
	switch search.State {
	case operator.StateActive:
		q = q.Where("deleted_at = 0 AND NOT suspended")
	case operator.StateSuspended:
		q = q.Where("deleted_at = 0 AND suspended")
	case operator.StateUnverified:
		q = q.Where("deleted_at = 0 AND NOT verified")
	case operator.StateDeleted:
		q = q.Where("deleted_at > 0")
	}
	if search.Plan != "" {
		q = q.Where("plan = ?", search.Plan)
	}
	if search.Query == "" {
		return q
	}
	p := likeWithin(search.Query)
	return q.Where(`(LOWER(name) LIKE ? ESCAPE '!' OR id = ?
		OR EXISTS (SELECT 1 FROM members m JOIN users u ON u.id = m.user_id WHERE m.organization_id = organizations.id AND m.role = 'owner' AND u.email_key LIKE ? ESCAPE '!')
		OR EXISTS (SELECT 1 FROM gateways g WHERE g.organization_id = organizations.id AND g.label LIKE ? ESCAPE '!')
		OR EXISTS (SELECT 1 FROM gateway_domains d WHERE d.organization_id = organizations.id AND d.host LIKE ? ESCAPE '!'))`,
		p, search.Query, p, p, p)
}

// countOrganizations adds members, gateways and usage to a page of organizations.
func countOrganizations(db *gorm.DB, page []operator.Organization) error {
	ids := make([]string, len(page))
	at := make(map[string]*operator.Organization, len(page))
	for i := range page {
		ids[i] = string(page[i].ID)
		at[ids[i]] = &page[i]
	}
	var members []struct{ OrganizationID, Email, Role string }
	err := db.Raw(`SELECT m.organization_id, u.email, m.role FROM members m JOIN users u ON u.id = m.user_id WHERE m.organization_id IN ? ORDER BY m.id`, ids).Scan(&members).Error
	if err != nil {
		return err
	}
	for i := range members {
		o := at[members[i].OrganizationID]
		o.Members++
		if members[i].Role == "owner" && len(o.Owners) < ownersShown {
			o.Owners = append(o.Owners, members[i].Email)
		}
	}
	var counts []struct {
		OrganizationID string
		N              int64
	}
	err = db.Raw(`SELECT organization_id, COUNT(*) AS n FROM gateways WHERE deleted_at = 0 AND organization_id IN ? GROUP BY organization_id`, ids).Scan(&counts).Error
	if err != nil {
		return err
	}
	for i := range counts {
		at[counts[i].OrganizationID].Gateways = int(counts[i].N)
	}
	counts = nil
	err = db.Raw(`SELECT o.id AS organization_id, CAST(SUM(s.billed) AS bigint) AS n FROM organizations o
		JOIN gateways g ON g.organization_id = o.id JOIN usage_sums s ON s.gateway = g.num AND s.span = ? AND s.part = ? AND s.at >= o.period_start / 86400000
		WHERE o.id IN ? GROUP BY o.id`, spanDay, partGateway, ids).Scan(&counts).Error
	for i := range counts {
		at[counts[i].OrganizationID].Used = counts[i].N
	}
	return err
}

type operatorNoteRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	AuthorID       string
	Author         string
	Body           string
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
}

func (operatorNoteRow) TableName() string { return "operator_notes" }

// Notes returns notes on an organization, newest first.
func (s Operators) Notes(ctx context.Context, org core.OrganizationID, before string, limit int) ([]operator.Note, error) {
	var rows []operatorNoteRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		q := db.Where("organization_id = ?", string(org))
		if before != "" {
			q = q.Where("id < ?", before)
		}
		return q.Order("id DESC").Limit(limit).Find(&rows).Error
	})
	return convert(rows, func(r *operatorNoteRow) operator.Note {
		return operator.Note{ID: r.ID, AuthorID: r.AuthorID, Author: r.Author, Text: r.Body, CreatedAt: core.FromMillis(r.CreatedAt)}
	}), err
}

type operatorViewRow struct {
	SessionID      string `gorm:"primaryKey"`
	OrganizationID string
	Reason         string
	StartedAt      int64
	EndsAt         int64
	Name           string `gorm:"->"` // of the organization, by join
}

func (operatorViewRow) TableName() string { return "operator_views" }

// View returns what a session looks at. One of an organization that was deleted
// meanwhile is gone.
func (s Operators) View(ctx context.Context, session string) (operator.View, error) {
	var row operatorViewRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return take(db.Table("operator_views").Select("operator_views.*, organizations.name").
			Joins("JOIN organizations ON organizations.id = operator_views.organization_id").
			Where("session_id = ? AND organizations.deleted_at = 0", session), &row, "view", session)
	})
	return operator.View{
		Session: row.SessionID, Organization: core.OrganizationID(row.OrganizationID), Name: row.Name, Reason: row.Reason,
		StartedAt: core.FromMillis(row.StartedAt), EndsAt: core.FromMillis(row.EndsAt),
	}, err
}

// Audit returns what operators did, newest first.
func (s Operators) Audit(ctx context.Context, f operator.AuditFilter, before string, limit int) ([]operator.Entry, error) {
	var rows []operatorAuditRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		q := db.Order("id DESC").Limit(limit)
		if before != "" {
			q = q.Where("id < ?", before)
		}
		if f.Organization != "" { // also what only mentions it
			q = q.Where("(organization_id = ? OR resource_id = ?)", f.Organization, f.Organization)
		}
		if f.Operator != "" {
			q = q.Where("(operator_id = ? OR LOWER(operator) = ?)", f.Operator, strings.ToLower(f.Operator))
		}
		if f.Action != "" {
			q = q.Where("action = ?", f.Action)
		}
		return q.Find(&rows).Error
	})
	return convert(rows, func(r *operatorAuditRow) operator.Entry {
		return operator.Entry{
			ID: r.ID, At: core.FromMillis(r.At), Action: r.Action, Organization: core.OrganizationID(r.OrganizationID),
			Operator:     core.Actor{Kind: core.ActorOperator, ID: r.OperatorID, Name: r.Operator, Client: r.Client, RequestID: r.RequestID, Reason: r.Reason},
			ResourceType: r.ResourceType, ResourceID: r.ResourceID, ResourceName: r.ResourceName, Detail: json.RawMessage(r.Detail),
		}
	}), err
}

// Tx runs fn in one transaction.
func (s Operators) Tx(ctx context.Context, fn func(operator.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(operatorTx{t}) })
}

type operatorTx struct{ t *Txn }

func (x operatorTx) Live(_ context.Context, org core.OrganizationID) (string, error) {
	var row organizationRow
	err := take(x.t.forUpdate().Where("id = ? AND deleted_at = 0", string(org)), &row, "organization", string(org))
	return row.Name, err
}

func (x operatorTx) InsertNote(_ context.Context, org core.OrganizationID, n *operator.Note) error {
	return x.t.Create(&operatorNoteRow{
		ID: n.ID, OrganizationID: string(org), AuthorID: n.AuthorID, Author: n.Author, Body: n.Text, CreatedAt: core.Millis(n.CreatedAt),
	}).Error
}

func (x operatorTx) DeleteNote(_ context.Context, org core.OrganizationID, id string) error {
	return changed(x.t.Where("organization_id = ? AND id = ?", string(org), id).Delete(&operatorNoteRow{}), "note", id)
}

func (x operatorTx) PutView(_ context.Context, v *operator.View) error {
	return x.t.Clauses(clause.OnConflict{UpdateAll: true}).Create(&operatorViewRow{
		SessionID: v.Session, OrganizationID: string(v.Organization), Reason: v.Reason,
		StartedAt: core.Millis(v.StartedAt), EndsAt: core.Millis(v.EndsAt),
	}).Error
}

func (x operatorTx) DeleteView(_ context.Context, session string) error {
	return x.t.Where("session_id = ?", session).Delete(&operatorViewRow{}).Error
}

func (x operatorTx) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	return x.t.Record(ctx, org, c)
}

var (
	_ operator.Store = Operators{}
	_ operator.Tx    = operatorTx{}
)
