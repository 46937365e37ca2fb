package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/telemetry"
)

// Telemetry implements telemetry.Store.
type Telemetry struct{ DB *DB }

var _ telemetry.Store = Telemetry{}

type destinationRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	Name           string
	Document       string
	Secret         []byte
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`

	// Joined, never written.
	Position     int64  `gorm:"->"`
	Horizon      int64  `gorm:"->"`
	HorizonAt    int64  `gorm:"->"`
	MetricsAt    int64  `gorm:"->"`
	LastSuccess  int64  `gorm:"->"`
	LastFailure  int64  `gorm:"->"`
	Error        string `gorm:"->"`
	StatusCode   int    `gorm:"->"`
	Failures     int    `gorm:"->"`
	FailingSince int64  `gorm:"->"`
	Sent         int64  `gorm:"->"`
	Dropped      int64  `gorm:"->"`
}

func (destinationRow) TableName() string { return "telemetry_destinations" }

func (r *destinationRow) domain() (telemetry.Destination, error) {
	d := telemetry.Destination{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Secret: r.Secret, Revision: r.Revision,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
		State: telemetry.State{
			Position: r.Position, Horizon: r.Horizon, HorizonAt: core.FromMillis(r.HorizonAt), MetricsAt: core.FromMillis(r.MetricsAt),
			LastSuccess: core.FromMillis(r.LastSuccess), LastFailure: core.FromMillis(r.LastFailure), Error: r.Error, StatusCode: r.StatusCode,
			Failures: r.Failures, FailingSince: core.FromMillis(r.FailingSince), Sent: r.Sent, Dropped: r.Dropped,
		},
	}
	if err := json.Unmarshal([]byte(r.Document), &d.Spec); err != nil {
		return d, fmt.Errorf("decode telemetry destination %s: %w", r.ID, err)
	}
	d.Spec.Name = r.Name
	return d, nil
}

// destinations selects destinations with their states.
func destinations(db *gorm.DB) *gorm.DB {
	return db.Table("telemetry_destinations").Select(`telemetry_destinations.*, s.position, s.horizon, s.horizon_at, s.metrics_at,
		s.last_success, s.last_failure, s.error, s.status_code, s.failures, s.failing_since, s.sent, s.dropped`).
		Joins("JOIN telemetry_states s ON s.destination_id = telemetry_destinations.id")
}

func readDestinations(q *gorm.DB) ([]telemetry.Destination, error) {
	var rows []destinationRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	return converted(rows, (*destinationRow).domain)
}

// Tx runs fn in one transaction.
func (s Telemetry) Tx(ctx context.Context, fn func(telemetry.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(telemetryTx{t}) })
}

// Destinations finds a page of destinations.
func (s Telemetry) Destinations(ctx context.Context, org core.OrganizationID, w core.Window, name string) (core.Found[telemetry.Destination], error) {
	var out core.Found[telemetry.Destination]
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = pageByName(&w, "telemetry_destinations", name, func() *gorm.DB {
			return destinations(db).Where("telemetry_destinations.organization_id = ?", string(org))
		}, readDestinations)
		return err
	})
	return out, err
}

// Waiting counts records that are not dealt with, up to most.
func (s Telemetry) Waiting(ctx context.Context, org core.OrganizationID, after int64, most int) (n int64, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		found := db.Table("access_logs").Select("id").Where(ofOrganization, string(org)).Where("id > ?", after).Limit(most)
		return db.Table("(?) AS w", found).Count(&n).Error
	})
	return n, err
}

// Gateways lists the organization's gateways.
func (s Telemetry) Gateways(ctx context.Context, org core.OrganizationID) (out []telemetry.Gateway, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("gateways").Select("id, name, num").Where("organization_id = ? AND deleted_at = 0", string(org)).Order("id").Scan(&out).Error
	})
	return out, err
}

// ClaimDue takes destinations that are to be served.
func (s Telemetry) ClaimDue(ctx context.Context, now, until time.Time, limit int) ([]telemetry.Destination, error) {
	var out []telemetry.Destination
	err := s.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		ids, err := t.claim("telemetry_states", "destination_id", "true", now, until, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		out, err = readDestinations(destinations(t.DB).Where("telemetry_destinations.id IN ?", ids))
		return err
	})
	return out, err
}

// SaveState writes what came of a turn.
func (s Telemetry) SaveState(ctx context.Context, id string, st *telemetry.State, next time.Time) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Table("telemetry_states").Where("destination_id = ?", id).Updates(map[string]any{
			"next_at": core.Millis(next), "position": st.Position, "horizon": st.Horizon, "horizon_at": core.Millis(st.HorizonAt),
			"metrics_at": core.Millis(st.MetricsAt), "last_success": core.Millis(st.LastSuccess), "last_failure": core.Millis(st.LastFailure),
			"error": clean(st.Error), "status_code": st.StatusCode, "failures": st.Failures, "failing_since": core.Millis(st.FailingSince), "sent": st.Sent, "dropped": st.Dropped,
		}).Error
	})
}

// ofOrganization is the condition that an access log record is the organization's.
const ofOrganization = "organization = (SELECT num FROM organizations WHERE id = ?)"

// Newest is the newest record's id.
func (s Telemetry) Newest(ctx context.Context, org core.OrganizationID) (id int64, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("access_logs").Select("COALESCE(MAX(id), 0)").Where(ofOrganization, string(org)).Scan(&id).Error
	})
	return id, err
}

// Records reads records, oldest first.
func (s Telemetry) Records(ctx context.Context, org core.OrganizationID, after, upTo int64, limit int) ([]telemetry.Record, error) {
	var rows []struct {
		ID     int64
		Record string
	}
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("access_logs").Select("id, record").Where(ofOrganization, string(org)).Where("id > ? AND id <= ?", after, upTo).
			Order("id").Limit(limit).Scan(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	out := make([]telemetry.Record, len(rows))
	for i := range rows {
		out[i].ID = rows[i].ID
		if err := json.Unmarshal([]byte(rows[i].Record), &out[i].LogRecord); err != nil {
			return nil, fmt.Errorf("decode log record %d: %w", rows[i].ID, err)
		}
	}
	return out, nil
}

// Skip finds where the newest records begin.
func (s Telemetry) Skip(ctx context.Context, org core.OrganizationID, after, upTo int64, keep int) (bound, skipped int64, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		matching := func() *gorm.DB {
			return db.Table("access_logs").Where(ofOrganization, string(org)).Where("id > ? AND id <= ?", after, upTo)
		}
		if err := matching().Select("id").Order("id DESC").Offset(keep).Limit(1).Scan(&bound).Error; err != nil || bound == 0 {
			return err
		}
		return matching().Where("id <= ?", bound).Count(&skipped).Error
	})
	return bound, skipped, err
}

// telemetryTx implements telemetry.Tx.
type telemetryTx struct{ *Txn }

var _ telemetry.Tx = telemetryTx{}

func (t telemetryTx) Count(org core.OrganizationID) (int, error) {
	var n int64
	err := t.Table("telemetry_destinations").Where("organization_id = ?", string(org)).Count(&n).Error
	return int(n), err
}

func (t telemetryTx) Find(org core.OrganizationID, name string) (*telemetry.Destination, error) {
	found, err := readDestinations(destinations(t.DB).Where("telemetry_destinations.organization_id = ? AND telemetry_destinations.name = ?", string(org), name))
	if err == nil && len(found) == 0 {
		err = core.NotFound("telemetry destination", name)
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

const destinationTaken = "the organization has a telemetry destination %q already"

func (t telemetryTx) Put(org core.OrganizationID, d *telemetry.Destination) error {
	js, err := json.Marshal(d.Spec)
	if err != nil {
		return fmt.Errorf("encode telemetry destination: %w", err)
	}
	d.Revision++
	d.UpdatedAt = core.FromMillis(t.Now)
	if d.Revision == 1 {
		d.CreatedAt = d.UpdatedAt
		row := destinationRow{
			ID: d.ID, OrganizationID: string(org), Name: d.Spec.Name, Document: string(js), Secret: d.Secret, Revision: 1, CreatedAt: t.Now, UpdatedAt: t.Now,
		}
		if err := t.Create(&row).Error; err != nil {
			return nameTaken(err, destinationTaken, d.Spec.Name)
		}
		return t.Exec("INSERT INTO telemetry_states (destination_id, next_at) VALUES (?, ?)", d.ID, t.Now).Error
	}
	r := t.Table("telemetry_destinations").Where("organization_id = ? AND id = ?", string(org), d.ID).Updates(map[string]any{
		"name": d.Spec.Name, "document": string(js), "secret": d.Secret, "revision": d.Revision, "updated_at": t.Now,
	})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	if r.Error != nil {
		return nameTaken(r.Error, destinationTaken, d.Spec.Name)
	}
	return t.Exec("UPDATE telemetry_states SET next_at = ? WHERE destination_id = ?", t.Now, d.ID).Error
}

func (t telemetryTx) Delete(org core.OrganizationID, id string) error {
	return t.Where("organization_id = ? AND id = ?", string(org), id).Delete(&destinationRow{}).Error
}

func (t telemetryTx) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	return t.Txn.Record(ctx, org, c)
}
