package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Keys implements apikey.Store.
type Keys struct{ DB *DB }

var _ apikey.Store = Keys{}

const stateActive = int(contract.KeyActive)

type keyRow struct {
	KID            uint64 `gorm:"column:kid;primaryKey;autoIncrement:false"`
	Shard          int
	OrganizationID string
	GatewayID      string
	ConsumerID     string
	UsagePlanID    *string
	Name           string
	Test           bool
	Hash           []byte
	Pepper         int
	Scopes         string
	State          int
	NotBefore      int64
	ExpiresAt      int64
	RevokedAt      int64
	RotatedTo      uint64
	Limits         string // JSON; empty: none
	LimitsOf       uint64
	Version        uint64
	CreatedBy      string
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`

	// Joined, never written.
	GatewayNum   uint64 `gorm:"->"`
	GatewayName  string `gorm:"->"`
	ConsumerNum  uint64 `gorm:"->"`
	ConsumerName string `gorm:"->"`
	PlanNum      uint64 `gorm:"->"`
	PlanName     string `gorm:"->"`
	UsedNum      uint64 `gorm:"->"` // the plan in force
	UsedDocument string `gorm:"->"`
	UsedName     string `gorm:"->"`
}

func (keyRow) TableName() string { return "api_keys" }

// joinedKeys selects keys with the names and numbers that they refer to.
func joinedKeys(db *gorm.DB) *gorm.DB {
	return db.Table("api_keys").Select("api_keys.*, gateways.num AS gateway_num, gateways.name AS gateway_name, " +
		"COALESCE(consumers.num, 0) AS consumer_num, COALESCE(consumers.name, '') AS consumer_name, " +
		"COALESCE(own_plan.num, 0) AS plan_num, COALESCE(own_plan.name, '') AS plan_name, " +
		"COALESCE(own_plan.num, consumer_plan.num, 0) AS used_num, COALESCE(own_plan.name, consumer_plan.name, '') AS used_name, " +
		"COALESCE(own_plan.document, consumer_plan.document, '') AS used_document").
		Joins("JOIN gateways ON gateways.id = api_keys.gateway_id").
		Joins("LEFT JOIN consumers ON consumers.id = api_keys.consumer_id").
		Joins("LEFT JOIN usage_plans own_plan ON own_plan.id = api_keys.usage_plan_id").
		Joins("LEFT JOIN usage_plans consumer_plan ON consumer_plan.id = consumers.usage_plan_id")
}

func (r *keyRow) domain() (apikey.Key, error) {
	prefix := contract.KeyPrefixLive
	if r.Test {
		prefix = contract.KeyPrefixTest
	}
	k := apikey.Key{
		ID: apikey.ID(r.KID), KID: r.KID, Prefix: prefix + contract.FormatKID(r.KID), Name: r.Name,
		Gateway:  apikey.Ref{ID: r.GatewayID, Num: r.GatewayNum, Name: r.GatewayName},
		Consumer: apikey.Ref{ID: r.ConsumerID, Num: r.ConsumerNum, Name: r.ConsumerName},
		Test:     r.Test, State: byte(r.State), NotBefore: core.FromMillis(r.NotBefore), Expires: core.FromMillis(r.ExpiresAt),
		Revoked: core.FromMillis(r.RevokedAt), RotatedTo: r.RotatedTo, LimitsOf: r.LimitsOf, Version: r.Version, CreatedBy: r.CreatedBy,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt), Pepper: uint8(r.Pepper),
	}
	if r.UsagePlanID != nil {
		k.UsagePlan = apikey.Ref{ID: *r.UsagePlanID, Num: r.PlanNum, Name: r.PlanName}
	}
	if len(r.Hash) != len(k.Hash) {
		return k, fmt.Errorf("hash of key %s is %d bytes", k.ID, len(r.Hash))
	}
	copy(k.Hash[:], r.Hash)
	var err error
	if k.Limits, err = decodeLimits(r.Limits); err != nil {
		return k, fmt.Errorf("limits of key %s: %w", k.ID, err)
	}
	if k.Plan, err = planDocument(r.UsedNum, r.UsedName, r.UsedDocument); err != nil {
		return k, err
	}
	if r.Scopes != "" {
		k.Scopes = strings.Split(r.Scopes, " ")
	}
	return k, nil
}

// encodeLimits is empty for a key without limits of its own.
func encodeLimits(l *contract.KeyLimits) string {
	if l.None() {
		return ""
	}
	b, _ := json.Marshal(l) // numbers and words only: can't fail
	return string(b)
}

func decodeLimits(text string) (l contract.KeyLimits, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &l)
	}
	return l, err
}

// Tx runs fn in one transaction.
func (s Keys) Tx(ctx context.Context, fn func(apikey.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(keyTx{t}) })
}

// TxInLine runs fn in one transaction, one at a time for an organization.
func (s Keys) TxInLine(ctx context.Context, org core.OrganizationID, fn func(apikey.Tx) error) error {
	return s.DB.TxInLine(ctx, "keys of "+string(org), func(t *Txn) error { return fn(keyTx{t}) })
}

func gatewayRef(db *gorm.DB, org core.OrganizationID, ref string) (apikey.GatewayRef, error) {
	g, err := findGateway(db, org, ref)
	if err != nil {
		return apikey.GatewayRef{}, err
	}
	return apikey.GatewayRef{Ref: apikey.Ref{ID: g.ID, Num: g.Num, Name: g.Name}, Test: g.Mode == contract.ModeTest}, nil
}

// Gateway finds by id or name.
func (s Keys) Gateway(ctx context.Context, org core.OrganizationID, ref string) (apikey.GatewayRef, error) {
	var out apikey.GatewayRef
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = gatewayRef(db, org, ref)
		return err
	})
	return out, err
}

func findKey(db *gorm.DB, org core.OrganizationID, id string, kid uint64) (*apikey.Key, error) {
	var row keyRow
	err := joinedKeys(db).Where("api_keys.organization_id = ? AND api_keys.gateway_id = ? AND api_keys.kid = ?", string(org), id, kid).
		Take(&row).Error
	if isMissing(err) {
		return nil, core.NotFound("key", apikey.ID(kid))
	}
	if err != nil {
		return nil, err
	}
	k, err := row.domain()
	return &k, err
}

// Key finds by kid.
func (s Keys) Key(ctx context.Context, org core.OrganizationID, id string, kid uint64) (*apikey.Key, error) {
	var out *apikey.Key
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		out, err = findKey(db, org, id, kid)
		return err
	})
	return out, err
}

// keyTx implements apikey.Tx.
type keyTx struct{ *Txn }

var _ apikey.Tx = keyTx{}

func (t keyTx) Gateway(org core.OrganizationID, ref string) (apikey.GatewayRef, error) {
	return gatewayRef(t.DB, org, ref)
}

// TakeRoom counts down what was left when all were counted last: other changes
// than this one only make more room.
func (t keyTx) TakeRoom(org core.OrganizationID, limit int) (ok bool, err error) {
	r := t.Table("organizations").Where("id = ? AND keys_limit = ? AND keys_room > 0", string(org), limit).
		UpdateColumn("keys_room", gorm.Expr("keys_room - 1"))
	if r.Error != nil || r.RowsAffected == 1 {
		return r.Error == nil, r.Error
	}
	if err := t.LockOrganization(org); err != nil {
		return false, err
	}
	n, err := t.CountActive(org)
	if err != nil || n >= limit {
		return false, err
	}
	return true, t.Table("organizations").Where("id = ?", string(org)).
		UpdateColumns(map[string]any{"keys_limit": limit, "keys_room": limit - n - 1}).Error
}

// CountActive leaves out keys that were rotated: the new one counts for both.
func (t keyTx) CountActive(org core.OrganizationID) (int, error) {
	live := t.Table("gateways").Select("id").Where("organization_id = ? AND deleted_at = 0", string(org))
	var n int64
	err := t.active(org).Where("gateway_id IN (?)", live).Count(&n).Error
	return int(n), err
}

func (t keyTx) active(org core.OrganizationID) *gorm.DB {
	return t.Table("api_keys").
		Where("organization_id = ? AND state = ? AND rotated_to = 0 AND (expires_at = 0 OR expires_at > ?)", string(org), stateActive, t.Now)
}

// CountActiveOf counts those of one consumer.
func (t keyTx) CountActiveOf(org core.OrganizationID, consumer string) (int, error) {
	var n int64
	err := t.active(org).Where("consumer_id = ?", consumer).Count(&n).Error
	return int(n), err
}

func (t keyTx) ConsumerNamed(org core.OrganizationID, id, name string) (apikey.Ref, error) {
	var row consumerRow
	q := t.DB
	if t.d.dialect == migrations.Postgres {
		q = t.Clauses(clause.Locking{Strength: "SHARE"})
	}
	err := q.Table("consumers").Where("organization_id = ? AND gateway_id = ? AND name = ?", string(org), id, name).Take(&row).Error
	if isMissing(err) {
		return apikey.Ref{}, core.NotFound("consumer", name)
	}
	return apikey.Ref{ID: row.ID, Num: row.Num, Name: row.Name}, err
}

func planNamed(db *gorm.DB, org core.OrganizationID, id, name string) (apikey.Ref, error) {
	var row entryRow
	err := db.Table("usage_plans").Where("organization_id = ? AND gateway_id = ? AND name = ?", string(org), id, name).Take(&row).Error
	if isMissing(err) {
		return apikey.Ref{}, core.NotFound("usage plan", name)
	}
	return apikey.Ref{ID: row.ID, Num: row.Num, Name: row.Name}, err
}

func (t keyTx) PlanNamed(org core.OrganizationID, id, name string) (apikey.Ref, error) {
	return planNamed(t.DB, org, id, name)
}

func (t keyTx) LockKey(org core.OrganizationID, id string, kid uint64) (*apikey.Key, error) {
	var locked uint64
	err := t.forUpdate().Table("api_keys").Select("kid").
		Where("organization_id = ? AND gateway_id = ? AND kid = ?", string(org), id, kid).Take(&locked).Error
	if isMissing(err) {
		return nil, core.NotFound("key", apikey.ID(kid))
	}
	if err != nil {
		return nil, err
	}
	return findKey(t.DB, org, id, kid)
}

func (t keyTx) CreateKey(org core.OrganizationID, k *apikey.Key) error {
	row := keyRow{
		KID: k.KID, Shard: contract.KeyShard(k.KID), OrganizationID: string(org), GatewayID: k.Gateway.ID,
		ConsumerID: k.Consumer.ID, UsagePlanID: planID(k), Name: k.Name, Test: k.Test, Hash: k.Hash[:], Pepper: int(k.Pepper),
		Scopes: strings.Join(k.Scopes, " "), State: int(k.State), NotBefore: core.Millis(k.NotBefore),
		ExpiresAt: core.Millis(k.Expires), Limits: encodeLimits(&k.Limits), LimitsOf: k.LimitsOf,
		Version: k.Version, CreatedBy: k.CreatedBy, CreatedAt: t.Now, UpdatedAt: t.Now,
	}
	k.CreatedAt, k.UpdatedAt = core.FromMillis(t.Now), core.FromMillis(t.Now)
	return t.Create(&row).Error
}

func planID(k *apikey.Key) *string {
	if k.UsagePlan.ID == "" {
		return nil
	}
	return &k.UsagePlan.ID
}

func (t keyTx) SaveKey(org core.OrganizationID, k *apikey.Key) error {
	k.UpdatedAt = core.FromMillis(t.Now)
	r := t.Table("api_keys").Where("organization_id = ? AND kid = ?", string(org), k.KID).Updates(map[string]any{
		"name": k.Name, "usage_plan_id": planID(k), "scopes": strings.Join(k.Scopes, " "), "state": int(k.State),
		"expires_at": core.Millis(k.Expires), "revoked_at": core.Millis(k.Revoked), "rotated_to": k.RotatedTo,
		"limits": encodeLimits(&k.Limits), "version": k.Version, "updated_at": t.Now,
	})
	if r.Error == nil && r.RowsAffected != 1 {
		return ErrGone
	}
	return r.Error
}
