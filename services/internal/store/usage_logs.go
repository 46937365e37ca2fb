package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/usage"
)

// logRow is an access log record with the columns that filters look at.
type logRow struct {
	ID           int64  `json:"-"`
	Organization uint64 `json:"organization"`
	Gateway      uint64 `json:"gateway"`
	At           int64  `json:"at"`
	RequestID    string `json:"request_id"`
	Edge         string `json:"edge"`
	Route        string `json:"route"`
	Consumer     string `json:"consumer"`
	Kid          string `json:"kid"`
	Method       string `json:"method"`
	Path         string `json:"path"`
	Client       string `json:"client"`
	Status       int    `json:"status"`
	Code         string `json:"code"`
	Outcome      int    `json:"outcome"`
	Record       string `json:"record"`
}

var (
	logNumbers = []string{"organization", "gateway", "at", "status", "outcome"}
	logTexts   = []string{"request_id", "edge", "route", "consumer", "kid", "method", "path", "client", "code", "record"}
)

// AppendLogs stores records. NUL, which PostgreSQL's text can't hold and an edge
// never sends, is taken out.
func (u *Usage) AppendLogs(ctx context.Context, records []contract.LogRecord) error {
	rows := make([]logRow, 0, len(records))
	for i := range records {
		r := &records[i]
		if r.Gateway == 0 || r.Organization == 0 || max(r.Gateway, r.Organization) > 1<<62 {
			continue // of no tenant: nobody could read it
		}
		js, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode log record: %w", err)
		}
		rows = append(rows, logRow{
			Organization: r.Organization, Gateway: r.Gateway, At: r.Time, RequestID: clean(r.RequestID), Edge: clean(r.Edge),
			Route: clean(r.Route), Consumer: clean(r.Consumer), Kid: clean(r.Key), Method: clean(r.Method), Path: clean(r.Path),
			Client: clean(r.Client), Status: r.Status, Code: clean(r.Code), Outcome: usage.OutcomeOf(r), Record: string(js),
		})
	}
	if len(rows) == 0 {
		return nil
	}
	return u.DB.Tx(ctx, func(t *Txn) error {
		columns := list(logNumbers) + ", " + list(logTexts)
		insert := t.input(logNumbers, logTexts) + `INSERT INTO access_logs (` + columns + `)
			SELECT ` + columns + ` FROM input WHERE true
			ON CONFLICT (gateway, request_id, edge, at) DO NOTHING`
		return eachChunk(rows, func(js string) error { return t.Exec(insert, js).Error })
	})
}

// clean takes out what a text column can't hold.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// logs is the query of a filter.
func logs(db *gorm.DB, org core.OrganizationID, q *usage.LogQuery) *gorm.DB {
	db = db.Table("access_logs").Select("id, record").Where(ours, int64(q.Gateway), int64(q.Gateway), string(org))
	f := &q.Filter
	for _, c := range []struct{ column, value string }{
		{"route", f.Route},
		{"consumer", f.Consumer},
		{"kid", q.KID},
		{"method", f.Method},
		{"code", f.Code},
		{"request_id", f.RequestID},
		{"client", f.Client},
	} {
		if c.value != "" {
			db = db.Where(c.column+" = ?", clean(c.value))
		}
	}
	// The record is JSON: what it must hold is looked for as JSON has it. The
	// service looks again where in the record it stands.
	for _, text := range []string{f.Query, f.Target} {
		if text == "" {
			continue
		}
		js, err := json.Marshal(clean(strings.ToLower(text)))
		if err != nil {
			js = []byte(`""`) // a string can always be written
		}
		db = db.Where(`LOWER(record) LIKE ? ESCAPE '!'`, likeWithin(string(js[1:len(js)-1])))
	}
	if f.Path != "" {
		db = db.Where(`path LIKE ? ESCAPE '!'`, likePrefix(clean(f.Path)))
	}
	if q.StatusTo != 0 {
		db = db.Where("status >= ? AND status < ?", q.StatusFrom, q.StatusTo)
	}
	if i := slices.Index([]string{"ok", "refused", "failed"}, f.Outcome); i >= 0 {
		db = db.Where("outcome = ?", i)
	}
	if !f.From.IsZero() {
		db = db.Where("at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		db = db.Where("at < ?", f.To.UnixMilli())
	}
	return db.Limit(q.Limit)
}

// likePrefix is a LIKE pattern for texts that begin with s.
func likePrefix(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) + "%"
}

