package redisbus_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/internal/redistest"
)

// TestBudgetReader reads what edges' scripts would have written, and knows when
// only the ledger can tell.
func TestBudgetReader(t *testing.T) {
	t.Parallel()
	client, err := redisbus.Open(redistest.Start(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := t.Context()
	now := time.Now().UTC()
	day := contract.CalendarPeriod(contract.PeriodDay, now)
	names := []string{"used", "fresh", "younger", "unseeded", "rate", "full"}
	marks := map[string]string{
		"used": contract.BudgetGen("a", now.Unix()), "fresh": contract.BudgetGen("a", 0), "younger": contract.BudgetGen("a", day.Start+1),
		"rate": contract.BudgetGen("a", 0), "full": contract.BudgetGen("a", 0),
	}
	for name, gen := range marks {
		client.Set(ctx, contract.RedisBudgetGen(contract.BudgetShard(name)), gen, 0)
	}
	client.HSet(ctx, contract.RedisBudget(contract.BudgetQuota, "used", day.Name), "u", "300", "n", "1", "h", "100", "eedge.1", "300 4 200")
	full := now.Add(20 * time.Second)
	client.Set(ctx, contract.RedisBudget(contract.BudgetDirect, "rate", ""), full.UnixMicro(), 0)
	var counters []budget.Counter
	for _, n := range names {
		counters = append(counters, budget.Counter{Name: n, Quota: n != "rate" && n != "full", Period: day})
	}
	got, err := (&redisbus.BudgetReader{Redis: client}).Counters(ctx, counters)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []budget.State{{Known: true, Used: 200}, {Known: true}, {}, {}, {Known: true, Full: time.UnixMicro(full.UnixMicro())}, {Known: true}} {
		if got[i] != want {
			t.Errorf("%s: %+v, want %+v", names[i], got[i], want)
		}
	}
	client.Set(ctx, contract.RedisBudget(contract.BudgetQuota, "used", day.Name), "no hash", 0)
	if _, err := (&redisbus.BudgetReader{Redis: client}).Counters(ctx, counters[:1]); err == nil {
		t.Error("a key of another type was read")
	}
}
