package contract

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestOrders(t *testing.T) {
	t.Parallel()
	root, err := NewRootKeys(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewRootKeys(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	good := Order{ID: "o", Edge: "edge-a", Incarnation: "7", Op: OrderDrain, Deadline: now.Add(time.Second).UnixMilli()}
	sign := func(keys *RootKeys, change func(*Order)) []byte {
		o := good
		if change != nil {
			change(&o)
		}
		b, err := SignOrder(keys.Signer, &o, now)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	open := func(b []byte, last uint64) (*Order, uint64, error) {
		return OpenOrder(root.Edge.Verifier, b, "edge-a", "7", last, now)
	}
	o, version, err := open(sign(root, nil), 0)
	if err != nil || *o != good || version != uint64(now.UnixMicro()) {
		t.Fatalf("%+v at %d, %v", o, version, err)
	}
	if _, _, err := open(sign(root, nil), version); err == nil {
		t.Error("an order works twice")
	}
	turned := sign(root, nil)
	turned[len(turned)-1] ^= 1
	raised := sign(root, nil)
	raised[12]++ // the version is signed, too
	head, err := SignDocument(root.Signer, KindHead, version, &good)
	if err != nil {
		t.Fatal(err)
	}
	more, err := SignDocument(root.Signer, KindOrder, version, map[string]any{"id": "o", "edge": "edge-a", "also": 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"another control plane's": sign(other, nil), "turned": turned, "with another version": raised, "another kind": head, "unknown field": more,
		"another edge's":    sign(root, func(o *Order) { o.Edge = "edge-b" }),
		"another process's": sign(root, func(o *Order) { o.Incarnation = "8" }),
		"an old one":        sign(root, func(o *Order) { o.Deadline = now.Add(-OrderSlack - time.Second).UnixMilli() }),
		"nobody's":          sign(root, func(o *Order) { o.ID = "" }),
		"for what is not":   sign(root, func(o *Order) { o.Op = "stop" }),
		"too long":          sign(root, func(o *Order) { o.ID = randomText(2 * MaxOrder) }),
		"nothing":           nil,
	} {
		if o, _, err := open(b, 0); err == nil {
			t.Errorf("%s is taken: %+v", name, o)
		}
	}
}

// randomText is a text that does not compress to nothing.
func randomText(n int) string {
	var b strings.Builder
	for i := uint64(1); b.Len() < n; i = i*6364136223846793005 + 1442695040888963407 {
		b.WriteByte('a' + byte(i>>60))
		b.WriteByte('A' + byte(i>>33)%26)
	}
	return b.String()
}
