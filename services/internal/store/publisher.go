package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/publish"
)

// Publisher implements publish.Store and publish.StatusStore. Its methods for
// the publisher span all organizations.
type Publisher struct{ DB *DB }

var (
	_ publish.Store       = Publisher{}
	_ publish.StatusStore = Publisher{}
)

type publisherRow struct {
	ID         int
	Holder     string
	LeaseUntil int64
	Epoch      uint64
	Rev        uint64
	Lineage    string
	Issued     int64
	BuiltBy    string
}

func (publisherRow) TableName() string { return "publisher" }

func (r *publisherRow) lease() publish.Lease {
	return publish.Lease{Epoch: r.Epoch, Rev: r.Rev, Lineage: r.Lineage, Issued: r.Issued, BuiltBy: r.BuiltBy}
}

// fence locks the publisher's row and refuses everybody but the leader of epoch.
func fence(t *Txn, epoch uint64) (*publisherRow, error) {
	var row publisherRow
	if err := t.forUpdate().Table("publisher").Where("id = 1").Take(&row).Error; err != nil {
		return nil, err
	}
	if row.Epoch != epoch {
		return nil, publish.ErrDeposed
	}
	return &row, nil
}

func (t *Txn) setPublisher(set map[string]any) error {
	return t.Table("publisher").Where("id = 1").Updates(set).Error
}

// databaseNow is the database's own clock in Unix milliseconds, the one that all
// candidates for a lease share. SQLite has none but the machine's.
func (t *Txn) databaseNow() (now int64, err error) {
	if t.d.dialect == migrations.SQLite {
		return time.Now().UnixMilli(), nil
	}
	err = t.Raw("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)").Scan(&now).Error
	return now, err
}

// Lead takes the lease where it is free or over.
func (s Publisher) Lead(ctx context.Context, holder string, ttl time.Duration) (l publish.Lease, ok bool, err error) {
	err = s.DB.Tx(ctx, func(t *Txn) error {
		var row publisherRow
		if err := t.forUpdate().Table("publisher").Where("id = 1").Take(&row).Error; err != nil {
			return err
		}
		now, err := t.databaseNow()
		if err != nil {
			return err
		}
		if ok = row.LeaseUntil <= now || row.Holder == holder; !ok {
			return nil
		}
		row.Epoch++
		l = row.lease()
		return t.setPublisher(map[string]any{"holder": holder, "epoch": row.Epoch, "lease_until": now + ttl.Milliseconds()})
	})
	return l, ok, err
}

// Renew keeps the lease.
func (s Publisher) Renew(ctx context.Context, epoch uint64, ttl time.Duration) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		if _, err := fence(t, epoch); err != nil {
			return err
		}
		now, err := t.databaseNow()
		if err != nil {
			return err
		}
		return t.setPublisher(map[string]any{"lease_until": now + ttl.Milliseconds()})
	})
}

// Release ends the lease at once.
func (s Publisher) Release(ctx context.Context, epoch uint64) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		if _, err := fence(t, epoch); err != nil {
			return err
		}
		return t.setPublisher(map[string]any{"lease_until": 0})
	})
}

// Begin starts a lineage: revisions and epochs go on above those that Redis has
// seen, and what was not sent waits for new ones.
func (s Publisher) Begin(ctx context.Context, epoch uint64, n publish.Lineage) (l publish.Lease, err error) {
	err = s.DB.Tx(ctx, func(t *Txn) error {
		row, err := fence(t, epoch)
		if err != nil {
			return err
		}
		row.Lineage, row.Issued, row.BuiltBy = n.ID, n.Issued, n.BuiltBy
		row.Rev, row.Epoch = max(row.Rev, n.Rev), max(row.Epoch, n.Epoch)
		l = row.lease()
		if err := t.Table("outbox").Where("sent_at = 0 AND rev > 0").Update("rev", 0).Error; err != nil {
			return err
		}
		return t.setPublisher(map[string]any{
			"lineage": row.Lineage, "issued": row.Issued, "rev": row.Rev, "epoch": row.Epoch, "built_by": row.BuiltBy,
		})
	})
	return l, err
}

