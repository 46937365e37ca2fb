package webui

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
)

// anchors names a page's headings as the repository's hosts do, so that one link
// works at both places: small letters, blanks as hyphens, underscores kept, all
// other punctuation left out. A problem's type relies on it: its code is a
// heading.
type anchors struct{ used map[string]int }

// Generate returns the id of a heading; a second one of the same text gets a
// number.
func (a *anchors) Generate(text []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(string(text)))
	n, taken := a.used[id]
	a.used[id] = n + 1
	if taken {
		id = fmt.Sprintf("%s-%d", id, n)
	}
	return []byte(id)
}

// Put notes an id that a page gave itself.
func (a *anchors) Put(id []byte) { a.used[string(id)] = 1 }
