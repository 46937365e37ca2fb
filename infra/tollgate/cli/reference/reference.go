package reference

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
)

const head = `# Command reference

Every command of ` + "`tollgate`" + ` that speaks to the management API. [The command line](cli.md) says how to sign in and what apply does; the commands that run Tollgate (` + "`up`, `edge`, `portal`, `worker`, `migrate`" + `) are in [deployment](deployment.md).

`

// Page is the page in Markdown.
func Page(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("## Flags of all commands\n\n")
	flags(&b, root.PersistentFlags())
	b.WriteString("## Exit codes\n\n| code | meaning |\n| --- | --- |\n")
	for _, m := range fault.Meanings {
		fmt.Fprintf(&b, "| %d | %s |\n", m.Code, m.Text)
	}
	b.WriteString("\n")
	for _, g := range root.Groups() {
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && !c.Hidden && c.Name() != "help" && c.Name() != "completion" {
				section(&b, c, "##")
			}
		}
	}
	return b.String()
}

func section(b *strings.Builder, c *cobra.Command, level string) {
	fmt.Fprintf(b, "%s %s\n\n", level, c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	// A line's end inside a paragraph is the terminal's, not the page's.
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(paragraph, "\n", " "), "<", "&lt;") + "\n\n")
	}
	if c.Runnable() && !c.HasSubCommands() {
		fmt.Fprintf(b, "```\n%s\n```\n\n", c.UseLine())
	}
	if c.Example != "" {
		fmt.Fprintf(b, "```sh\n%s\n```\n\n", unindented(c.Example))
	}
	flags(b, c.LocalNonPersistentFlags())
	for _, below := range c.Commands() {
		if !below.Hidden && below.Name() != "help" {
			section(b, below, "###")
		}
	}
}

func flags(b *strings.Builder, set *pflag.FlagSet) {
	some := false
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "version" || f.Hidden {
			return
		}
		if !some {
			b.WriteString("| flag | what |\n| --- | --- |\n")
			some = true
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if typ := f.Value.Type(); typ != "bool" {
			name += " " + strings.TrimSuffix(typ, "Array")
		}
		usage := f.Usage
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", "\\|"))
	})
	if some {
		b.WriteString("\n")
	}
}

func unindented(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
