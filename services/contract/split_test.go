package contract

import (
	"bytes"
	"reflect"
	"testing"
)

func TestSplitsCrossRedis(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	b := sampleBatch()
	plain, err := b.Encode(&keys.Edge)
	if err != nil {
		t.Fatal(err)
	}
	s := Split{ID: SplitID{5, 11, 9, TargetID(3, "http://10.0.0.1:80"), 100, SplitTarget}, Counts: SplitCounts{1, 2, 3, 4, 5, 6, 1 << 40}}
	s.Upstream[0], s.Upstream[95] = 4, 6
	b.Splits = []Split{s, {ID: SplitID{5, 11, 0, CodeID(CodeNoRoute), 100, SplitCode}, Counts: SplitCounts{C4xx: 9}}}
	p, err := b.Encode(&keys.Edge)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBatch(&keys.Edge, p)
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Fatalf("%+v, %v", got, err)
	}
	if bytes.Equal(p[:4], plain[:4]) {
		t.Error("a worker that knows no splits would take the batch for one of its own")
	}
	b.Splits = make([]Split, MaxBatchCounters+1)
	if _, err := b.Encode(&keys.Edge); err == nil {
		t.Error("too many splits were encoded")
	}
}

func TestTargetID(t *testing.T) {
	t.Parallel()
	a := TargetID(1, "http://a")
	if a == 0 || a>>63 != 0 || a != TargetID(1, "http://a") {
		t.Errorf("%d", a)
	}
	if a == TargetID(2, "http://a") || a == TargetID(1, "http://b") {
		t.Error("two targets share their number")
	}
}

func TestCodeIDs(t *testing.T) {
	t.Parallel()
	seen := map[uint64]bool{}
	for _, c := range Codes() {
		id := CodeID(c)
		if back, ok := CodeByID(id); !ok || back != c || id&1 == 0 || id>>63 != 0 || seen[id] {
			t.Errorf("%s is %d, which is %s", c, id, back)
		}
		seen[id] = true
	}
	// The ledger holds it for ever.
	if id := CodeID(CodeNoRoute); id != 8527025350390440517 {
		t.Errorf("no_route is %d", id)
	}
	if _, ok := CodeByID(2); ok {
		t.Error("an even number is no code")
	}
}
