package contract

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// Order is what the control plane tells one edge's process to do, on the list
// RedisOrders. It is a document of KindOrder, signed by the control plane alone: no
// other edge can make one. Its version is the time at which it was made, in Unix
// microseconds; an edge takes none that is not newer than the last it took, so that
// none works twice. It is for one process: a restarted edge knows nothing of it.
type Order struct {
	ID          string `json:"id"`
	Edge        string `json:"edge"`
	Incarnation string `json:"incarnation"` // of the edge's report
	Op          string `json:"op"`          // OrderDrain or OrderUndrain
	Deadline    int64  `json:"deadline"`    // Unix milliseconds
}

// What an Order asks for.
const (
	// OrderDrain: be not ready and let clients go, but live on.
	OrderDrain = "drain"
	// OrderUndrain: serve as before.
	OrderUndrain = "undrain"
)

// OrderSlack is how far the clocks of the control plane and of an edge may differ
// before an order counts as too old.
const OrderSlack = 2 * time.Second

// MaxOrder bounds an encoded order, in bytes.
const MaxOrder = 4096

// SignOrder encodes an order that was made now.
func SignOrder(key ed25519.PrivateKey, o *Order, now time.Time) ([]byte, error) {
	return SignDocument(key, KindOrder, uint64(now.UnixMicro()), o)
}

// OpenOrder reads an order for an edge's process, made after the last one that it
// took (its version, 0 for none), and returns the version. Every other is an error.
func OpenOrder(key ed25519.PublicKey, b []byte, edge, incarnation string, last uint64, now time.Time) (*Order, uint64, error) {
	if len(b) > MaxOrder {
		return nil, 0, fmt.Errorf("%w: an order of %d bytes", ErrBadDocument, len(b))
	}
	o := &Order{}
	version, err := OpenDocument(key, KindOrder, b, o)
	switch {
	case err != nil:
		return nil, 0, err
	case o.Edge != edge || o.Incarnation != incarnation:
		return nil, 0, fmt.Errorf("order is for process %.64q of edge %.64q", o.Incarnation, o.Edge)
	case version <= last:
		return nil, 0, fmt.Errorf("order %.64q is not newer than the last one", o.ID)
	case now.Add(-OrderSlack).UnixMilli() > o.Deadline:
		return nil, 0, fmt.Errorf("order %.64q is too old", o.ID)
	case o.ID == "" || o.Op != OrderDrain && o.Op != OrderUndrain:
		return nil, 0, fmt.Errorf("order %.64q asks for %.64q", o.ID, o.Op)
	}
	return o, version, nil
}
