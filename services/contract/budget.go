package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Keys beside the budgets that edges and the worker share while an emptied Redis
// is filled again.
const (
	// RedisBudgets is a hash: BudgetsSeeded → a text that changes whenever shards
	// were seeded; "<edge>.<epoch>" → Unix milliseconds at which that edge had
	// published its claims.
	RedisBudgets = "tg:budgets"
	// RedisBudgetAsk is a set of shard numbers that the worker should look at.
	RedisBudgetAsk = "tg:budgets:ask"
)

// BudgetsSeeded is the worker's field in RedisBudgets.
const BudgetsSeeded = "seeded"

// BudgetGen is the value of a shard's marker: an id of the seeding, and the
// moment (Unix seconds) before which a counter may have been used without being
// in Redis. 0: never, the ledger was empty.
func BudgetGen(id string, since int64) string { return id + " " + strconv.FormatInt(since, 10) }

// BudgetFilter says which usage rows belong to a quota's counter. Zero numbers
// mean any.
type BudgetFilter struct {
	Organization uint64 `json:"o"`
	Gateway      uint64 `json:"g,omitempty"`
	Route        uint64 `json:"r,omitempty"`
	Consumer     uint64 `json:"c,omitempty"`
	Key          uint64 `json:"k,omitempty"`
	NoConsumer   bool   `json:"nc,omitempty"` // only rows without a consumer
	NoKey        bool   `json:"nk,omitempty"`
	Live         bool   `json:"l,omitempty"` // without gateways of mode test
	// Unrecorded counters have subjects that usage rows don't tell apart: only the
	// edges' claims count.
	Unrecorded bool `json:"u,omitempty"`
	// Chain takes in the keys that Key was rotated to.
	Chain bool `json:"kc,omitempty"`
}

// BudgetClaim is what one epoch of an edge holds of one quota in one period, told
// while the counter is not in Redis.
type BudgetClaim struct {
	Writer  string `json:"-"` // "<edge>.<epoch>"
	Counter string `json:"-"`
	Period  string `json:"-"`

	Granted int64        `json:"q"` // so far, unspent units included
	Spent   int64        `json:"s"`
	Seq     int64        `json:"n,omitempty"` // of the last message: one that comes late says nothing
	Over    bool         `json:"x,omitempty"` // the epoch is over
	Least   bool         `json:"m,omitempty"` // the machine lost power: it may have been more
	Since   int64        `json:"t"`           // Unix seconds: the edge's first use
	Start   int64        `json:"a"`           // of the period
	End     int64        `json:"z"`
	Filter  BudgetFilter `json:"f"`
}

// Field is the claim's field in RedisBudgetClaims.
func (c *BudgetClaim) Field() string { return c.Writer + " " + c.Counter + " " + c.Period }

// Encode writes the claim's value.
func (c *BudgetClaim) Encode() string {
	b, _ := json.Marshal(c) // numbers and flags only: can't fail
	return string(b)
}

// ErrBadClaim says that a claim is malformed.
var ErrBadClaim = errors.New("budget claim is malformed")

// maxBudget bounds every number of a claim: Redis' scripts count in float64.
const maxBudget = 1 << 53

// DecodeBudgetClaim reads a claim. It is no more trusted than the budgets in the
// same Redis are: it can raise what counts as used, never lower what the ledger
// knows of other edges.
func DecodeBudgetClaim(field, value string) (*BudgetClaim, error) {
	parts := strings.Split(field, " ")
	if len(parts) != 3 || len(field) > 512 || len(value) > 1024 {
		return nil, ErrBadClaim
	}
	c := &BudgetClaim{Writer: parts[0], Counter: parts[1], Period: parts[2]}
	if _, _, ok := ParseBudgetWriter(c.Writer); !ok || c.Counter == "" || c.Period == "" {
		return nil, ErrBadClaim
	}
	if err := json.Unmarshal([]byte(value), c); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadClaim, err)
	}
	if c.Granted < 0 || c.Granted > maxBudget || c.Spent < 0 || c.Spent > maxBudget || c.Start < 0 || c.End <= c.Start || c.End > maxBudget || c.Since < 0 || c.Seq < 0 || c.Seq > budgetSettled {
		return nil, ErrBadClaim
	}
	return c, nil
}

// BudgetWriter names one epoch of an edge in the budgets.
func BudgetWriter(edge string, epoch uint64) string {
	return edge + "." + strconv.FormatUint(epoch, 10)
}

// ParseBudgetWriter reads what BudgetWriter wrote.
func ParseBudgetWriter(s string) (edge string, epoch uint64, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i <= 0 || strings.ContainsAny(s, " \t\r\n") {
		return "", 0, false
	}
	epoch, err := strconv.ParseUint(s[i+1:], 10, 64)
	return s[:i], epoch, err == nil
}

// BudgetSum is what the ledger knows that one writer admitted.
type BudgetSum struct {
	Writer   string
	Admitted int64
}

// budgetSettled is the number of an epoch's last message.
const budgetSettled = 1 << 52

// RestoreBudget puts a quota's hash together again (fields and values in turn, as
// the quota script keeps them) from the claims of its writers and what the ledger
// knows of all others. A writer's own claim is exact, so it stands for what the
// ledger has of it, unless it says that it may have been more; a writer that did not
// claim will add what the ledger missed when it speaks again.
func RestoreBudget(claims []*BudgetClaim, sums []BudgetSum) []string {
	var used, held, live int64
	fields := []string{"u", "", "n", "", "h", ""}
	seen := map[string]bool{}
	put := func(writer string, granted, seq, spent int64) {
		used += granted
		held += granted - spent
		seen[writer] = true
		fields = append(fields, "e"+writer, fmt.Sprintf("%d %d %d", granted, seq, spent))
	}
	recorded := map[string]int64{}
	for _, s := range sums {
		recorded[s.Writer] = s.Admitted
	}
	for _, c := range claims {
		granted := max(c.Granted, c.Spent)
		if c.Least {
			granted = max(granted, recorded[c.Writer])
		}
		switch {
		case seen[c.Writer]:
		case c.Over:
			put(c.Writer, granted, budgetSettled, granted)
		default:
			live++
			put(c.Writer, granted, c.Seq, c.Spent)
		}
	}
	for _, s := range sums {
		if !seen[s.Writer] && s.Admitted > 0 {
			put(s.Writer, s.Admitted, 0, s.Admitted)
		}
	}
	fields[1], fields[3], fields[5] = strconv.FormatInt(used, 10), strconv.FormatInt(live, 10), strconv.FormatInt(held, 10)
	return fields
}
