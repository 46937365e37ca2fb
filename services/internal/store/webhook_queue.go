package store

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/webhook"
)

// dueLanes finds webhooks with something due: it goes from one webhook with waiting
// deliveries to the next by the index, however many deliveries each has. Of each
// organization's the one that waited longest for its turn comes first.
const dueLanes = `WITH RECURSIVE waiting(id) AS (
	SELECT MIN(webhook_id) FROM webhook_deliveries WHERE state = 'waiting'
	UNION ALL
	SELECT (SELECT MIN(d.webhook_id) FROM webhook_deliveries d WHERE d.state = 'waiting' AND d.webhook_id > waiting.id) FROM waiting WHERE waiting.id IS NOT NULL
), due AS (
	SELECT s.webhook_id, ROW_NUMBER() OVER (PARTITION BY w.organization_id ORDER BY s.served_at, s.webhook_id) AS place
	FROM waiting JOIN webhook_states s ON s.webhook_id = waiting.id JOIN webhooks w ON w.id = s.webhook_id
	WHERE w.enabled AND s.lease_until <= @now AND (s.failures = 0 OR @any) AND w.organization_id NOT IN @full
		AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = s.webhook_id AND d.state = 'waiting' AND d.next_at <= @now)
)
`

// claimLanes takes some of them.
const claimLanes = dueLanes + `UPDATE webhook_states SET holder = @holder, lease_until = @until WHERE webhook_id IN (
	SELECT s.webhook_id FROM webhook_states s JOIN due ON due.webhook_id = s.webhook_id
	WHERE due.place <= @most AND s.lease_until <= @now ORDER BY due.place, s.served_at LIMIT @limit`

// AnyDue looks whether there is something to claim.
func (s Webhooks) AnyDue(ctx context.Context, now time.Time) (found bool, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(dueLanes+"SELECT EXISTS (SELECT 1 FROM due)", map[string]any{"now": core.Millis(now), "any": true, "full": []string{""}}).Scan(&found).Error
	})
	return found, err
}

// ClaimLanes takes webhooks that have something due.
func (s Webhooks) ClaimLanes(ctx context.Context, c webhook.Claim) ([]webhook.Webhook, error) {
	var out []webhook.Webhook
	full := []string{""} // an empty list would hold nobody
	for _, org := range c.Full {
		full = append(full, string(org))
	}
	err := s.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		end := " FOR UPDATE OF s SKIP LOCKED) RETURNING webhook_id"
		if t.d.dialect == migrations.SQLite {
			end = ") RETURNING webhook_id" // the transaction is the one writer
		}
		var ids []string
		err := t.Raw(claimLanes+end, map[string]any{
			"now": core.Millis(c.Now), "until": core.Millis(c.Until), "holder": c.Holder, "any": !c.Healthy, "full": full, "most": c.Most, "limit": c.Limit,
		}).Scan(&ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		out, err = readWebhooks(webhooks(t.DB, "").Where("webhooks.id IN ?", ids))
		return err
	})
	return out, err
}

// ExtendLanes prolongs leases.
func (s Webhooks) ExtendLanes(ctx context.Context, holder string, ids []string, until time.Time) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Table("webhook_states").Where("holder = ? AND webhook_id IN ?", holder, ids).UpdateColumn("lease_until", core.Millis(until)).Error
	})
}

// ReleaseLane gives a webhook back.
func (s Webhooks) ReleaseLane(ctx context.Context, holder, id string, now time.Time) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Table("webhook_states").Where("holder = ? AND webhook_id = ?", holder, id).
			UpdateColumns(map[string]any{"holder": "", "lease_until": 0, "served_at": core.Millis(now)}).Error
	})
}

// Due reads deliveries that are due.
func (s Webhooks) Due(ctx context.Context, id string, now time.Time, limit int) ([]webhook.Delivery, error) {
	var rows []webhookDeliveryRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Where("webhook_id = ? AND state = 'waiting' AND next_at <= ?", id, core.Millis(now)).Order("next_at, id").Limit(limit).Find(&rows).Error
	})
	return convert(rows, (*webhookDeliveryRow).domain), err
}

