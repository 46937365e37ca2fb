package ledger

import (
	"encoding/binary"
	"errors"
	"os"
)

// Units of a former epoch that were not spent are either adopted by this epoch,
// while Redis can't be asked, or given back. A unit on its way back is moved from
// Left to Back on disk before Redis hears of it, and an adopted one leaves its
// record before it appears in this epoch's: wherever a kill strikes, nobody can
// spend it twice.

// Adopt moves what former epochs left of a counter into this epoch's slot, and
// returns how much. Redis must hear of this epoch's claim (Told) before the
// former ones are settled.
func (l *Ledger) Adopt(s *Slot) (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.former[slotKey{s.Counter, s.Period}] {
		if r.Settled || r.Left <= 0 {
			continue
		}
		left := r.Left
		if err := r.write(0, 0, r.Granted-left); err != nil {
			l.cfg.Logger.Warn("a former lease can't be adopted", "error", err)
			continue
		}
		r.Left, r.Granted = 0, r.Granted-left
		s.Granted.Add(left)
		s.Left.Add(left)
		n += left
	}
	return n
}

// Last is a former epoch's last word on a counter: what it was granted and what it
// spent of that.
type Last struct {
	Granted, Spent int64
	Stale          bool // see Record
	Again          bool // Redis has heard it
}

// Turn says whether a last word may be said.
type Turn int

// Turns.
const (
	// Wait: another word must be said first, that of this epoch's own lease or of a
	// later epoch's, which may have adopted some of it.
	Wait Turn = iota
	Say
	// Never: the books can't be written, or a later epoch's can't; all of it stays
	// spent.
	Never
)

// Settling prepares a former epoch's last word.
func (l *Ledger) Settling(r *Record) (Last, Turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := slotKey{r.Counter, r.Period}
	if s := l.slots[key]; s != nil && s.Granted.Load() > 0 && !s.Told.Load() {
		return Last{}, Wait
	}
	turn := Say
	for _, o := range l.former[key] {
		switch {
		case o.Epoch <= r.Epoch:
		case o.lost:
			turn = Never
		case !o.Settled:
			return Last{}, Wait
		}
	}
	if turn == Say && r.Left > 0 {
		if err := r.write(0, 0, r.Granted, r.Back+r.Left); err != nil {
			l.cfg.Logger.Warn("a former lease can't be settled: it stays spent", "error", err)
			turn = Never
		} else {
			r.Left, r.Back = 0, r.Back+r.Left
		}
	}
	if turn == Never {
		r.said, r.lost = true, true
		return Last{}, Never
	}
	spent := r.Spent()
	return Last{Granted: max(r.Granted, spent), Spent: spent, Stale: r.Stale, Again: r.Settled}, Say
}

// Settle notes that Redis knows the last word of a former epoch's record.
func (l *Ledger) Settle(r *Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.said = true
	if r.Settled {
		return nil
	}
	r.Settled = true
	return r.write(4, 1)
}

// Unsaid reports whether former epochs spent of a slot's counter what Redis has
// not heard of from this process. Redis may have been emptied since it did; until
// it is told again it would grant too much.
func (l *Ledger) Unsaid(s *Slot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.former[slotKey{s.Counter, s.Period}] {
		if !r.said {
			return true
		}
	}
	return false
}

// write stores words of a record in its file, beginning with the first-th.
func (r *Record) write(first int64, words ...int64) error {
	b := make([]byte, 0, 5*8)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, uint64(w))
	}
	f, err := os.OpenFile(r.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, r.at+8*first)
	return errors.Join(err, f.Close())
}
