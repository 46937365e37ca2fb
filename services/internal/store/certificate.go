package store

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

type certificateRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Name           string
	Hosts          string // JSON
	ChainPEM       string
	Sealed         []byte
	EdgeSealed     []byte
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (certificateRow) TableName() string { return "gateway_certificates" }

func (r *certificateRow) domain() (gateway.CertificateValue, error) {
	v := gateway.CertificateValue{
		Certificate: gateway.Certificate{
			ID: r.ID, Name: r.Name, ChainPEM: r.ChainPEM, Revision: r.Revision,
			CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
		},
		Sealed: r.Sealed, EdgeSealed: r.EdgeSealed,
	}
	if err := json.Unmarshal([]byte(r.Hosts), &v.Hosts); err != nil {
		return v, fmt.Errorf("decode hosts of certificate %s: %w", r.ID, err)
	}
	return v, nil
}

func readCertificates(db *gorm.DB, org core.OrganizationID, id string) ([]gateway.CertificateValue, error) {
	var rows []certificateRow
	err := db.Where("organization_id = ? AND gateway_id = ?", string(org), id).Order("name").Find(&rows).Error
	if err != nil {
		return nil, err
	}
	return converted(rows, (*certificateRow).domain)
}

// Certificates lists certificates without their keys.
func (s Gateways) Certificates(ctx context.Context, org core.OrganizationID, id string) ([]gateway.Certificate, error) {
	var out []gateway.Certificate
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		all, err := readCertificates(db.Omit("sealed", "edge_sealed"), org, id)
		out = make([]gateway.Certificate, len(all))
		for i := range all {
			out[i] = all[i].Certificate
		}
		return err
	})
	return out, err
}

func (t gatewayTx) PutCertificate(org core.OrganizationID, id string, v *gateway.CertificateValue) error {
	hosts, err := json.Marshal(v.Hosts)
	if err != nil {
		return fmt.Errorf("encode hosts: %w", err)
	}
	v.Revision++
	v.UpdatedAt = core.FromMillis(t.Now)
	if v.Revision == 1 {
		v.CreatedAt = v.UpdatedAt
		return t.Create(&certificateRow{
			ID: v.ID, OrganizationID: string(org), GatewayID: id, Name: v.Name, Hosts: string(hosts), ChainPEM: v.ChainPEM,
			Sealed: v.Sealed, EdgeSealed: v.EdgeSealed, Revision: v.Revision, CreatedAt: t.Now, UpdatedAt: t.Now,
		}).Error
	}
	r := t.Table("gateway_certificates").Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, v.ID).
		Updates(map[string]any{
			"hosts": string(hosts), "chain_pem": v.ChainPEM, "sealed": v.Sealed, "edge_sealed": v.EdgeSealed,
			"revision": v.Revision, "updated_at": t.Now,
		})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return r.Error
}

func (t gatewayTx) DeleteCertificate(org core.OrganizationID, id, certificate string) error {
	return t.Where("organization_id = ? AND gateway_id = ? AND id = ?", string(org), id, certificate).Delete(&certificateRow{}).Error
}
