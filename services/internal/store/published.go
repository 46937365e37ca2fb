package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/publish"
)

type publishedRow struct {
	Ref       string `gorm:"primaryKey"`
	Kind      string
	Version   uint64
	Rev       uint64
	Entry     string
	Document  []byte
	ChangedAt int64
}

func (publishedRow) TableName() string { return "published" }

func (s Publisher) published(ctx context.Context, query func(*gorm.DB) *gorm.DB) ([]publish.Document, error) {
	var out []publish.Document
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var rows []publishedRow
		if err := query(db).Order("ref").Find(&rows).Error; err != nil {
			return err
		}
		out = make([]publish.Document, len(rows))
		for i, r := range rows {
			out[i] = publish.Document{Ref: r.Ref, Kind: r.Kind, Version: r.Version, Entry: r.Entry, Bytes: r.Document}
		}
		return nil
	})
	return out, err
}

// Entries lists documents without their bytes.
func (s Publisher) Entries(ctx context.Context, after string, limit int) ([]publish.Document, error) {
	return s.published(ctx, func(db *gorm.DB) *gorm.DB {
		return db.Omit("document").Where("ref > ?", after).Limit(limit)
	})
}

// Documents lists documents.
func (s Publisher) Documents(ctx context.Context, after string, limit int) ([]publish.Document, error) {
	return s.published(ctx, func(db *gorm.DB) *gorm.DB { return db.Where("ref > ?", after).Limit(limit) })
}

// DocumentsOf reads some documents.
func (s Publisher) DocumentsOf(ctx context.Context, refs []string) ([]publish.Document, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	return s.published(ctx, func(db *gorm.DB) *gorm.DB { return db.Where("ref IN ?", refs) })
}

type failureRow struct {
	Ref      string `gorm:"primaryKey"`
	Version  uint64
	Reason   string
	Since    int64
	Attempts int
	RetryAt  int64
}

func (failureRow) TableName() string { return "publish_failures" }

// Fail notes why something is held back.
func (s Publisher) Fail(ctx context.Context, f publish.Failure) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		row := failureRow(f)
		return t.Save(&row).Error
	})
}

// Failures lists what is held back.
func (s Publisher) Failures(ctx context.Context) ([]publish.Failure, error) {
	var rows []failureRow
	err := s.DB.View(ctx, func(db *gorm.DB) error { return db.Find(&rows).Error })
	out := make([]publish.Failure, len(rows))
	for i := range rows {
		out[i] = publish.Failure(rows[i])
	}
	return out, err
}

// Expire removes gateways that were deleted long ago, whose tombstones every
// edge has had or will never ask for.
func (s Publisher) Expire(ctx context.Context, epoch uint64, before int64, limit int) ([]string, error) {
	var refs []string
	err := s.DB.Tx(ctx, func(t *Txn) error {
		if _, err := fence(t, epoch); err != nil {
			return err
		}
		refs = nil
		err := t.Table("gateways").Where("deleted_at > 0 AND deleted_at < ?", before).Order("id").Limit(limit).Pluck("id", &refs).Error
		if err != nil || len(refs) == 0 {
			return err
		}
		for _, sql := range []string{
			"DELETE FROM gateway_labels WHERE gateway_id IN ?",
			"DELETE FROM stream_ports WHERE gateway_id IN ?",
			"DELETE FROM api_keys WHERE gateway_id IN ?",
			"DELETE FROM consumers WHERE gateway_id IN ?",
			"DELETE FROM published WHERE ref IN ?",
			"DELETE FROM publish_failures WHERE ref IN ?",
			"DELETE FROM gateways WHERE id IN ?", // the rest goes with it
		} {
			if err := t.Exec(sql, refs).Error; err != nil {
				return err
			}
		}
		return nil
	})
	return refs, err
}

// Published tells how a version of a gateway or key went out.
func (s Publisher) Published(ctx context.Context, org core.OrganizationID, ref string, version uint64) (*publish.Published, error) {
	out := &publish.Published{}
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		if err := owned(db, org, ref); err != nil {
			return err
		}
		var row outboxRow
		err := db.Where("organization_id = ? AND ref = ? AND version >= ? AND sent_at > 0", string(org), ref, version).
			Order("version, rev").Take(&row).Error
		if err != nil && !isMissing(err) {
			return err
		}
		out.Rev, out.Created = row.Rev, row.CreatedAt
		var p publisherRow
		if err := db.Where("id = 1").Take(&p).Error; err != nil {
			return err
		}
		out.Lineage = p.Lineage
		return s.newest(db, ref, version, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Newest tells how gateways went out last.
func (s Publisher) Newest(ctx context.Context, org core.OrganizationID, gateways []string) (map[string]publish.Published, error) {
	out := make(map[string]publish.Published, len(gateways))
	if len(gateways) == 0 {
		return out, nil
	}
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var rows []struct {
			Ref          string
			Version, Rev uint64
			Lineage      string
		}
		err := db.Table("published").Select("published.ref, published.version, published.rev, publisher.lineage").
			Joins("JOIN gateways ON gateways.id = published.ref").Joins("JOIN publisher ON publisher.id = 1").
			Where("gateways.organization_id = ? AND published.ref IN ?", string(org), gateways).Scan(&rows).Error
		for _, r := range rows {
			out[r.Ref] = publish.Published{Rev: r.Rev, Newest: r.Version, Lineage: r.Lineage}
		}
		return err
	})
	return out, err
}

// newest adds what is known of the document beside its outbox rows, which are
// forgotten after a while.
func (s Publisher) newest(db *gorm.DB, ref string, version uint64, out *publish.Published) error {
	var docs []publishedRow
	if err := db.Omit("document").Where("ref = ?", ref).Limit(1).Find(&docs).Error; err != nil {
		return err
	}
	if len(docs) == 1 {
		out.Newest = docs[0].Version
		var waiting int64
		if err := db.Table("outbox").Where("ref = ? AND sent_at = 0", ref).Count(&waiting).Error; err != nil {
			return err
		}
		if out.Rev == 0 && docs[0].Version >= version && waiting == 0 {
			out.Rev = docs[0].Rev
		}
	}
	var failed []failureRow
	if err := db.Where("ref = ?", ref).Limit(1).Find(&failed).Error; err != nil {
		return err
	}
	if len(failed) == 1 && failed[0].Version > out.Newest {
		f := publish.Failure(failed[0])
		out.Failure = &f
	}
	return nil
}

// owned refuses what is another organization's.
func owned(db *gorm.DB, org core.OrganizationID, ref string) error {
	var n int64
	q := db.Table("gateways").Where("organization_id = ? AND id = ?", string(org), ref)
	what := "gateway"
	if strings.HasPrefix(ref, core.PrefixKey+"_") {
		kid, err := apikey.ParseID(ref)
		if err != nil {
			return err
		}
		what, q = "key", db.Table("api_keys").Where("organization_id = ? AND kid = ?", string(org), kid)
	}
	if err := q.Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return core.NotFound(what, ref)
	}
	return nil
}
