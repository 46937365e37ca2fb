package claim

import (
	"runtime"
	"strings"
	"testing"
)

// TestWeight: what is estimated is about what the heap says, whatever shape makes
// the most of few bytes.
func TestWeight(t *testing.T) {
	for name, piece := range map[string]string{
		"numbers": `7,`, "lists": `[],`, "objects": `{},`, "objects with a name": `{"":0},`, "texts": `"",`, "words": `"abcdefghij",`,
	} {
		text := []byte(`{"a":[` + strings.TrimSuffix(strings.Repeat(piece, 60_000/len(piece)), ",") + `]}`)
		var kept []map[string]any
		before := heap()
		for range 4 {
			m, err := Object(text, 16)
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, Plain(m))
		}
		took := (heap() - before) / 4
		if w := Weight(kept[0]); w < took*2/3 || w > 2*took+1000 {
			t.Errorf("%s: %d bytes are taken for %d, of a text of %d", name, took, w, len(text))
		}
		runtime.KeepAlive(kept)
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
