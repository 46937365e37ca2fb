package show

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/portal/client/document"
)

// Formats of output.
const (
	Table = "table"
	JSON  = "json"
	YAML  = "yaml"
)

// Formats are all of them.
var Formats = []string{Table, JSON, YAML}

// Printer prints results to Out, and what only a person wants to know to Err.
type Printer struct {
	Out, Err io.Writer
	Format   string // one of Formats
	Colour   bool
}

// Value prints v, which encoding/json can encode, in the format chosen; table
// prints it for people.
func (p *Printer) Value(v any, table func(io.Writer) error) error {
	if p.Format == Table && table != nil {
		return table(p.Out)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return p.raw(raw)
}

// raw prints one JSON value as JSON or YAML.
func (p *Printer) raw(raw []byte) error {
	if p.Format == JSON {
		var b bytes.Buffer
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			return fmt.Errorf("print JSON: %w", err)
		}
		b.WriteByte('\n')
		_, err := p.Out.Write(b.Bytes())
		return err
	}
	text, err := ToYAML(raw)
	if err != nil {
		return err
	}
	_, err = p.Out.Write(text)
	return err
}

// ToYAML writes one JSON value as YAML, with its fields in their order.
func ToYAML(raw []byte) ([]byte, error) {
	n, err := document.FromJSON(raw)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil, fmt.Errorf("print YAML: %w", err)
	}
	return b.Bytes(), e.Close()
}

// Rows prints lines of cells under their headings.
func Rows(out io.Writer, head []string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(head) > 0 {
		fmt.Fprintln(w, strings.ToUpper(strings.Join(head, "\t")))
	}
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = Clean(c)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// Clean takes what could move a terminal's cursor or change its colours out of a
// text that somebody else wrote.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != ' ' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)) {
			return '·'
		}
		return r
	}, s)
}

// Note tells a person something beside the result.
func (p *Printer) Note(format string, args ...any) {
	fmt.Fprintf(p.Err, format+"\n", args...)
}

// Colours.
const (
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Bold   = "1"
	Faint  = "2"
)

// Paint colours text where there are colours.
func (p *Printer) Paint(colour, text string) string {
	if !p.Colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Failure prints an error of a command: what is wrong, every bad field on its line,
// and what to do next.
func (p *Printer) Failure(command string, err error) {
	_, next := fault.Of(err)
	var api *client.Error
	if !errors.As(err, &api) {
		fmt.Fprintf(p.Err, "%s: %s\n", p.Paint(Red, command), cleanLines(err.Error()))
	} else {
		text := api.Title
		if api.Detail != nil && *api.Detail != "" {
			text = *api.Detail
		}
		// What the command said of it, such as which object it is about.
		if before, ok := strings.CutSuffix(err.Error(), api.Error()); ok {
			text = before + text
		}
		fmt.Fprintf(p.Err, "%s: %s\n", p.Paint(Red, command), cleanLines(text))
		if api.Errors != nil {
			for _, f := range *api.Errors {
				where := f.Pointer
				if where == "" {
					where = "/"
				}
				fmt.Fprintf(p.Err, "  %s  %s\n", p.Paint(Bold, Clean(where)), Clean(f.Detail))
			}
		}
		what := fmt.Sprintf("%s (%d)", Clean(api.Problem.Code), api.Status)
		if api.RequestID != "" {
			what += ", request " + Clean(api.RequestID)
		}
		fmt.Fprintf(p.Err, "  %s\n", p.Paint(Faint, what))
	}
	if next != "" {
		fmt.Fprintf(p.Err, "%s %s\n", p.Paint(Yellow, "next:"), next)
	}
}

func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