// Trim deletes what is old.
func (s Webhooks) Trim(ctx context.Context, before time.Time, limit int) (gone int, err error) {
	at := core.Millis(before)
	err = s.DB.Tx(ctx, func(t *Txn) error {
		r := t.Exec("DELETE FROM webhook_deliveries WHERE (webhook_id, id) IN (SELECT webhook_id, id FROM webhook_deliveries WHERE created_at < ? ORDER BY created_at LIMIT ?)", at, limit)
		if gone = int(r.RowsAffected); r.Error != nil || gone == limit {
			return r.Error
		}
		if err := t.Exec("DELETE FROM webhook_endings WHERE ends_at < ?", at).Error; err != nil {
			return err
		}
		return t.Exec("DELETE FROM webhooks WHERE gateway_id IN (SELECT id FROM gateways WHERE deleted_at > 0 AND deleted_at < ?)", at).Error
	})
	return gone, err
}

// Interested lists gateways with a webhook that wants a type of events.
func (s Webhooks) Interested(ctx context.Context, typ, after string, limit int) (out []webhook.Gateway, err error) {
	var rows []struct{ OrganizationID, GatewayID string }
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("webhooks").Distinct("webhooks.organization_id", "webhooks.gateway_id").
			Joins("JOIN gateways ON gateways.id = webhooks.gateway_id AND gateways.deleted_at = 0").
			Where("webhooks.enabled AND webhooks.gateway_id > ? AND "+wantsEvent, after, eventPattern(typ)).
			Order("webhooks.gateway_id").Limit(limit).Scan(&rows).Error
	})
	for _, r := range rows {
		out = append(out, webhook.Gateway{Organization: core.OrganizationID(r.OrganizationID), ID: r.GatewayID})
	}
	return out, err
}

// EndingKeys finds keys that end soon. Those that were rotated are known to end, and
// those that were made for less than the time between from and to always are.
func (s Webhooks) EndingKeys(ctx context.Context, org core.OrganizationID, gateway string, from, to time.Time, limit int) ([]webhook.Ending, error) {
	var rows []keyRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("api_keys").Select("api_keys.*, COALESCE(consumers.name, '') AS consumer_name").
			Joins("LEFT JOIN consumers ON consumers.id = api_keys.consumer_id").
			Joins("LEFT JOIN webhook_endings e ON e.gateway_id = api_keys.gateway_id AND e.ends_at = api_keys.expires_at AND e.ref = 'key ' || CAST(api_keys.kid AS text)").
			Where("api_keys.organization_id = ? AND api_keys.state = ? AND api_keys.expires_at > ? AND api_keys.expires_at <= ?",
				string(org), stateActive, core.Millis(from), core.Millis(to)).
			Where("api_keys.gateway_id = ? AND api_keys.rotated_to = 0 AND api_keys.expires_at - api_keys.created_at > ? AND e.ref IS NULL",
				gateway, to.Sub(from).Milliseconds()).
			Order("api_keys.expires_at, api_keys.kid").Limit(limit).Find(&rows).Error
	})
	return convert(rows, func(r *keyRow) webhook.Ending {
		prefix := contract.KeyPrefixLive
		if r.Test {
			prefix = contract.KeyPrefixTest
		}
		at, kid := core.FromMillis(r.ExpiresAt), contract.FormatKID(r.KID)
		return webhook.Ending{Ref: endingKey(r.KID), At: at, Event: event.Event{Type: event.KeyExpiring, About: event.Key{
			ID: core.PrefixKey + "_" + kid, Name: r.Name, Prefix: prefix + kid, Consumer: r.ConsumerName, ExpiresAt: &at,
		}}}
	}), err
}

// endingKey is what a key is called in webhook_endings.
func endingKey(kid uint64) string { return "key " + strconv.FormatUint(kid, 10) }

// Tell tells that something ends, unless that was done for this end.
func (s Webhooks) Tell(ctx context.Context, org core.OrganizationID, gateway string, e webhook.Ending) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		r := t.Exec(`INSERT INTO webhook_endings (gateway_id, ref, ends_at)
			SELECT id, ?, ? FROM gateways WHERE organization_id = ? AND id = ? AND deleted_at = 0
			ON CONFLICT (gateway_id, ref) DO UPDATE SET ends_at = excluded.ends_at WHERE webhook_endings.ends_at <> excluded.ends_at`,
			e.Ref, core.Millis(e.At), string(org), gateway)
		if r.Error != nil || r.RowsAffected == 0 {
			return r.Error
		}
		return t.emit(org, gateway, []event.Event{e.Event})
	})
}
