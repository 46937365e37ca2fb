package ws

// inboxRoom is the size of an Inbox's two buffers, in bytes.
const inboxRoom = 8 << 10

// Inbox puts the messages of one direction together, within the Stream's bounds:
// MaxMessage is to be set. What a peer sends is read into Space and noted by Add;
// Next takes what is whole.
type Inbox struct {
	Stream Stream // Room is the Inbox's own

	in   [inboxRoom]byte
	w    int    // of in
	out  []byte // checked frames
	at   int    // of out
	kind byte   // of the message that is under way; 0: none
	text []byte
}

// Space is where to read to. It is never empty once Next has asked for more.
func (b *Inbox) Space() []byte { return b.in[b.w:] }

// Add notes that n bytes were read to Space.
func (b *Inbox) Add(n int) { b.w += n }

// Next returns the next message, whole, or control frame. ok is false when more must
// be read first. A message is the caller's; a control frame is good until the next
// call. now is any clock in ns. After a fault or a Close frame nothing more comes.
func (b *Inbox) Next(now int64) (f Frame, ok bool, fault *Fault) {
	for {
		if b.at == len(b.out) {
			if fault = b.check(now); fault != nil || len(b.out) == 0 {
				return f, false, fault
			}
		}
		frame, n := Next(b.out[b.at:])
		b.at += n
		if frame.Op >= OpClose {
			return frame, true, nil
		}
		if frame.Op != OpContinuation {
			b.kind = frame.Op
		}
		b.text = append(b.text, frame.Payload...)
		if frame.Fin {
			f = Frame{Op: b.kind, Fin: true, Payload: b.text}
			b.kind, b.text = 0, nil
			return f, true, nil
		}
	}
}

// check moves what is acceptable from in to out.
func (b *Inbox) check(now int64) (fault *Fault) {
	b.Stream.Room = inboxRoom
	var n int
	b.out, n, fault = b.Stream.Append(b.out[:0], b.in[:b.w], now)
	b.w = copy(b.in[:], b.in[n:b.w])
	b.at = 0
	return fault
}
