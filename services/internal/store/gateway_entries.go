package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// entryBatch bounds the rows of one statement: the driver of SQLite binds n
// parameters in n² steps.
const entryBatch = 100

func (t gatewayTx) PutEntries(org core.OrganizationID, id string, kind gateway.Kind, entries []*gateway.Entry) error {
	var fresh, known []*gateway.Entry
	for _, e := range entries {
		if e.Num == 0 {
			fresh = append(fresh, e)
		} else {
			known = append(known, e)
		}
	}
	for batch := range slices.Chunk(fresh, entryBatch) {
		if err := t.addEntries(org, id, kind, batch); err != nil {
			return err
		}
	}
	for batch := range slices.Chunk(known, entryBatch) {
		if err := t.replaceEntries(org, id, kind, batch); err != nil {
			return err
		}
	}
	if kind != gateway.KindUpstream {
		return nil
	}
	for _, e := range entries {
		if err := t.nameTargets(org, id, e.Num, e.Name, e.Document); err != nil {
			return err
		}
	}
	return nil
}

// addEntries inserts new entries and learns their numbers.
func (t gatewayTx) addEntries(org core.OrganizationID, id string, kind gateway.Kind, entries []*gateway.Entry) error {
	args := make([]any, 0, 10*len(entries))
	at := make(map[string]*gateway.Entry, len(entries))
	for _, e := range entries {
		m, err := marksOf(kind, e)
		if err != nil {
			return err
		}
		e.Revision++
		e.CreatedAt, e.UpdatedAt = core.FromMillis(t.Now), core.FromMillis(t.Now)
		at[e.ID] = e
		args = append(args, e.ID, string(org), id, e.Name, string(e.Document), e.Revision, t.Now, t.Now, m.Search, m.Tags)
	}
	var made []struct {
		ID  string
		Num uint64
	}
	err := t.Raw("INSERT INTO "+entryTables[kind]+" (id, organization_id, gateway_id, name, document, revision, created_at, updated_at, search, tags) VALUES "+
		places(len(entries), 10)+" RETURNING id, num", args...).Find(&made).Error
	if err != nil {
		return err
	}
	for i := range made {
		at[made[i].ID].Num = made[i].Num
	}
	return nil
}

// replaceEntries updates entries that are there: one statement for all, since a
// document of 10,000 routes may change in each of them.
func (t gatewayTx) replaceEntries(org core.OrganizationID, id string, kind gateway.Kind, entries []*gateway.Entry) error {
	args := make([]any, 0, 5*len(entries)+3)
	for _, e := range entries {
		m, err := marksOf(kind, e)
		if err != nil {
			return err
		}
		e.Revision++
		e.UpdatedAt = core.FromMillis(t.Now)
		args = append(args, e.ID, e.Name, string(e.Document), m.Search, m.Tags)
	}
	table := entryTables[kind]
	// The concatenations keep the planner from reading the whole gateway for each
	// batch: without statistics it takes that for a row or two.
	r := t.Exec("WITH now (id, name, document, search, tags) AS (VALUES "+places(len(entries), 5)+") UPDATE "+table+
		" SET name = now.name, document = now.document, search = now.search, tags = now.tags, revision = "+table+".revision + 1, updated_at = ?"+
		" FROM now WHERE "+table+".id = now.id AND "+table+".organization_id || '' = ? AND "+table+".gateway_id || '' = ?",
		append(args, t.Now, string(org), id)...)
	if r.Error == nil && r.RowsAffected != int64(len(entries)) {
		return ErrGone
	}
	return r.Error
}

// places are the placeholders of some rows of VALUES.
func places(rows, columns int) string {
	row := "(?" + strings.Repeat(",?", columns-1) + ")"
	return row + strings.Repeat(","+row, rows-1)
}

func (t gatewayTx) ParkEntries(org core.OrganizationID, id string, kind gateway.Kind, ids []string) error {
	for batch := range slices.Chunk(ids, entryBatch) {
		// No valid name begins with a tilde.
		err := t.Exec("UPDATE "+entryTables[kind]+" SET name = '~' || id WHERE organization_id = ? AND gateway_id = ? AND id IN ?", string(org), id, batch).Error
		if err != nil {
			return fmt.Errorf("park names: %w", err)
		}
	}
	return nil
}

func (t gatewayTx) SetOwner(org core.OrganizationID, id string, kind gateway.Kind, ids []string, owner string) error {
	for batch := range slices.Chunk(ids, entryBatch) {
		err := t.Exec("UPDATE "+entryTables[kind]+" SET managed_by = ? WHERE organization_id = ? AND gateway_id = ? AND id IN ?", owner, string(org), id, batch).Error
		if err != nil {
			return fmt.Errorf("set owners: %w", err)
		}
	}
	return nil
}

func (t gatewayTx) SetGatewayOwner(org core.OrganizationID, id, owner string) error {
	err := t.Exec("UPDATE gateways SET managed_by = ? WHERE organization_id = ? AND id = ? AND deleted_at = 0", owner, string(org), id).Error
	if err != nil {
		return fmt.Errorf("set the gateway's owner: %w", err)
	}
	return nil
}

func (t gatewayTx) DeleteEntries(org core.OrganizationID, id string, kind gateway.Kind, ids []string) error {
	for batch := range slices.Chunk(ids, entryBatch) {
		if kind == gateway.KindUsagePlan {
			if err := t.Table("api_keys").Where("organization_id = ? AND gateway_id = ? AND usage_plan_id IN ? AND state <> ?", string(org), id, batch, stateActive).
				Update("usage_plan_id", nil).Error; err != nil {
				return err
			}
		}
		err := t.Exec("DELETE FROM "+entryTables[kind]+" WHERE organization_id = ? AND gateway_id = ? AND id IN ?", string(org), id, batch).Error
		if err != nil {
			return err
		}
	}
	return nil
}
