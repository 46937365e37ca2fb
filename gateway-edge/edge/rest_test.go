package edge

import (
	"testing"
	"time"
)

// TestRestEnds: the process's own drain never meets a step of an operator's: it waits
// for one that is under way, and none comes after it.
func TestRestEnds(t *testing.T) {
	t.Parallel()
	var r rest
	var tells, refusals []bool
	tell := func(on bool) { tells = append(tells, on) }
	refuse := func(on bool) { refusals = append(refusals, on) }
	if !r.turn(true, tell, refuse) || r.turn(true, tell, refuse) {
		t.Fatal("an order does nothing, or something twice")
	}
	if r.look(time.Hour, refuse); len(refusals) > 0 {
		t.Fatal("balancers had no time")
	}
	for range 2 {
		if !r.look(0, refuse) || len(refusals) != 1 || !refusals[0] {
			t.Fatalf("refused %v", refusals)
		}
	}
	within := make(chan struct{})
	go r.turn(false, func(on bool) {
		close(within)
		time.Sleep(20 * time.Millisecond) // whoever does not wait is ahead
		tell(on)
	}, refuse)
	<-within
	r.end()
	if len(tells) != 2 || tells[1] || len(refusals) != 2 || refusals[1] {
		t.Fatalf("the end came within a step: told %v, refused %v", tells, refusals)
	}
	if r.turn(true, tell, refuse) || r.look(0, refuse) || len(tells) != 2 || len(refusals) != 2 {
		t.Errorf("a step after the end: told %v, refused %v", tells, refusals)
	}
}
