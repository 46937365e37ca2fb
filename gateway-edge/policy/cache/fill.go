package cache

import "github.com/tollgate/tollgate/gateway-edge/policy"

// fill keeps a copy of a body that passes. Over the bound it lets go of what it
// has; the body goes on.
type fill struct {
	c        *call
	st       *stored // nil: nothing is kept, or no longer
	path     string
	tags     []string
	length   int64 // announced; -1: not known
	buf      []byte
	reserved int64
}

// firstChunk is what is reserved for a body of a length not known, in bytes.
const firstChunk = 16 << 10

func (f *fill) begin(c *call, st *stored, path string, tags []string, length int64) {
	*f = fill{c: c, st: st, path: path, tags: tags, length: length}
	if !f.grow(max(length, 0)) {
		f.quit("no room")
	}
}

// grow makes room for n bytes in all.
func (f *fill) grow(n int64) bool {
	if n <= int64(cap(f.buf)) {
		return true
	}
	if n > f.c.p.c.MaxBody {
		return false
	}
	if f.length < 0 {
		n = min(max(n, 2*int64(cap(f.buf)), firstChunk), f.c.p.c.MaxBody)
	}
	if !f.c.p.store.Reserve(n - f.reserved) {
		return false
	}
	f.reserved = n
	f.buf = append(make([]byte, 0, n), f.buf...)
	return true
}

// Filter lets the body pass.
func (f *fill) Filter(x *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	if _, err := out.Write(in); err != nil {
		return err
	}
	if f.st == nil {
		return nil
	}
	if f.take(in) && last {
		f.done(x.Now())
	}
	return nil
}

// take copies a piece of the body; false: nothing is kept any more.
func (f *fill) take(in []byte) bool {
	n := int64(len(f.buf) + len(in))
	if f.length >= 0 && n > f.length || !f.grow(n) {
		f.quit("too large")
		return false
	}
	f.buf = append(f.buf, in...)
	return true
}

// done puts the whole response in the cache.
func (f *fill) done(now int64) {
	if f.st == nil {
		return
	}
	if f.length >= 0 && int64(len(f.buf)) != f.length {
		f.quit("cut")
		return
	}
	f.st.body = f.buf
	if spare := cap(f.buf) - len(f.buf); spare > len(f.buf)/8+256 {
		f.st.body = append(make([]byte, 0, len(f.buf)), f.buf...)
	}
	c := f.c
	how := open
	if c.put(f.st, c.item, f.path, f.tags) {
		how, c.kept = kept, true
	}
	f.release(c.p)
	c.land(how)
}

// quit stops keeping a copy, and tells those who wait that they wait for nothing.
func (f *fill) quit(why string) {
	c := f.c
	f.release(c.p)
	c.detail = why
	c.notStored(c.sent, directives{})
}

// release lets go of the copy.
func (f *fill) release(p *cache) {
	if f.reserved > 0 {
		p.store.Reserve(-f.reserved)
	}
	*f = fill{c: f.c}
}
