package csvsafe

import (
	"encoding/csv"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// number is what may begin with a sign without being a formula.
var number = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// triggers begin formulas in some spreadsheet, in their wide forms too: Excel and
// LibreOffice fold those before they look.
const triggers = "=+-@|%\t\r\n＝＋－＠｜％"

// Text returns s as a cell that no spreadsheet runs.
func Text(s string) string {
	// What a spreadsheet trims or does not show may hide the first character.
	seen := strings.TrimLeftFunc(s, func(r rune) bool {
		return r == '"' || r == '\'' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
	})
	first := strings.IndexAny(s, triggers) == 0
	if !first && !(strings.IndexAny(seen, triggers) == 0) || number.MatchString(s) {
		return s
	}
	return "'" + s
}

// Writer writes records (RFC 4180) whose cells have all gone through Text.
type Writer struct{ csv *csv.Writer }

// NewWriter makes a Writer; Flush must be called after the last record.
func NewWriter(w io.Writer) *Writer {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &Writer{csv: c}
}

// Write writes one record.
func (w *Writer) Write(cells []string) error {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = Text(c)
	}
	return w.csv.Write(safe)
}

// Flush writes what is buffered and returns the first error of all writes.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}
