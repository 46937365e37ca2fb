package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/core"
)

// claim moves the time of up to limit rows that are due to a later one and
// returns their ids: nobody else takes them before.
func (t *Txn) claim(table, id, where string, now, until time.Time, limit int) (ids []string, err error) {
	skip := " FOR UPDATE SKIP LOCKED"
	if t.d.dialect == migrations.SQLite {
		skip = "" // the transaction is the one writer
	}
	err = t.Raw(fmt.Sprintf(`UPDATE %[1]s SET next_at = ? WHERE %[2]s IN (
		SELECT %[2]s FROM %[1]s WHERE next_at <= ? AND %[3]s ORDER BY next_at LIMIT ?%[4]s) RETURNING %[2]s`, table, id, where, skip),
		core.Millis(until), core.Millis(now), limit).Scan(&ids).Error
	return ids, err
}

// ClaimDue takes alerts that are to be evaluated.
func (s Alerts) ClaimDue(ctx context.Context, now, until time.Time, limit int) ([]alert.Alert, error) {
	var out []alert.Alert
	err := s.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		ids, err := t.claim("alert_states", "alert_id", "true", now, until, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		out, err = readAlerts(alerts(t.DB).Where("alerts.id IN ?", ids))
		return err
	})
	return out, err
}

// SaveState writes what an evaluation came to.
func (s Alerts) SaveState(ctx context.Context, a *alert.Alert, n alert.State, next time.Time, e *alert.Event, notices []alert.Delivery) (bool, error) {
	err := s.DB.Tx(ctx, func(t *Txn) error {
		set := map[string]any{
			"status": n.Status, "since": core.Millis(n.Since), "value": nil, "subject": n.Subject, "detail": n.Detail,
			"evaluated_at": core.Millis(n.Evaluated), "next_at": core.Millis(next), "seq": n.Seq, "version": a.State.Version + 1,
		}
		if n.HasValue {
			set["value"] = n.Value
		}
		r := t.Table("alert_states").Where("alert_id = ? AND version = ?", a.ID, a.State.Version).Updates(set)
		if r.Error != nil {
			return r.Error
		}
		if r.RowsAffected != 1 {
			return errLost
		}
		if e == nil {
			return nil
		}
		return t.addEvent(a.Organization, e, &n.Seq, notices)
	})
	if errors.Is(err, errLost) || errors.Is(err, ErrGone) {
		return false, nil
	}
	return err == nil, err
}

// ClaimNotices takes notices that are to be sent.
func (s Alerts) ClaimNotices(ctx context.Context, now, until time.Time, limit int) ([]alert.Notice, error) {
	var out []alert.Notice
	err := s.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		ids, err := t.claim("alert_deliveries", "id", "state = 'waiting'", now, until, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		var rows []alertDeliveryRow
		err = t.Table("alert_deliveries").Select("alert_deliveries.*, alerts.secret").Joins("JOIN alerts ON alerts.id = alert_deliveries.alert_id").
			Where("alert_deliveries.id IN ?", ids).Order("alert_deliveries.id").Find(&rows).Error
		for i := range rows {
			out = append(out, alert.Notice{Delivery: rows[i].domain(), Organization: core.OrganizationID(rows[i].OrganizationID), Secret: rows[i].Secret})
		}
		return err
	})
	return out, err
}

// Settle writes what came of a notice.
func (s Alerts) Settle(ctx context.Context, d *alert.Delivery, letter *alert.Letter) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		r := t.Table("alert_deliveries").Where("id = ? AND state = ?", d.ID, alert.DeliveryWaiting).Updates(map[string]any{
			"state": d.State, "attempts": d.Attempts, "status_code": d.StatusCode, "error": clean(d.Error),
			"next_at": core.Millis(d.NextAt), "sent_at": core.Millis(d.SentAt),
		})
		if r.Error != nil || r.RowsAffected != 1 || letter == nil || d.State != alert.DeliverySent {
			return r.Error
		}
		return t.Create(&mailRow{ID: letter.ID, Sealed: letter.Sealed, NextAt: t.Now, CreatedAt: t.Now}).Error
	})
}

// Trim deletes old events; their notices go with them.
func (s Alerts) Trim(ctx context.Context, before time.Time) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Exec("DELETE FROM alert_events WHERE at < ?", core.Millis(before)).Error
	})
}
