package mailform

import (
	"cmp"
	"fmt"
	"html/template"
	"strings"

	_ "embed"
)

// Form is a mail before it is written. Everything in it is plain text: what
// would be markup is shown as it stands.
type Form struct {
	// From is whose mail it is, above the sheet; empty: Tollgate.
	From string
	// Subject is one line; it is the heading too.
	Subject string
	// Text are the paragraphs before the facts and the action.
	Text []string
	// Facts are pairs of a word and a value: amounts, dates.
	Facts []Fact
	// Action is the one thing to do, or nil.
	Action *Action
	// After are the paragraphs below the action.
	After []string
	// Why tells the reader why this mail came, in a sentence.
	Why string
}

// Fact is one line of figures: "Amount", "$49.00".
type Fact struct{ Name, Value string }

// Action is a link that looks like a button. In the text its URL stands alone in
// its line.
type Action struct {
	Label string
	URL   string // absolute, https or http
}

//go:embed form.html
var page string

var layout = template.Must(template.New("mail").Parse(page))

// Sender is From, or Tollgate.
func (f Form) Sender() string { return cmp.Or(f.From, "Tollgate") }

// Write returns both forms of the mail.
func (f Form) Write() (text, html string) {
	var b strings.Builder
	if err := layout.Execute(&b, f); err != nil {
		// The template only prints fields of Form: what fails is the template, which
		// a test executes with every field set.
		panic(fmt.Sprintf("mailform: %v", err))
	}
	return f.plain(), b.String()
}

func (f Form) plain() string {
	parts := append([]string{}, f.Text...)
	if len(f.Facts) > 0 {
		parts = append(parts, f.table())
	}
	if f.Action != nil {
		parts = append(parts, f.Action.Label+":", f.Action.URL)
	}
	parts = append(parts, f.After...)
	if f.Why != "" {
		parts = append(parts, "-- \n"+f.Why)
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// table aligns the values below each other.
func (f Form) table() string {
	width := 0
	for _, fact := range f.Facts {
		width = max(width, len([]rune(fact.Name)))
	}
	lines := make([]string, len(f.Facts))
	for i, fact := range f.Facts {
		lines[i] = fmt.Sprintf("%-*s  %s", width+1, fact.Name+":", fact.Value)
	}
	return strings.Join(lines, "\n")
}
