package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

type domainRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Host           string
	State          string
	Nonce          string
	Problem        string
	CheckedAt      int64
	VerifiedAt     int64
	FailingSince   int64
	NextCheckAt    int64
	Automatic      int64
	CertProblem    string
	CertAttempts   int
	CertNextAt     int64
	CertStartedAt  int64
	CertHolder     string
	CertHeldUntil  int64
	CertChainPEM   string `gorm:"column:cert_chain_pem"`
	CertEdgeSealed []byte
	CertIssuedAt   int64
	CertNotAfter   int64
	CertRenewAt    int64
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (domainRow) TableName() string { return "gateway_domains" }

// moment is a time of which 0 is none.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return core.FromMillis(ms)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return core.Millis(t)
}

func (r *domainRow) domain() gateway.Domain {
	return gateway.Domain{
		ID: r.ID, Gateway: r.GatewayID, Organization: core.OrganizationID(r.OrganizationID), Host: r.Host, State: r.State,
		Nonce: r.Nonce, Problem: r.Problem, CheckedAt: moment(r.CheckedAt), VerifiedAt: moment(r.VerifiedAt),
		FailingSince: moment(r.FailingSince), NextCheckAt: moment(r.NextCheckAt),
		Certificate: gateway.DomainCertificate{
			Automatic: r.Automatic != 0, Problem: r.CertProblem, Attempts: r.CertAttempts, NextAt: moment(r.CertNextAt),
			Started: moment(r.CertStartedAt), ChainPEM: r.CertChainPEM, EdgeSealed: r.CertEdgeSealed,
			IssuedAt: moment(r.CertIssuedAt), NotAfter: moment(r.CertNotAfter), RenewAt: moment(r.CertRenewAt),
		},
		Revision: r.Revision, CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
}

// readDomains reads the domains that a condition finds, by gateway and host.
func readDomains(q *gorm.DB) ([]gateway.Domain, error) {
	var rows []domainRow
	if err := q.Order("gateway_id, host").Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]gateway.Domain, len(rows))
	for i := range rows {
		out[i] = rows[i].domain()
	}
	return out, nil
}

// Domains lists a gateway's domains.
func (s Gateways) Domains(ctx context.Context, org core.OrganizationID, id string) (out []gateway.Domain, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = readDomains(db.Where("organization_id = ? AND gateway_id = ?", string(org), id))
		return err
	})
	return out, err
}

// ofLiving narrows to domains of gateways that are not deleted.
func ofLiving(db *gorm.DB) *gorm.DB {
	return db.Where("gateway_id IN (?)", db.Session(&gorm.Session{NewDB: true}).Table("gateways").Select("id").Where("deleted_at = 0"))
}

// HostHolder finds the domain that has a host.
func (s Gateways) HostHolder(ctx context.Context, host string) (out *gateway.Domain, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		holder := db.Session(&gorm.Session{NewDB: true}).Table("domain_hosts").Select("domain_id").Where("host = ? AND reserved_until = 0", host)
		found, err := readDomains(ofLiving(db).Where("id IN (?)", holder))
		if len(found) > 0 {
			out = &found[0]
		}
		return err
	})
	return out, err
}

// DueDomains finds domains to look at, those that wait longest first.
func (s Gateways) DueDomains(ctx context.Context, now time.Time, limit int) (out []gateway.Domain, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = readDomains(ofLiving(db).Where("next_check_at > 0 AND next_check_at <= ?", core.Millis(now)).Order("next_check_at").Limit(limit))
		return err
	})
	return out, err
}

// ClaimCertificates takes orders for a worker. Each row is taken by a statement of
// its own that checks again: two workers never get the same one.
func (s Gateways) ClaimCertificates(ctx context.Context, q gateway.ClaimCertificates) (out []gateway.CertificateJob, err error) {
	now := core.Millis(q.Now)
	due := func(db *gorm.DB) *gorm.DB {
		return db.Where("automatic = 1 AND state IN ? AND cert_next_at > 0 AND cert_next_at <= ? AND cert_held_until <= ?",
			[]string{gateway.DomainActive, gateway.DomainFailing}, now, now)
	}
	var rows []domainRow
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		return due(ofLiving(db)).Omit("cert_edge_sealed").Where("host NOT LIKE '*%'").
			Order("cert_attempts, cert_next_at").Limit(q.Limit).Find(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	err = s.DB.Tx(ctx, func(t *Txn) error {
		out = out[:0]
		for i := range rows {
			r := &rows[i]
			got := due(t.Table("gateway_domains")).Where("id = ?", r.ID).
				Updates(map[string]any{"cert_holder": q.Holder, "cert_held_until": core.Millis(q.Until), "cert_started_at": now})
			if got.Error != nil {
				return got.Error
			}
			if got.RowsAffected == 1 {
				out = append(out, gateway.CertificateJob{
					Organization: core.OrganizationID(r.OrganizationID), Gateway: r.GatewayID, Domain: r.ID, Host: r.Host,
					Attempts: r.CertAttempts, ChainPEM: r.CertChainPEM, RenewAt: moment(r.CertRenewAt),
				})
			}
		}
		return nil
	})
	return out, err
}

// ExtendCertificates prolongs what a holder has.
func (s Gateways) ExtendCertificates(ctx context.Context, holder string, until time.Time) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Table("gateway_domains").Where("cert_holder = ? AND cert_held_until > 0", holder).
			Updates(map[string]any{"cert_held_until": core.Millis(until)}).Error
	})
}

