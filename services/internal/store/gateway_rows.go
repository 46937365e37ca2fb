package store

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

type gatewayRow struct {
	Num             uint64 `gorm:"default:(-)"`
	ID              string `gorm:"primaryKey"`
	OrganizationID  string
	OrganizationNum uint64 `gorm:"->"` // joined, never written
	Name            string
	Label           string
	Mode            string
	Settings        string
	Policies        string
	Version         uint64
	ManagedBy       string
	DeletedAt       int64
	CreatedAt       int64 `gorm:"autoCreateTime:false"`
	UpdatedAt       int64 `gorm:"autoUpdateTime:false"`
}

func (gatewayRow) TableName() string { return "gateways" }

func (r *gatewayRow) domain() (gateway.Gateway, error) {
	g := gateway.Gateway{
		ID: r.ID, Num: r.Num, Organization: core.OrganizationID(r.OrganizationID), OrganizationNum: r.OrganizationNum,
		Name: r.Name, Label: r.Label, Mode: r.Mode, Version: r.Version, Deleted: r.DeletedAt > 0, ManagedBy: r.ManagedBy,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
	if err := json.Unmarshal([]byte(r.Settings), &g.Settings); err != nil {
		return g, fmt.Errorf("decode settings of gateway %s: %w", r.ID, err)
	}
	return g, nil
}

// entryRow is a row of upstreams, routes, usage_plans and streams.
type entryRow struct {
	Num            uint64 `gorm:"default:(-)"`
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Name           string
	Document       string
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
	Search, Tags   string
	ManagedBy      string
}

// entryTables by gateway.Kind.
var entryTables = [...]string{
	gateway.KindUpstream: "upstreams", gateway.KindRoute: "routes", gateway.KindUsagePlan: "usage_plans", gateway.KindStream: "streams",
}

func (r *entryRow) domain() gateway.Entry {
	return gateway.Entry{
		ID: r.ID, Num: r.Num, Name: r.Name, Document: json.RawMessage(r.Document), Revision: r.Revision, ManagedBy: r.ManagedBy,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
}

type secretRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	Name           string
	Sealed         []byte
	EdgeSealed     []byte
	Revision       uint64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (secretRow) TableName() string { return "secrets" }

func (r *secretRow) domain() gateway.SecretValue {
	return gateway.SecretValue{
		Secret: gateway.Secret{
			ID: r.ID, Name: r.Name, Revision: r.Revision,
			CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
		},
		Sealed: r.Sealed, EdgeSealed: r.EdgeSealed,
	}
}

type versionRow struct {
	GatewayID      string `gorm:"primaryKey"`
	Version        uint64 `gorm:"primaryKey;autoIncrement:false"`
	OrganizationID string
	AuthorKind     string
	AuthorID       string
	AuthorName     string
	Summary        string
	RestoredFrom   uint64
	Delta          []byte
	Document       []byte
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
}

func (versionRow) TableName() string { return "gateway_versions" }

func (r *versionRow) domain() gateway.HistoryEntry {
	return gateway.HistoryEntry{
		Version: gateway.Version{
			Version: r.Version, AuthorKind: r.AuthorKind, AuthorID: r.AuthorID, AuthorName: r.AuthorName,
			Summary: r.Summary, RestoredFrom: r.RestoredFrom, CreatedAt: core.FromMillis(r.CreatedAt),
		},
		Delta: r.Delta, Document: r.Document,
	}
}

type labelRow struct {
	Label         string `gorm:"primaryKey"`
	GatewayID     string
	ReservedUntil int64
}

func (labelRow) TableName() string { return "gateway_labels" }
