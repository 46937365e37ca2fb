package core

import (
	"strconv"
	"strings"
)

// ETag is the entity tag of a resource at a revision (RFC 9110, 8.8.3): strong,
// since a revision rises with each change of what is shown.
func ETag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// IfMatch is a precondition on a resource's revision. The zero IfMatch holds
// always.
type IfMatch struct {
	given bool
	any   bool
	tags  []uint64
}

// ParseIfMatch reads an If-Match header field. A tag that ETag could not have
// made matches nothing, as RFC 9110, 13.1.1 wants.
func ParseIfMatch(field string) IfMatch {
	field = strings.TrimSpace(field)
	m := IfMatch{given: field != "", any: field == "*"}
	for tag := range strings.SplitSeq(field, ",") {
		tag = strings.TrimSpace(tag)
		if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
			continue
		}
		if v, err := strconv.ParseUint(tag[1:len(tag)-1], 10, 64); err == nil && ETag(v) == tag {
			m.tags = append(m.tags, v)
		}
	}
	return m
}

// Revision is the IfMatch that only this revision meets.
func Revision(revision uint64) IfMatch { return IfMatch{given: true, tags: []uint64{revision}} }

// Check compares with a resource's present revision; 0 means that it does not
// exist, which meets no precondition. The error is CodePreconditionFailed.
func (m IfMatch) Check(revision uint64) error {
	if !m.given || m.any && revision != 0 {
		return nil
	}
	for _, t := range m.tags {
		if t == revision && revision != 0 {
			return nil
		}
	}
	if revision == 0 {
		return Errorf(CodePreconditionFailed, "the resource does not exist (any more)")
	}
	return Errorf(CodePreconditionFailed, "the resource is at revision %s now: read it again and repeat the change", ETag(revision))
}
