package cache

import (
	"strconv"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// serve answers with a stored response, on the request's side.
func (c *call) serve(x *policy.Exchange, st *stored) policy.Action {
	if x.Tracing() {
		x.TraceDetail("answered from the cache")
	}
	return c.answer(x, st, -1)
}

// answer answers with a stored response: whole, as 304, or a part. status is what
// the origin answered meanwhile, 0: nothing, -1: it was not asked.
func (c *call) answer(x *policy.Exchange, st *stored, status int) policy.Action {
	now := x.Now()
	if c.item != nil {
		c.item.Touch()
	}
	h := x.Response().Header
	code, body := st.status, st.body
	if st.status == 200 {
		if c.unchanged(x, st) {
			code, body = 304, nil
		} else if from, to, ok := c.wanted(x, st); ok {
			if code, body = 206, st.body[from:to]; from == to {
				code = 416
			}
			h.SetBytes(contentRange, appendRange(c.scratch[:0], from, to, len(st.body)))
		}
	}
	for i := range st.fields {
		if f := &st.fields[i]; code != 304 && code != 416 || f.brief {
			h.Add(f.name, f.value)
		}
	}
	c.scratch = strconv.AppendInt(c.scratch[:0], st.age(now)/second, 10)
	h.SetBytes(policy.Age, c.scratch)
	c.markHit(h, st, now, status)
	return x.AnswerFrom(policy.FromCache, code, "", body)
}

var contentRange = policy.FixedName("Content-Range")

// appendRange appends a Content-Range; an empty part is one that is not there.
func appendRange(b []byte, from, to, whole int) []byte {
	b = append(b, "bytes "...)
	if from == to {
		b = append(b, '*')
	} else {
		b = strconv.AppendInt(b, int64(from), 10)
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(to-1), 10)
	}
	return strconv.AppendInt(append(b, '/'), int64(whole), 10)
}

// unchanged evaluates the client's preconditions (RFC 9110 13.2.2).
func (c *call) unchanged(x *policy.Exchange, st *stored) bool {
	match, hasMatch := c.ifNoneMatch, c.hasNoneMatch
	since, hasSince := c.ifModifiedSince, c.hasModifiedSince
	if !c.own {
		h := x.Request().Header
		match, hasMatch = h.Get(policy.IfNoneMatch)
		since, hasSince = h.Get(policy.IfModifiedSince)
	}
	switch {
	case hasMatch:
		return matches(match, st.etag)
	case !hasSince:
		return false
	case since.Is(st.lastModified) && st.modified != 0:
		return true
	}
	t, ok := date(since)
	if !ok {
		return false
	}
	if st.modified != 0 {
		return st.modified <= t.Unix()
	}
	return st.date <= t.Unix()
}

// matches reports whether a list of entity tags has this one, by the weak
// comparison (RFC 9110 8.8.3.2).
func matches(list policy.Text, etag string) bool {
	if list.Trim().Is("*") {
		return true
	}
	if etag == "" {
		return false
	}
	etag = opaque(etag)
	for !list.Empty() {
		i := list.Index('"')
		if i < 0 {
			return false
		}
		rest := list.Slice(i+1, list.Len())
		end := rest.Index('"')
		if end < 0 {
			return false
		}
		if list.Slice(i, i+end+2).Is(etag) {
			return true
		}
		list = rest.Slice(end+1, rest.Len())
	}
	return false
}

func opaque(etag string) string {
	if len(etag) > 2 && etag[:2] == "W/" {
		return etag[2:]
	}
	return etag
}

// wanted reads a range of the body, from inclusive to exclusive. An empty one can't
// be satisfied. ok is false where the whole is wanted: no range, several, or one of
// something else.
func (c *call) wanted(x *policy.Exchange, st *stored) (from, to int, ok bool) {
	h := x.Request().Header
	v, has := h.Get(policy.Range)
	if !has || !x.Request().Method.Is("GET") || !v.HasPrefixFold("bytes=") {
		return 0, 0, false
	}
	if r, has := h.Get(ifRange); has {
		strong := r.HasPrefix(`"`) && r.Is(st.etag)
		if !strong && !(st.modified != 0 && r.Is(st.lastModified)) {
			return 0, 0, false
		}
	}
	first, last, dash := v.Slice(len("bytes="), v.Len()).Trim().Cut('-')
	if !dash {
		return 0, 0, false
	}
	size := int64(len(st.body))
	if first.Empty() {
		n, ok := last.Int()
		if !ok {
			return 0, 0, false
		}
		if n == 0 || size == 0 {
			return 0, 0, true
		}
		return int(max(size-n, 0)), int(size), true
	}
	a, ok := first.Int()
	if !ok {
		return 0, 0, false
	}
	b := size - 1
	if !last.Empty() {
		if b, ok = last.Int(); !ok || b < a {
			return 0, 0, false
		}
	}
	if a >= size {
		return 0, 0, true
	}
	return int(a), int(min(b, size-1) + 1), true
}
