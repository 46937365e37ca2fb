package meter

import "github.com/tollgate/tollgate/services/contract"

// Carried adds the bytes that a connection or flow has carried since it began or
// since the last call, in the hour of this moment, while it goes on; what is left
// of them goes to Done.
func (m *Meter) Carried(h *Hot, id *contract.CounterID, in, out int64) {
	s := m.slot(h, id)
	if in > 0 {
		s.rec.bytesIn.Add(uint64(in))
	}
	if out > 0 {
		s.rec.bytesOut.Add(uint64(out))
	}
	s.mark()
}