// Waiting groups the rows without a revision by what they are about.
func (s Publisher) Waiting(ctx context.Context, limit int) ([]publish.Task, error) {
	var out []publish.Task
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var rows []unsentRow
		err := db.Table("outbox").
			Select("kind, ref, MAX(kid) AS kid, MAX(version) AS asked, MAX(id) AS last, MIN(created_at) AS created").
			Where("sent_at = 0 AND rev = 0").Group("kind, ref").Order("MIN(id)").Limit(limit).
			Scan(&rows).Error
		out = make([]publish.Task, len(rows))
		for i := range rows {
			out[i] = rows[i].task()
		}
		return err
	})
	return out, err
}

// Assign gives revisions in one transaction with the documents.
func (s Publisher) Assign(ctx context.Context, epoch uint64, items []publish.Item) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		row, err := fence(t, epoch)
		if err != nil {
			return err
		}
		if err := t.setPublisher(map[string]any{"rev": row.Rev + uint64(len(items))}); err != nil {
			return err
		}
		for i := range items {
			it := &items[i]
			it.Rev = row.Rev + uint64(i) + 1
			err := t.Exec("UPDATE outbox SET rev = ? WHERE sent_at = 0 AND rev = 0 AND kind = ? AND ref = ? AND id <= ?", it.Rev, it.Kind, it.Ref, it.Last).Error
			if err != nil {
				return err
			}
			if it.Kind == core.PublishKey {
				continue
			}
			if err := storeDocument(t, it); err != nil {
				return err
			}
		}
		return nil
	})
}

func storeDocument(t *Txn, it *publish.Item) error {
	err := t.Exec("INSERT INTO published (ref, kind, version, rev, entry, document, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)"+
		" ON CONFLICT (ref) DO UPDATE SET version = excluded.version, rev = excluded.rev, entry = excluded.entry, document = excluded.document, changed_at = excluded.changed_at",
		it.Ref, it.Kind, it.Version, it.Rev, it.Entry, it.Document, t.Now).Error
	if err != nil {
		return err
	}
	return t.Exec("DELETE FROM publish_failures WHERE ref = ?", it.Ref).Error
}

// unsentRow is a group of outbox rows with the document that they ask for.
type unsentRow struct {
	Rev      uint64
	Kind     string
	Ref      string
	KID      uint64 `gorm:"column:kid"`
	Asked    uint64
	Last     int64
	Created  int64
	Version  uint64
	Entry    string
	Document []byte
}

func (r *unsentRow) task() publish.Task {
	return publish.Task{Kind: r.Kind, Ref: r.Ref, KID: r.KID, Version: r.Asked, Last: r.Last, Created: r.Created}
}

// Unsent lists what may not be in Redis, with documents as they are now: an
// older one is never sent again.
func (s Publisher) Unsent(ctx context.Context, limit int) ([]publish.Item, error) {
	var out []publish.Item
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var rows []unsentRow
		err := db.Table("(?) AS o", db.Table("outbox").
			Select("rev, MAX(kind) AS kind, MAX(ref) AS ref, MAX(kid) AS kid, MAX(version) AS asked, MAX(id) AS last, MIN(created_at) AS created").
			Where("sent_at = 0 AND rev > 0").Group("rev").Order("rev").Limit(limit)).
			Select("o.*, COALESCE(p.version, 0) AS version, COALESCE(p.entry, '') AS entry, p.document AS document").
			Joins("LEFT JOIN published p ON p.ref = o.ref").Order("o.rev").Scan(&rows).Error
		if err != nil {
			return err
		}
		out = make([]publish.Item, len(rows))
		for i, r := range rows {
			it := publish.Item{Task: r.task(), Rev: r.Rev}
			if r.Kind != core.PublishKey {
				it.Version, it.Entry, it.Document = r.Version, r.Entry, r.Document
			}
			out[i] = it
		}
		return nil
	})
	return out, err
}

