package bench

import (
	"os"
	"testing"
	"time"
)

// TestBefore measures CPU a request of this edge beside one that was built before
// a change, whose program TOLLGATE_BEFORE names: in turn, in many short rounds, so that
// what the machine does meanwhile meets both.
func TestBefore(t *testing.T) {
	program := os.Getenv("TOLLGATE_BEFORE")
	if program == "" {
		t.Fatal("TOLLGATE_BEFORE names no program of an edge: run make bench-before BEFORE=path/of/gateway-edge")
	}
	s := newSite(t)
	s.bed.writeKeys()
	s.bed.fill("wrk.lua", 0)
	e := s.NewEdge()
	e.Path = program
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	s.WaitEdge(e)
	both := []candidate{{name: "before", addr: e.Addr(), pids: []int{e.PID()}}, s.me}
	for _, c := range both {
		s.check(c)
		s.bed.wrk(c, "/api/1k", 64, 2*time.Second) // warm
	}
	var ratio series
	for round := range 15 {
		var used [2]float64
		for i := range both {
			i = (i + round) % 2 // neither is always the first
			from := cpu(t, both[i].pids)
			l := s.bed.wrk(both[i], "/api/1k", 64, 3*time.Second)
			used[i] = float64(cpu(t, both[i].pids)-from) / float64(time.Microsecond) / float64(l.requests)
			if l.bad != "" {
				t.Errorf("%s: %s", both[i].name, l.bad)
			}
		}
		t.Logf("round %d: before %.1f µs/request, now %.1f", round+1, used[0], used[1])
		ratio = append(ratio, used[1]/used[0])
	}
	t.Logf("CPU a request: %v of what it was", ratio)
}
