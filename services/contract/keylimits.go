package contract

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// KeyLimits are the limits of one API key. Each that is set stands in for the
// usage plan's of its kind; the organization's own hold beside them.
type KeyLimits struct {
	RateLimit   *Rate  `json:"rate_limit,omitempty"`
	Quota       *Quota `json:"quota,omitempty"`
	Concurrency int    `json:"concurrency,omitempty"` // 0: not set
}

// None reports whether no limit is set.
func (l *KeyLimits) None() bool {
	return l.RateLimit == nil && l.Quota == nil && l.Concurrency == 0
}

// Equal reports whether both say the same.
func (l *KeyLimits) Equal(o *KeyLimits) bool {
	return l.Concurrency == o.Concurrency && same(l.RateLimit, o.RateLimit) && same(l.Quota, o.Quota)
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// The words of limits, by the byte that stands for them in records.
var (
	ratePers     = []string{"", "second", "minute", "hour"}
	quotaPeriods = []string{"", "hour", "day", "week", "month"}
)

// maxKeySlots bounds a record's concurrency.
const maxKeySlots = 1 << 30

// recExtra is the size of what schema 2 adds to a record: kind, the kid that
// limits are counted under, rate, per, burst, quota, period, concurrency.
const recExtra = 1 + 8 + 8 + 1 + 8 + 8 + 1 + 4

func (r *KeyRecord) extended() bool {
	return r.Kind != RecordKey || r.LimitsOf != 0 || !r.Limits.None()
}

// appendExtra writes what schema 2 added.
func (r *KeyRecord) appendExtra(b []byte) ([]byte, error) {
	be := binary.BigEndian
	rate, quota := Rate{}, Quota{}
	if r.Limits.RateLimit != nil {
		rate = *r.Limits.RateLimit
	}
	if r.Limits.Quota != nil {
		quota = *r.Limits.Quota
	}
	per, period := slices.Index(ratePers, rate.Per), slices.Index(quotaPeriods, quota.Period)
	if per < 0 || period < 0 || r.Kind > RecordIdentity || r.Limits.Concurrency < 0 || r.Limits.Concurrency > maxKeySlots {
		return nil, fmt.Errorf("key record: kind %d, rate per %.20q, quota per %.20q or concurrency %d can't be written", r.Kind, rate.Per, quota.Period, r.Limits.Concurrency)
	}
	b = append(b, r.Kind)
	b = be.AppendUint64(b, r.LimitsOf)
	b = be.AppendUint64(b, uint64(rate.Rate))
	b = append(b, byte(per))
	b = be.AppendUint64(b, uint64(rate.Burst))
	b = be.AppendUint64(b, uint64(quota.Limit))
	b = append(b, byte(period))
	return be.AppendUint32(b, uint32(r.Limits.Concurrency)), nil
}

// cutExtra reads what appendExtra wrote.
func (r *KeyRecord) cutExtra(b []byte) (rest []byte, ok bool) {
	if len(b) < recExtra {
		return nil, false
	}
	be := binary.BigEndian
	r.Kind, r.LimitsOf = b[0], be.Uint64(b[1:])
	rate := Rate{Rate: int64(be.Uint64(b[9:])), Burst: int64(be.Uint64(b[18:]))}
	quota := Quota{Limit: int64(be.Uint64(b[26:]))}
	per, period, slots := int(b[17]), int(b[34]), be.Uint32(b[35:])
	if r.Kind > RecordIdentity || per >= len(ratePers) || period >= len(quotaPeriods) ||
		rate.Rate < 0 || rate.Burst < 0 || quota.Limit < 0 || slots > maxKeySlots {
		return nil, false
	}
	if rate.Per = ratePers[per]; rate.Rate > 0 {
		r.Limits.RateLimit = &rate
	} else if per != 0 || rate.Burst != 0 {
		return nil, false
	}
	if quota.Period = quotaPeriods[period]; quota.Limit > 0 && period > 0 {
		r.Limits.Quota = &quota
	} else if period != 0 || quota.Limit != 0 {
		return nil, false
	}
	r.Limits.Concurrency = int(slots)
	return b[recExtra:], true
}
