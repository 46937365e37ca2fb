package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

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

// AlertFigures reads what quotas of consumers have been used of.
type AlertFigures struct{ Usage *Usage }

// PlanUse is the consumer of a usage plan with the most requests that were let
// through from a moment on, which lies on a full hour.
func (f AlertFigures) PlanUse(ctx context.Context, org core.OrganizationID, gateway string, plan string, from, to time.Time) (consumer string, used int64, err error) {
	list := cover(from.Unix(), to.Truncate(time.Hour).Add(time.Hour).Unix(), spansToDay)
	query, args := "", []any{}
	for i := range list {
		table, at := "usage_days", "day"
		if list[i].span == spanHour {
			table, at = "usage_counters", "hour"
		}
		if i > 0 {
			query += " UNION ALL "
		}
		query += "SELECT consumer, c2xx + c3xx + c4xx + c5xx - refused AS used FROM " + table +
			" WHERE gateway = (SELECT num FROM gateways WHERE organization_id = ? AND id = ?) AND " + at + " >= ? AND " + at + " < ?"
		args = append(args, string(org), gateway, list[i].from, list[i].to)
	}
	var rows []struct {
		Name string
		Used int64
	}
	args = append(args, string(org), gateway, plan)
	err = f.Usage.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw("SELECT c.name, CAST(SUM(x.used) AS bigint) AS used FROM ("+query+") AS x JOIN consumers c ON c.num = x.consumer"+
			" JOIN usage_plans p ON p.id = c.usage_plan_id AND p.organization_id = ? AND p.gateway_id = ? AND p.name = ?"+
			" GROUP BY c.name ORDER BY 2 DESC, 1 LIMIT 1", args...).Scan(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return "", 0, err
	}
	return rows[0].Name, rows[0].Used, nil
}

// Billed sums what an organization's gateways were billed from a day on.
func (f AlertFigures) Billed(ctx context.Context, org core.OrganizationID, from time.Time) (int64, error) {
	return f.Usage.Billed(ctx, org, from)
}