// Logs reads records, newest first.
func (u *Usage) Logs(ctx context.Context, org core.OrganizationID, q usage.LogQuery, before usage.LogPlace) ([]usage.LogEntry, error) {
	return u.readLogs(ctx, func(db *gorm.DB) *gorm.DB {
		db = logs(db, org, &q)
		if before != (usage.LogPlace{}) {
			db = db.Where("at <= ? AND (at < ? OR id < ?)", before.At, before.At, before.ID)
		}
		return db.Order("at DESC, id DESC")
	})
}

// LogsAfter reads records, oldest first.
func (u *Usage) LogsAfter(ctx context.Context, org core.OrganizationID, q usage.LogQuery, after int64) ([]usage.LogEntry, error) {
	return u.readLogs(ctx, func(db *gorm.DB) *gorm.DB {
		return logs(db, org, &q).Where("id > ?", after).Order("id")
	})
}

func (u *Usage) readLogs(ctx context.Context, query func(*gorm.DB) *gorm.DB) ([]usage.LogEntry, error) {
	var rows []logRow
	err := u.DB.View(ctx, func(db *gorm.DB) error { return query(db).Scan(&rows).Error })
	if err != nil {
		return nil, err
	}
	out := make([]usage.LogEntry, len(rows))
	for i := range rows {
		out[i].ID = rows[i].ID
		if err := json.Unmarshal([]byte(rows[i].Record), &out[i].LogRecord); err != nil {
			return nil, fmt.Errorf("decode log record %d: %w", rows[i].ID, err)
		}
	}
	return out, nil
}

// LastLog is the newest record's id.
func (u *Usage) LastLog(ctx context.Context, org core.OrganizationID, gateway uint64) (int64, error) {
	var last int64
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("access_logs").Select("COALESCE(MAX(id), 0)").
			Where(ours, int64(gateway), int64(gateway), string(org)).Scan(&last).Error
	})
	return last, err
}

// trimBatch bounds the rows that one statement deletes, so that none holds its
// locks for long.
const trimBatch = 20_000

// TrimLogs deletes what is past its time.
func (u *Usage) TrimLogs(ctx context.Context, retention usage.Retention, keep int) (int64, error) {
	total := int64(0)
	purge := func(where string, args ...any) error {
		for {
			deleted := int64(0)
			err := u.DB.Tx(ctx, func(t *Txn) error {
				r := t.Exec("DELETE FROM access_logs WHERE id IN (SELECT id FROM access_logs WHERE "+where+" LIMIT ?)", append(args, trimBatch)...)
				deleted = r.RowsAffected
				return r.Error
			})
			total += deleted
			if err != nil || deleted < trimBatch {
				return err
			}
		}
	}
	for plan, kept := range retention {
		err := purge("at < ? AND organization IN (SELECT num FROM organizations WHERE plan = ?)", u.DB.Now()-kept.Milliseconds(), plan)
		if err != nil {
			return total, fmt.Errorf("trim logs of plan %s: %w", plan, err)
		}
	}
	if err := purge("NOT EXISTS (SELECT 1 FROM gateways g WHERE g.num = access_logs.gateway)"); err != nil {
		return total, fmt.Errorf("trim logs of deleted gateways: %w", err)
	}
	var large []struct{ Gateway, Bound int64 }
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw("SELECT gateway FROM access_logs GROUP BY gateway HAVING COUNT(*) > ?", keep).Scan(&large).Error
	})
	if err != nil {
		return total, fmt.Errorf("find gateways with many logs: %w", err)
	}
	for _, g := range large {
		err := u.DB.View(ctx, func(db *gorm.DB) error {
			return db.Raw("SELECT id FROM access_logs WHERE gateway = ? ORDER BY id DESC LIMIT 1 OFFSET ?", g.Gateway, keep).Scan(&g.Bound).Error
		})
		if err == nil {
			err = purge("gateway = ? AND id <= ?", g.Gateway, g.Bound)
		}
		if err != nil {
			return total, fmt.Errorf("trim logs to the newest: %w", err)
		}
	}
	return total, nil
}
