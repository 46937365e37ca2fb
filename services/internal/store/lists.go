package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// ordered adds a window's order, beginning and size to a query. Table is what
// the fields are columns of, and tie its column that tells equal values apart.
func ordered(db *gorm.DB, w *core.Window, table, tie string) *gorm.DB {
	field, tie := table+"."+w.Field, table+"."+tie
	direction, than := "", ">"
	if w.Desc {
		direction, than = " DESC", "<"
	}
	if w.After != (core.Place{}) {
		db = db.Where(fmt.Sprintf("(%s, %s) %s (?, ?)", field, tie, than), placeValue(w), placeID(w, tie))
	}
	return db.Order(field + direction).Order(tie + direction).Limit(w.Limit)
}

// placeValue is the value of a place as its column holds it.
func placeValue(w *core.Window) any {
	if w.Field == core.SortName {
		return w.After.Value
	}
	n, err := strconv.ParseInt(w.After.Value, 10, 64)
	if err != nil {
		return int64(0) // Window has checked it
	}
	return n
}

// placeID is the tie-breaker; a key's is a number.
func placeID(w *core.Window, tie string) any {
	if !strings.HasSuffix(tie, ".kid") {
		return w.After.ID
	}
	n, err := strconv.ParseInt(w.After.ID, 10, 64)
	if err != nil {
		return int64(0) // from nobody's cursor
	}
	return n
}

// holding adds the condition that a column of lower-case text, or one in upper
// and lower case, holds a window's text.
func holding(db *gorm.DB, w *core.Window, column string) *gorm.DB {
	if w.Query == "" {
		return db
	}
	return db.Where(column+` LIKE ? ESCAPE '!'`, likeWithin(w.Query))
}

// likeWithin is a LIKE pattern for texts that hold s.
func likeWithin(s string) string { return "%" + likePrefix(s) }

// counted counts what a query would list without its window, where that is
// asked for.
func counted(db *gorm.DB, w *core.Window) (*int64, error) {
	if !w.Count {
		return nil, nil
	}
	var n int64
	err := db.Count(&n).Error
	return &n, err
}

// pageByName finds a page of what a table of its own keeps by name, with read; name, where it
// is given, finds only that one. Matching makes the query without a window.
func pageByName[T any](w *core.Window, table, name string, matching func() *gorm.DB, read func(*gorm.DB) ([]T, error)) (out core.Found[T], err error) {
	all := func() *gorm.DB {
		q := holding(matching(), w, "LOWER("+table+".name)")
		if name != "" {
			q = q.Where(table+".name = ?", name)
		}
		return q
	}
	if out.Items, err = read(ordered(all(), w, table, "id")); err != nil {
		return out, err
	}
	out.Total, err = counted(all(), w)
	return out, err
}

// nameTaken makes of an error that a name is there already what says so; text has a
// place for the name.
func nameTaken(err error, text, name string) error {
	if isDuplicate(err) {
		return core.Wrap(core.CodeNameTaken, err, fmt.Sprintf(text, name))
	}
	return err
}

// marks are what lists of a kind of entry are searched and filtered by.
type marks struct{ Search, Tags string }

// marksOf reads them from an entry's document: the text that people look for,
// and exact words between spaces (upstream:NAME, method:GET, policy:TYPE).
func marksOf(kind gateway.Kind, e *gateway.Entry) (marks, error) {
	var doc struct {
		Match struct {
			Hosts, Methods []string
			Path           string
		}
		Policies    []contract.Policy
		Integration *contract.Policy
		Upstream    string
		Targets     []struct{ URL string }
		SNI         []string
		Port        int
	}
	if kind == gateway.KindUsagePlan {
		return marks{Search: strings.ToLower(e.Name)}, nil
	}
	if err := json.Unmarshal(e.Document, &doc); err != nil {
		return marks{}, fmt.Errorf("read entry %s for its marks: %w", e.ID, err)
	}
	words := append([]string{e.Name, doc.Match.Path, doc.Upstream}, doc.Match.Hosts...)
	words = append(words, doc.SNI...)
	if doc.Port != 0 {
		words = append(words, strconv.Itoa(doc.Port))
	}
	tags := make([]string, 0, 8)
	for _, name := range gateway.UpstreamsOf(&contract.Route{Upstream: doc.Upstream, Policies: doc.Policies, Integration: doc.Integration}) {
		tags = append(tags, tag("upstream", name))
	}
	for _, m := range doc.Match.Methods {
		tags = append(tags, tag("method", m))
	}
	for _, p := range doc.Policies {
		tags = append(tags, tag("policy", p.Type))
	}
	switch r := gateway.ReleaseOf(doc.Policies); {
	case r.Running():
		tags = append(tags, releasing)
	case r.Failed():
		tags = append(tags, releaseFailed)
	}
	for _, t := range doc.Targets {
		words = append(words, t.URL)
	}
	return marks{Search: strings.ToLower(strings.Join(words, "\n")), Tags: strings.Join(tags, "")}, nil
}

// releasing marks routes with a release that is not at its end, releaseFailed those
// whose release stopped itself.
const (
	releasing     = " release:running "
	releaseFailed = " release:failed "
)

// tag is one exact word of a list's filter.
func tag(kind, value string) string { return " " + kind + ":" + value + " " }

// listEntries finds entries of one kind by a window.
func listEntries(db *gorm.DB, org core.OrganizationID, id string, q *gateway.EntryList) (core.Found[gateway.Entry], error) {
	var found core.Found[gateway.Entry]
	table := entryTables[q.Kind]
	matching := func() *gorm.DB {
		m := holding(db.Table(table).Where("organization_id = ? AND gateway_id = ?", string(org), id), &q.Window, table+".search")
		for _, f := range []struct{ kind, value string }{{"upstream", q.Upstream}, {"method", q.Method}, {"policy", q.Policy}} {
			if f.value != "" {
				// In upper and lower case, which LIKE of SQLite is not.
				m = m.Where("REPLACE("+table+".tags, ?, '') <> "+table+".tags", tag(f.kind, f.value))
			}
		}
		return m
	}
	var rows []entryRow
	if err := ordered(matching(), &q.Window, table, "id").Find(&rows).Error; err != nil {
		return found, err
	}
	found.Items = make([]gateway.Entry, len(rows))
	for i := range rows {
		found.Items[i] = rows[i].domain()
	}
	var err error
	found.Total, err = counted(matching(), &q.Window)
	return found, err
}
