package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/acme"
	"github.com/tollgate/tollgate/services/core"
)

// ACME keeps what the ACME client stores, already encrypted, and its locks.
type ACME struct{ DB *DB }

var _ acme.Store = ACME{}

type acmeRow struct {
	Key        string `gorm:"primaryKey"`
	Value      []byte
	Size       int64
	ModifiedAt int64
}

func (acmeRow) TableName() string { return "acme_storage" }

// Load reads one value; nil: there is none.
func (s ACME) Load(ctx context.Context, key string) (out *acme.Entry, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		var row acmeRow
		err := db.Where("key = ?", key).Take(&row).Error
		if isMissing(err) {
			return nil
		}
		out = &acme.Entry{Key: row.Key, Sealed: row.Value, Size: row.Size, Modified: core.FromMillis(row.ModifiedAt)}
		return err
	})
	return out, err
}

// Save writes one value.
func (s ACME) Save(ctx context.Context, e acme.Entry) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Clauses(clause.OnConflict{UpdateAll: true}).
			Create(&acmeRow{Key: e.Key, Value: e.Sealed, Size: e.Size, ModifiedAt: t.Now}).Error
	})
}

// below is the condition for a key and all keys under it.
func below(db *gorm.DB, key string) *gorm.DB {
	return db.Where(`key = ? OR key LIKE ? ESCAPE '!'`, key, likeEscape(key)+"/%")
}

func likeEscape(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// Delete removes a value and all that stands under its key.
func (s ACME) Delete(ctx context.Context, key string) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return below(t.DB, key).Delete(&acmeRow{}).Error })
}

// List reads what stands under a key, without values.
func (s ACME) List(ctx context.Context, key string) (out []acme.Entry, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		var rows []acmeRow
		err := below(db.Omit("value"), key).Order("key").Find(&rows).Error
		for _, r := range rows {
			out = append(out, acme.Entry{Key: r.Key, Size: r.Size, Modified: core.FromMillis(r.ModifiedAt)})
		}
		return err
	})
	return out, err
}

type acmeLockRow struct {
	Name      string `gorm:"primaryKey"`
	Holder    string
	HeldUntil int64
}

func (acmeLockRow) TableName() string { return "acme_locks" }

// Lock takes a lock that is free, or whose holder's time is over; false: it is held.
func (s ACME) Lock(ctx context.Context, name, holder string, lease time.Duration) (ok bool, err error) {
	err = s.DB.Tx(ctx, func(t *Txn) error {
		until := t.Now + lease.Milliseconds()
		r := t.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "name"}},
			DoUpdates: clause.Assignments(map[string]any{"holder": holder, "held_until": until}),
			Where:     clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "acme_locks.held_until <= ?", Vars: []any{t.Now}}}},
		}).Create(&acmeLockRow{Name: name, Holder: holder, HeldUntil: until})
		ok = r.RowsAffected == 1
		return r.Error
	})
	return ok, err
}

// Extend prolongs all locks that a holder has.
func (s ACME) Extend(ctx context.Context, holder string, lease time.Duration) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Table("acme_locks").Where("holder = ?", holder).Updates(map[string]any{"held_until": t.Now + lease.Milliseconds()}).Error
	})
}

// Unlock frees a lock that the holder still has.
func (s ACME) Unlock(ctx context.Context, name, holder string) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Where("name = ? AND holder = ?", name, holder).Delete(&acmeLockRow{}).Error
	})
}

// Purge deletes what was kept for domains that are gone, and locks that ended long
// ago.
func (s ACME) Purge(ctx context.Context) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		prefix := acme.DomainPrefix + "/"
		gone := t.Session(&gorm.Session{NewDB: true}).Table("gateway_domains").Select("id")
		err := t.Where("key LIKE ? ESCAPE '!' AND substr(key, ?, ?) NOT IN (?)", likeEscape(prefix)+"%", len(prefix)+1, len(core.NewID(core.PrefixDomain)), gone).
			Delete(&acmeRow{}).Error
		if err != nil {
			return err
		}
		return t.Where("held_until < ?", t.Now-time.Hour.Milliseconds()).Delete(&acmeLockRow{}).Error
	})
}
