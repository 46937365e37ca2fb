package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// TakenPorts lists the ports that a gateway can't have.
func (s Gateways) TakenPorts(ctx context.Context, org core.OrganizationID, id string) ([]gateway.StreamPort, error) {
	var out []gateway.StreamPort
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = takenPorts(db, s.DB.Now(), org, id)
		return err
	})
	return out, err
}

// takenPorts reads them: another gateway's, and those that another organization had
// until lately.
func takenPorts(db *gorm.DB, now int64, org core.OrganizationID, id string) ([]gateway.StreamPort, error) {
	var out []gateway.StreamPort
	err := db.Table("stream_ports").Select("transport, port").
		Where("(reserved_until = 0 AND gateway_id <> ? AND EXISTS (SELECT 1 FROM gateways g WHERE g.id = stream_ports.gateway_id)) "+
			"OR (reserved_until >= ? AND organization_id <> ?)", id, now, string(org)).
		Order("transport, port").Scan(&out).Error
	return out, err
}

func (t gatewayTx) TakenPorts(org core.OrganizationID, id string) ([]gateway.StreamPort, error) {
	return takenPorts(t.DB, t.Now, org, id)
}

// KeepPorts takes each port by one statement, so that two gateways can't both have
// it.
func (t gatewayTx) KeepPorts(org core.OrganizationID, id string, ports []gateway.StreamPort, until time.Time) (lost []gateway.StreamPort, err error) {
	err = t.Exec("UPDATE stream_ports SET reserved_until = ? WHERE organization_id = ? AND gateway_id = ? AND reserved_until = 0",
		core.Millis(until), string(org), id).Error
	if err != nil {
		return nil, err
	}
	for _, p := range ports {
		r := t.Exec("INSERT INTO stream_ports (transport, port, organization_id, gateway_id, reserved_until) "+
			"SELECT ?, ?, g.organization_id, g.id, 0 FROM gateways g WHERE g.organization_id = ? AND g.id = ? "+
			"ON CONFLICT (transport, port) DO UPDATE SET organization_id = excluded.organization_id, gateway_id = excluded.gateway_id, reserved_until = 0 "+
			"WHERE stream_ports.reserved_until > 0 AND (stream_ports.reserved_until < ? OR stream_ports.organization_id = excluded.organization_id) "+
			"OR NOT EXISTS (SELECT 1 FROM gateways gone WHERE gone.id = stream_ports.gateway_id)",
			p.Transport, p.Port, string(org), id, t.Now)
		if r.Error != nil {
			return nil, r.Error
		}
		if r.RowsAffected != 1 {
			lost = append(lost, p)
		}
	}
	return lost, nil
}
