package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// headRow is the newest entry of an organization's chain.
type headRow struct {
	Organization int64  `json:"organization"`
	Seq          int64  `json:"seq"`
	Hash         string `json:"hash"`
}

func (r *headRow) domain() billing.Head {
	return billing.Head{Seq: uint64(r.Seq), Hash: digestOf(r.Hash)}
}

// digestOf reads a hash. What somebody made of it that is none is zeros, which no
// entry has: the chain is found broken, and goes on.
func digestOf(s string) billing.Digest {
	d, err := billing.ParseDigest(s)
	if err != nil {
		return billing.Digest{}
	}
	return d
}

// chainRow is an entry of a chain.
type chainRow struct {
	Organization int64  `json:"organization"`
	Seq          int64  `json:"seq"`
	Hour         int64  `json:"hour"`
	Plan         int64  `json:"plan"`
	Total        int64  `json:"total"`
	At           int64  `json:"at"`
	Prev         string `json:"prev"`
	Hash         string `json:"hash"`
}

// chain adds an entry for each hour to its organization's chain, whose head stays
// locked until the transaction ends. Heads are locked in one order by everybody.
func (t *Txn) chain(hours []billedHour) error {
	if len(hours) == 0 {
		return nil
	}
	slices.SortFunc(hours, func(a, b billedHour) int {
		return cmp.Or(cmp.Compare(a.Organization, b.Organization), cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Plan, b.Plan))
	})
	heads, err := t.lockHeads(hours)
	if err != nil {
		return fmt.Errorf("lock chains: %w", err)
	}
	at := core.FromMillis(t.Now)
	entries := make([]chainRow, len(hours))
	for i, h := range hours {
		e := billing.Entry{Organization: uint64(h.Organization), Hour: h.Hour, Plan: uint32(h.Plan), Total: h.Total, At: at}
		heads[h.Organization].Append(&e)
		entries[i] = chainRow{
			Organization: h.Organization, Seq: int64(e.Seq), Hour: e.Hour, Plan: int64(e.Plan), Total: e.Total, At: t.Now,
			Prev: e.Prev.String(), Hash: e.Hash.String(),
		}
	}
	numbers, texts := []string{"organization", "seq", "hour", "plan", "total", "at"}, []string{"prev", "hash"}
	columns := list(append(slices.Clone(numbers), texts...))
	err = eachChunk(entries, func(js string) error {
		return t.Exec(t.input(numbers, texts)+"INSERT INTO billing_chain ("+columns+") SELECT "+columns+" FROM input WHERE true", js).Error
	})
	if err != nil {
		return fmt.Errorf("add to chains: %w", err)
	}
	moved := make([]headRow, 0, len(heads))
	for org, h := range heads {
		moved = append(moved, headRow{Organization: org, Seq: int64(h.Seq), Hash: h.Hash.String()})
	}
	err = eachChunk(moved, func(js string) error {
		return t.Exec(t.input([]string{"organization", "seq"}, []string{"hash"})+`INSERT INTO billing_heads (organization, seq, hash)
			SELECT organization, seq, hash FROM input WHERE true
			ON CONFLICT (organization) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`, js).Error
	})
	if err != nil {
		return fmt.Errorf("move heads of chains: %w", err)
	}
	return nil
}

// lockHeads locks the heads of the chains that hours belong to, which are in the
// order of their organizations, making those that are new.
func (t *Txn) lockHeads(hours []billedHour) (map[int64]*billing.Head, error) {
	orgs := make([]headRow, 0, len(hours))
	for _, h := range hours {
		if n := len(orgs); n == 0 || orgs[n-1].Organization != h.Organization {
			orgs = append(orgs, headRow{Organization: h.Organization})
		}
	}
	out := make(map[int64]*billing.Head, len(orgs))
	err := eachChunk(orgs, func(js string) error {
		var rows []headRow
		// The update that changes nothing is what locks a head that is there.
		err := t.Raw(t.input([]string{"organization"}, nil)+`INSERT INTO billing_heads (organization) SELECT organization FROM input WHERE true ORDER BY organization
			ON CONFLICT (organization) DO UPDATE SET seq = billing_heads.seq RETURNING organization, seq, hash`, js).Scan(&rows).Error
		for i := range rows {
			h := rows[i].domain()
			out[rows[i].Organization] = &h
		}
		return err
	})
	return out, err
}

// Chain reads entries of an organization's chain, and its head as it was before
// them: entries that are added meanwhile are not missed at the end.
func (b BillingHours) Chain(ctx context.Context, org core.OrganizationID, after uint64, limit int) (out []billing.Entry, head billing.Head, err error) {
	err = b.DB.Snapshot(ctx, func(db *gorm.DB) error {
		var h headRow
		err := db.Table("billing_heads").Where("organization = "+organizationNum, string(org)).Take(&h).Error
		if isMissing(err) {
			err = nil
		}
		if err != nil {
			return err
		}
		head = h.domain()
		var rows []chainRow
		err = db.Table("billing_chain").Where("organization = "+organizationNum+" AND seq > ?", string(org), after).Order("seq").Limit(limit).Find(&rows).Error
		out = convert(rows, (*chainRow).domain)
		return err
	})
	return out, head, err
}

func (r *chainRow) domain() billing.Entry {
	return billing.Entry{
		Organization: uint64(r.Organization), Seq: uint64(r.Seq), Hour: r.Hour, Plan: uint32(r.Plan), Total: r.Total, At: core.FromMillis(r.At),
		Prev: digestOf(r.Prev), Hash: digestOf(r.Hash),
	}
}