// Sent marks everything up to a revision.
func (s Publisher) Sent(ctx context.Context, epoch, rev uint64) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		if _, err := fence(t, epoch); err != nil {
			return err
		}
		return t.Table("outbox").Where("sent_at = 0 AND rev > 0 AND rev <= ?", rev).Update("sent_at", t.Now).Error
	})
}

// Everything makes all documents wait for being compiled anew.
func (s Publisher) Everything(ctx context.Context, epoch uint64, builtBy string) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		if _, err := fence(t, epoch); err != nil {
			return err
		}
		for _, sql := range []string{
			"INSERT INTO outbox (kind, ref, organization_id, gateway_id, version, created_at) SELECT 'organization', id, id, '', revision, ? FROM organizations ORDER BY id",
			"INSERT INTO outbox (kind, ref, organization_id, gateway_id, version, created_at) SELECT 'gateway', id, organization_id, id, version, ? FROM gateways ORDER BY id",
		} {
			if err := t.Exec(sql, t.Now).Error; err != nil {
				return err
			}
		}
		return t.setPublisher(map[string]any{"built_by": builtBy})
	})
}

// Trim forgets sent rows.
func (s Publisher) Trim(ctx context.Context, before int64) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Where("sent_at > 0 AND sent_at < ?", before).Delete(&outboxRow{}).Error
	})
}

// Sources reads gateways of all organizations, deleted ones too.
func (s Publisher) Sources(ctx context.Context, ids []string) ([]gateway.Source, error) {
	var out []gateway.Source
	err := s.DB.Snapshot(ctx, func(db *gorm.DB) error {
		var rows []gatewayRow
		err := db.Table("gateways").Select("gateways.*, organizations.num AS organization_num").
			Joins("JOIN organizations ON organizations.id = gateways.organization_id").
			Where("gateways.id IN ?", ids).Find(&rows).Error
		if err != nil {
			return err
		}
		out = make([]gateway.Source, len(rows))
		at := make(map[string]*gateway.Source, len(rows))
		for i := range rows {
			out[i].Policies = []byte(rows[i].Policies)
			if out[i].Gateway, err = rows[i].domain(); err != nil {
				return err
			}
			at[rows[i].ID] = &out[i]
		}
		return fillSources(db, ids, at)
	})
	return out, err
}

// fillSources reads the parts of several gateways, one query a table.
func fillSources(db *gorm.DB, ids []string, at map[string]*gateway.Source) error {
	for k, table := range entryTables {
		var rows []entryRow
		if err := db.Table(table).Where("gateway_id IN ?", ids).Order("gateway_id, name").Find(&rows).Error; err != nil {
			return err
		}
		for i := range rows {
			if src := at[rows[i].GatewayID]; src != nil {
				src.Entries[k] = append(src.Entries[k], rows[i].domain())
			}
		}
	}
	var documents []openAPIRow
	if err := db.Where("gateway_id IN ?", ids).Find(&documents).Error; err != nil {
		return err
	}
	for i := range documents {
		if src := at[documents[i].GatewayID]; src != nil {
			src.OpenAPI = json.RawMessage(documents[i].Document)
		}
	}
	var secrets []secretRow
	if err := db.Omit("sealed").Where("gateway_id IN ?", ids).Order("gateway_id, name").Find(&secrets).Error; err != nil {
		return err
	}
	for i := range secrets {
		if src := at[secrets[i].GatewayID]; src != nil {
			src.Secrets = append(src.Secrets, secrets[i].domain())
		}
	}
	var certificates []certificateRow
	if err := db.Omit("sealed").Where("gateway_id IN ?", ids).Order("gateway_id, name").Find(&certificates).Error; err != nil {
		return err
	}
	for i := range certificates {
		src := at[certificates[i].GatewayID]
		if src == nil {
			continue
		}
		v, err := certificates[i].domain()
		if err != nil {
			return err
		}
		src.Certificates = append(src.Certificates, v)
	}
	domains, err := readDomains(db.Where("gateway_id IN ?", ids))
	for i := range domains {
		if src := at[domains[i].Gateway]; src != nil {
			src.Domains = append(src.Domains, domains[i])
		}
	}
	return err
}

