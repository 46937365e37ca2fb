package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/tollgate/tollgate/terraform/internal/provider"
)

const (
	docs     = "docs"
	examples = "examples"
	prefix   = "tollgate_"
)

// group is one kind of pages.
type group struct {
	folder, title string
	example       string // file below examples/FOLDER/NAME
	note          string // above the example, of every page
}

var (
	resources   = group{"resources", "Resource", "resource.tf", ""}
	dataSources = group{"data-sources", "Data Source", "data-source.tf", ""}
	ephemeral   = group{"ephemeral-resources", "Ephemeral Resource", "ephemeral-resource.tf", "Its values stand in no plan and no state. Terraform 1.10 or newer is needed.\n\n"}
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run() error {
	make, err := provider.Server("docs")
	if err != nil {
		return err
	}
	all, err := make().GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return err
	}
	for _, g := range []group{resources, dataSources, ephemeral} {
		if err := os.RemoveAll(filepath.Join(docs, g.folder)); err != nil {
			return err
		}
	}
	if err := index(all.Provider); err != nil {
		return err
	}
	for name, s := range all.ResourceSchemas {
		if err := page(resources, name, s); err != nil {
			return err
		}
	}
	for name, s := range all.DataSourceSchemas {
		if err := page(dataSources, name, s); err != nil {
			return err
		}
	}
	for name, s := range all.EphemeralResourceSchemas {
		if err := page(ephemeral, name, s); err != nil {
			return err
		}
	}
	return nil
}

// index is the page of the provider itself.
func index(s *tfprotov6.Schema) error {
	text, err := example(filepath.Join(examples, "provider", "provider.tf"))
	if err != nil {
		return err
	}
	var w strings.Builder
	head(&w, "tollgate Provider", s.Block.Description)
	w.WriteString("# tollgate Provider\n\n" + s.Block.Description + "\n\n## Example Usage\n\n" + text)
	schema(&w, s.Block.Attributes)
	return write(filepath.Join(docs, "index.md"), w.String())
}

func head(w *strings.Builder, title, about string) {
	first, _, _ := strings.Cut(about, "\n")
	fmt.Fprintf(w, "---\npage_title: %q\nsubcategory: \"\"\ndescription: |-\n  %s\n---\n\n", title, first)
}

func page(g group, name string, s *tfprotov6.Schema) error {
	short := strings.TrimPrefix(name, prefix)
	var w strings.Builder
	head(&w, name+" "+g.title+" - tollgate", s.Block.Description)
	fmt.Fprintf(&w, "# %s (%s)\n\n%s\n\n%s", name, g.title, s.Block.Description, g.note)
	text, err := example(filepath.Join(examples, g.folder, name, g.example))
	if err != nil {
		return fmt.Errorf("%s has no example: %w", name, err)
	}
	w.WriteString("## Example Usage\n\n" + text)
	schema(&w, s.Block.Attributes)
	if id := provider.ImportID(short); g.folder == resources.folder && id != "" {
		fmt.Fprintf(&w, "## Import\n\nBy an `import` block or the command:\n\n```shell\nterraform import %s.example %s\n```\n", name, id)
	}
	return write(filepath.Join(docs, g.folder, short+".md"), w.String())
}

// example is an example as a code block.
func example(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("write %s", file)
	}
	return "```terraform\n" + strings.TrimSpace(string(raw)) + "\n```\n\n", err
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strings.TrimRight(text, "\n")+"\n"), 0o644)
}

// nested is an object whose attributes get a section of their own.
type nested struct {
	path       []string
	attributes []*tfprotov6.SchemaAttribute
}

func (n nested) anchor() string { return "nestedatt--" + strings.Join(n.path, "--") }

// schema writes the attributes, and below them those of the objects in them.
func schema(w *strings.Builder, attributes []*tfprotov6.SchemaAttribute) {
	w.WriteString("## Schema\n\n")
	below := sections(w, nil, attributes, "###")
	for len(below) > 0 {
		next := below[0]
		fmt.Fprintf(w, "<a id=%q></a>\n### Nested Schema for `%s`\n\n", next.anchor(), strings.Join(next.path, "."))
		below = append(sections(w, next.path, next.attributes, "####"), below[1:]...)
	}
}

// sections writes one object's attributes by whether they have to be said, and returns
// the objects in them.
func sections(w *strings.Builder, path []string, attributes []*tfprotov6.SchemaAttribute, heading string) (below []nested) {
	lists := map[string][]*tfprotov6.SchemaAttribute{}
	for _, a := range attributes {
		switch {
		case a.Required:
			lists["Required"] = append(lists["Required"], a)
		case a.Optional:
			lists["Optional"] = append(lists["Optional"], a)
		default:
			lists["Read-Only"] = append(lists["Read-Only"], a)
		}
	}
	for _, title := range slices.SortedFunc(maps.Keys(lists), func(a, b string) int { return order(a) - order(b) }) {
		fmt.Fprintf(w, "%s %s\n\n", heading, title)
		list := lists[title]
		slices.SortFunc(list, func(a, b *tfprotov6.SchemaAttribute) int { return strings.Compare(a.Name, b.Name) })
		for _, a := range list {
			text := strings.TrimSpace(strings.ReplaceAll(a.Description, "\n", " "))
			if a.NestedType != nil {
				n := nested{append(slices.Clone(path), a.Name), a.NestedType.Attributes}
				text = strings.TrimSpace(fmt.Sprintf("%s (see [below for nested schema](#%s))", text, n.anchor()))
				below = append(below, n)
			}
			fmt.Fprintf(w, "- `%s` (%s) %s\n", a.Name, kind(a), text)
		}
		w.WriteString("\n")
	}
	return below
}

func order(title string) int {
	return slices.Index([]string{"Required", "Optional", "Read-Only"}, title)
}

// kind is an attribute's type in words.
func kind(a *tfprotov6.SchemaAttribute) string {
	var out string
	if a.NestedType != nil {
		out = map[tfprotov6.SchemaObjectNestingMode]string{
			tfprotov6.SchemaObjectNestingModeSingle: "Attributes", tfprotov6.SchemaObjectNestingModeList: "Attributes List",
			tfprotov6.SchemaObjectNestingModeMap: "Attributes Map", tfprotov6.SchemaObjectNestingModeSet: "Attributes Set",
		}[a.NestedType.Nesting]
	} else {
		out = strings.NewReplacer("tftypes.", "", "[", " of ", "]", "", "DynamicPseudoType", "Any").Replace(a.Type.String())
		if out == "Bool" {
			out = "Boolean"
		}
	}
	if a.Sensitive {
		out += ", Sensitive"
	}
	if a.WriteOnly {
		out += ", [Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)"
	}
	return out
}
