package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fields that lists are ordered by.
const (
	SortName    = "name"
	SortCreated = "created_at"
	SortUpdated = "updated_at"
)

// MaxQuery bounds the text that a list is searched for, in bytes.
const MaxQuery = 200

// Listing is how a list is asked for: which page of it, in which order, and
// what its items must hold.
type Listing struct {
	Page
	Query string // text in upper or lower case; empty: everything
	Sort  string // a field, with "-" before it from the greatest; empty: the list's own order
	Count bool   // also count the whole list
}

// Window is a checked Listing as a store reads it.
type Window struct {
	Limit int    // one more than the page holds
	Query string // lower case
	Field string // SortName …
	Desc  bool
	After Place // where the page begins; zero: at the start
	Count bool
}

// Place is an item's place in an order: the value of the field it is ordered by
// (a time as Unix milliseconds) and the id that tells equal ones apart.
type Place struct{ Value, ID string }

// Found is what a store has for a Window: up to Limit items, and how many there
// are in all where that was asked for.
type Found[T any] struct {
	Items []T
	Total *int64
}

// placeSep can stand in no name, id or number.
const placeSep = "\x1f"

// Window checks a listing. The first field is the list's own order; it and the
// others may be asked for.
func (l *Listing) Window(fields ...string) (Window, error) {
	sort := l.Sort
	if sort == "" {
		sort = fields[0]
	}
	w := Window{Query: strings.ToLower(l.Query), Count: l.Count}
	w.Field, w.Desc = strings.CutPrefix(sort, "-")
	if !slices.Contains(fields, w.Field) && !slices.Contains(fields, sort) {
		return w, badPage("/sort", fmt.Sprintf("must be one of %s, or one with a \"-\" before it", strings.Join(fields, ", ")))
	}
	if len(l.Query) > MaxQuery {
		return w, badPage("/q", fmt.Sprintf("is longer than %d bytes", MaxQuery))
	}
	limit, after, err := l.After()
	if err != nil {
		return w, err
	}
	w.Limit = limit + 1
	if after == "" {
		return w, nil
	}
	steps := strings.Split(after, placeSep)
	if len(steps) != 3 || steps[0] != sort {
		return w, badPage("/cursor", "is not a cursor of this list in this order; leave it out to start from the beginning")
	}
	w.After = Place{steps[1], steps[2]}
	if _, err := strconv.ParseInt(w.After.Value, 10, 64); w.Field != SortName && err != nil {
		return w, badPage("/cursor", "is not a cursor of this list; leave it out to start from the beginning")
	}
	return w, nil
}

// Cut makes a page of what a store found for w. Place tells an item's place by
// name, time and id.
func Cut[T any](w *Window, f Found[T], place func(*T) (name string, created, updated time.Time, id string)) List[T] {
	sort := w.Field
	if w.Desc {
		sort = "-" + sort
	}
	l := NextPage(f.Items, w.Limit-1, func(item T) string {
		name, created, updated, id := place(&item)
		value := name
		switch w.Field {
		case SortCreated:
			value = strconv.FormatInt(Millis(created), 10)
		case SortUpdated:
			value = strconv.FormatInt(Millis(updated), 10)
		}
		return sort + placeSep + value + placeSep + id
	})
	l.Total = f.Total
	return l
}