// Records reads keys and identities by kid.
func (s Publisher) Records(ctx context.Context, kids []uint64) ([]*contract.KeyRecord, error) {
	var out []*contract.KeyRecord
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		for len(kids) > 0 {
			n := min(len(kids), outboxBatch)
			list, err := readRecords(keyRecords(db).Where("api_keys.kid IN ?", kids[:n]))
			if err != nil {
				return err
			}
			identities, err := readIdentities(identityRecords(db).Where("consumer_identities.kid IN ?", kids[:n]))
			if err != nil {
				return err
			}
			out, kids = append(append(out, list...), identities...), kids[n:]
		}
		return nil
	})
	return out, err
}

// ShardRecords reads the keys and identities of some shards. Keys of deleted gateways work
// nowhere and are left out.
func (s Publisher) ShardRecords(ctx context.Context, from, to int) ([]*contract.KeyRecord, error) {
	var out []*contract.KeyRecord
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		keys, err := readRecords(keyRecords(db).Where("api_keys.shard >= ? AND api_keys.shard < ? AND gateways.deleted_at = 0", from, to))
		if err != nil {
			return err
		}
		identities, err := readIdentities(identityRecords(db).
			Where("consumer_identities.shard >= ? AND consumer_identities.shard < ? AND gateways.deleted_at = 0", from, to))
		out = append(keys, identities...)
		return err
	})
	return out, err
}

// keyRecords selects what edges get of keys, and nothing else: a refill reads
// all of them.
func keyRecords(db *gorm.DB) *gorm.DB {
	return db.Table("api_keys").Select("api_keys.kid, api_keys.version, gateways.num, COALESCE(consumers.num, 0), COALESCE(consumers.name, ''), " +
		"COALESCE(own_plan.num, consumer_plan.num, 0), api_keys.not_before, api_keys.expires_at, api_keys.state, api_keys.test, " +
		"api_keys.pepper, api_keys.hash, api_keys.scopes, api_keys.rotated_to, api_keys.limits, api_keys.limits_of").
		Joins("JOIN gateways ON gateways.id = api_keys.gateway_id").
		Joins("LEFT JOIN consumers ON consumers.id = api_keys.consumer_id").
		Joins("LEFT JOIN usage_plans consumer_plan ON consumer_plan.id = consumers.usage_plan_id").
		Joins("LEFT JOIN usage_plans own_plan ON own_plan.id = api_keys.usage_plan_id")
}

// readRecords scans rows of keyRecords without GORM's reflection.
func readRecords(q *gorm.DB) (out []*contract.KeyRecord, err error) {
	rows, err := q.Rows()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r := &contract.KeyRecord{}
		var hash sql.RawBytes
		var scopes, limits string
		var rotated uint64
		if err := rows.Scan(&r.KID, &r.Version, &r.Gateway, &r.Consumer, &r.ConsumerRef, &r.UsagePlan, &r.NotBefore, &r.Expires,
			&r.State, &r.Test, &r.Pepper, &hash, &scopes, &rotated, &limits, &r.LimitsOf); err != nil {
			return nil, err
		}
		if len(hash) != len(r.Hash) {
			return nil, fmt.Errorf("hash of key %s is %d bytes", apikey.ID(r.KID), len(hash))
		}
		copy(r.Hash[:], hash)
		if scopes != "" {
			r.Scopes = strings.Split(scopes, " ")
		}
		r.Rotated = rotated != 0
		if r.Limits, err = decodeLimits(limits); err != nil {
			return nil, fmt.Errorf("limits of key %s: %w", apikey.ID(r.KID), err)
		}
		if r.Limits.None() {
			r.LimitsOf = 0 // nothing is counted under it
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
