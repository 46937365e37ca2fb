package contract

import "testing"

func TestConnectionID(t *testing.T) {
	keys := &EdgeKeys{Sealing: [32]byte{1}}
	tag := keys.EdgeTag("edge-1")
	id := ConnectionID(tag, [ConnectionRandom]byte{0xff, 0xfe})
	if got, ok := ConnectionEdge(id); !ok || got != tag || tag == keys.EdgeTag("edge-2") || tag == (&EdgeKeys{}).EdgeTag("edge-1") {
		t.Errorf("%q leads to %q %v", id, got, ok)
	}
	for _, bad := range []string{"", "ws_", id[1:], id + "A", id[:len(id)-1], id[:len(id)-1] + "*", id[:len(id)-1] + "B", "xx_" + id[3:]} {
		if tag, ok := ConnectionEdge(bad); ok {
			t.Errorf("%q leads to %q", bad, tag)
		}
	}
}
