package core

import (
	"encoding/base64"
	"unicode/utf8"
)

// Bounds of a page.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// Page is which part of a list is asked for. The zero Page is the first one.
type Page struct {
	Limit  int    // 0: DefaultPage
	Cursor string // opaque: next_cursor of the page before; empty: from the start
}

// List is one page of a list. Next is empty on the last one. Total is what the
// whole list holds, where that was asked for.
type List[T any] struct {
	Items []T
	Next  string
	Total *int64
}

const cursorPrefix = "1:" // of the cursor's own format

// After checks p and returns its limit and the sort key after which it begins
// ("" for the start). A cursor that was not made by NextPage is CodeInvalid.
func (p Page) After() (limit int, after string, err error) {
	limit = p.Limit
	if limit == 0 {
		limit = DefaultPage
	}
	if limit < 1 || limit > MaxPage {
		return 0, "", badPage("/limit", "must be from 1 to 200")
	}
	if p.Cursor == "" {
		return limit, "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || len(b) < len(cursorPrefix) || string(b[:len(cursorPrefix)]) != cursorPrefix || len(b) > 512 || !utf8.Valid(b) {
		return 0, "", badPage("/cursor", "is not a cursor of this list; leave it out to start from the beginning")
	}
	return limit, string(b[len(cursorPrefix):]), nil
}

func badPage(pointer, detail string) error {
	e := &Error{Code: CodeInvalid, Detail: fieldSummary(1)}
	e.Fields.Add(pointer, detail)
	return e
}

// NextPage cuts items, which were read with one more than limit, to a page. Key
// returns an item's sort key, which must be unique in the list.
func NextPage[T any](items []T, limit int, key func(T) string) List[T] {
	if len(items) <= limit {
		return List[T]{Items: items}
	}
	items = items[:limit]
	return List[T]{Items: items, Next: Cursor(key(items[limit-1]))}
}

// Cursor makes a cursor of the sort key that the page after it begins after.
func Cursor(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + key))
}
