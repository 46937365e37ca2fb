package importer

import (
	"encoding/json"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
)

// Level says what became of a part of a text.
type Level string

// Levels.
const (
	Taken        Level = "taken"        // means the same in the gateway
	Approximated Level = "approximated" // differs in what the row says, never in protection
	Refused      Level = "refused"      // stops the import, or leaves an operation out
)

// Row is what became of one part of a text.
type Row struct {
	Level   Level  `json:"level"`
	Pointer string `json:"pointer,omitempty"` // into an OpenAPI document (RFC 6901)
	Line    int    `json:"line"`              // from 1
	What    string `json:"what"`
	Why     string `json:"why,omitempty"`
	Advice  string `json:"advice,omitempty"`
	// Skippable rows refuse one operation, which can be left out (Options.SkipRefused).
	Skippable bool `json:"skippable,omitempty"`
}

// maxRows bounds a report.
const maxRows = 10_000

// Report is what became of a text, in the order of its lines.
type Report struct {
	Rows []Row
	seen map[Row]bool
}

// Add appends a row.
func (r *Report) Add(row Row) {
	if r.seen[row] {
		return // what several routes inherit
	}
	if r.seen == nil {
		r.seen = map[Row]bool{}
	}
	r.seen[row] = true
	if len(r.Rows) < maxRows || row.Level == Refused {
		r.Rows = append(r.Rows, row)
	}
}

// Sort puts the rows in the order of their lines.
func (r *Report) Sort() {
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return a.Line - b.Line })
}

// Blocked reports whether the import may not be applied.
func (r *Report) Blocked(o *Options) bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Level == Refused && !(row.Skippable && o.SkipRefused) })
}

// Count is the number of rows of a level.
func (r *Report) Count(l Level) (n int) {
	for i := range r.Rows {
		if r.Rows[i].Level == l {
			n++
		}
	}
	return n
}

// Parts are the parts of a gateway's configuration that a text describes.
type Parts struct {
	// Settings are those of a gateway's export, as JSON; nil: the text says nothing.
	Settings json.RawMessage
	// Policies are those on the whole gateway; nil: the text says nothing of them.
	Policies   *[]contract.Policy
	Upstreams  []contract.Upstream
	Routes     []contract.Route
	UsagePlans []contract.UsagePlan
	Streams    []contract.Stream
	// OpenAPI is the gateway's document; nil: the gateway keeps the one it has.
	OpenAPI json.RawMessage
	// At are the rows' places of routes and upstreams, by name.
	RouteAt, UpstreamAt map[string]At
}

// At is a place in a text.
type At struct {
	Pointer string
	Line    int
}

// Present is the gateway as it is before the import.
type Present struct {
	Policies  []contract.Policy
	Upstreams []contract.Upstream
	Routes    []contract.Route
}