func (t gatewayTx) Domains(org core.OrganizationID, id string) ([]gateway.Domain, error) {
	return readDomains(t.Where("organization_id = ? AND gateway_id = ?", string(org), id))
}

// PutDomain writes a domain; what it says of an order under way ends with it once
// the order's outcome is stored.
func (t gatewayTx) PutDomain(org core.OrganizationID, id string, d *gateway.Domain) error {
	c := &d.Certificate
	automatic := int64(0)
	if c.Automatic {
		automatic = 1
	}
	d.Revision++
	d.UpdatedAt = core.FromMillis(t.Now)
	if d.Revision == 1 {
		d.CreatedAt = d.UpdatedAt
		return t.Create(&domainRow{
			ID: d.ID, OrganizationID: string(org), GatewayID: id, Host: d.Host, State: d.State, Nonce: d.Nonce, Problem: d.Problem,
			NextCheckAt: millis(d.NextCheckAt), Automatic: automatic, Revision: 1, CreatedAt: t.Now, UpdatedAt: t.Now,
		}).Error
	}
	set := map[string]any{
		"state": d.State, "problem": d.Problem, "checked_at": millis(d.CheckedAt), "verified_at": millis(d.VerifiedAt),
		"failing_since": millis(d.FailingSince), "next_check_at": millis(d.NextCheckAt), "automatic": automatic,
		"cert_problem": c.Problem, "cert_attempts": c.Attempts, "cert_next_at": millis(c.NextAt), "cert_started_at": millis(c.Started),
		"cert_chain_pem": c.ChainPEM, "cert_edge_sealed": c.EdgeSealed, "cert_issued_at": millis(c.IssuedAt), "cert_not_after": millis(c.NotAfter), "cert_renew_at": millis(c.RenewAt),
		"revision": d.Revision, "updated_at": t.Now,
	}
	if c.Started.IsZero() {
		set["cert_holder"], set["cert_held_until"] = "", 0
	}
	r := t.Table("gateway_domains").Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, d.ID).Updates(set)
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return r.Error
}

func (t gatewayTx) DeleteDomain(org core.OrganizationID, id, domain string) error {
	return t.Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, domain).Delete(&domainRow{}).Error
}

type hostRow struct {
	Host           string `gorm:"primaryKey"`
	OrganizationID string
	DomainID       string
	ReservedUntil  int64
}

func (hostRow) TableName() string { return "domain_hosts" }

// TakeHost inserts the host, or takes over one that was given up, by this
// organization or long enough ago: one statement, so that two can't both have it.
func (t gatewayTx) TakeHost(org core.OrganizationID, host, domain string) (bool, error) {
	own := t.Table("gateway_domains").Select("id").Where("organization_id = ? AND id = ?", string(org), domain)
	var n int64
	if err := own.Count(&n).Error; err != nil || n == 0 {
		return false, err
	}
	r := t.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "host"}},
		DoUpdates: clause.Assignments(map[string]any{"organization_id": string(org), "domain_id": domain, "reserved_until": 0}),
		Where: clause.Where{Exprs: []clause.Expression{clause.Expr{
			SQL:  "domain_hosts.domain_id = ? OR domain_hosts.reserved_until > 0 AND (domain_hosts.reserved_until <= ? OR domain_hosts.organization_id = ?)",
			Vars: []any{domain, t.Now, string(org)},
		}}},
	}).Create(&hostRow{Host: host, OrganizationID: string(org), DomainID: domain})
	return r.RowsAffected == 1, r.Error
}

func (t gatewayTx) FreeHost(org core.OrganizationID, domain string, until time.Time) error {
	return t.Table("domain_hosts").Where("organization_id = ? AND domain_id = ? AND reserved_until = 0", string(org), domain).
		Update("reserved_until", core.Millis(until)).Error
}
