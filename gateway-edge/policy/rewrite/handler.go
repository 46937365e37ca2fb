package rewrite

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest changes path and query.
func (p *rewrite) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	var pathBuf, queryBuf [1024]byte
	path, ok := p.newPath(pathBuf[:0], x)
	if !ok {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "The path can't be rewritten with the values of this request")
	}
	var q []byte
	if !p.query.Empty() {
		q = p.query.Append(queryBuf[:0], x)
	}
	return x.Rewrite(path, q)
}

// newPath appends the new path. ok is false when a variable has no value, or one
// that would move the path beyond the segment that it stands in; x.Rewrite
// refuses everything else that is not canonical.
func (p *rewrite) newPath(b []byte, x *policy.Exchange) (_ []byte, ok bool) {
	path := x.Request().Path
	if p.path == nil {
		b = append(b, p.add...)
		b = p.rest(path).AppendTo(b)
		return b, true
	}
	return p.path.Append(b, x)
}

// rest is the path without the prefix to strip; a path that does not lie below
// it, segment by segment, stays.
func (p *rewrite) rest(path policy.Text) policy.Text {
	n := len(p.strip)
	if n == 0 || !path.HasPrefix(p.strip) {
		return path
	}
	if path.Len() == n {
		if p.add != "" {
			return policy.Static("")
		}
		return policy.Static("/")
	}
	if path.At(n) != '/' {
		return path
	}
	return path.Slice(n, path.Len())
}
