package desired

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/portal/client/document"
)

// maxFiles bounds the files of a folder.
const maxFiles = 10_000

// Fields of a document.
var (
	lists   = []string{"upstreams", "routes", "usage_plans", "streams"}
	singles = []string{"server_timing", "log_sample", "tracing", "client_certificates", "policies", "openapi"}
)

// Gateway is what one gateway is to be.
type Gateway struct {
	Name string
	Mode string // empty: not said
	// Consumers are runtime data, which no configuration holds.
	Consumers []Consumer
	// Secrets are names of secrets that have to be there; nil: not said.
	Secrets []string

	fields map[string]*yaml.Node // of the configuration
	others map[string]*yaml.Node // mode and consumers
	files  map[*yaml.Node]string // where nodes came from
	where  string                // its first document
}

// Consumer is what one consumer is to be.
type Consumer struct {
	Name     string
	Document json.RawMessage // an object, its name among its fields
}

// Target says which gateway documents are about.
type Target struct {
	// Name was said for this run, by a flag or the environment: a document that names
	// another gateway is refused.
	Name string
	// Default is for documents that name none, where Name is empty.
	Default string
}

// Read reads files and folders; - is in.
func Read(paths []string, in io.Reader, to Target) ([]*Gateway, error) {
	var docs []document.Doc
	for _, p := range paths {
		got, err := readPath(p, in)
		if err != nil {
			return nil, err
		}
		docs = append(docs, got...)
	}
	if len(docs) == 0 {
		return nil, fault.New(fault.Invalid, "", "there is no document in "+strings.Join(paths, ", "))
	}
	var out []*Gateway
	for i := range docs {
		d := &docs[i]
		if d.Root.Kind != yaml.MappingNode {
			return nil, d.Error(d.Root, "a document has fields, such as `gateway: shop`")
		}
		name, err := to.of(d)
		if err != nil {
			return nil, err
		}
		if name == "" || name == "." || name == ".." {
			return nil, d.Error(d.Root, "says not which gateway it is about: add `gateway: NAME`, or say --gateway")
		}
		at := slices.IndexFunc(out, func(g *Gateway) bool { return g.Name == name })
		if at < 0 {
			at = len(out)
			out = append(out, &Gateway{Name: name, fields: map[string]*yaml.Node{}, others: map[string]*yaml.Node{}, files: map[*yaml.Node]string{}, where: d.File})
		}
		if err := out[at].add(d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// of is the gateway that a document is about; empty: nobody says it.
func (t Target) of(d *document.Doc) (string, error) {
	n := member(d.Root, "gateway")
	switch {
	case n == nil && t.Name != "":
		return t.Name, nil
	case n == nil:
		return t.Default, nil
	case n.Kind != yaml.ScalarNode || n.Value == "":
		return "", d.Error(n, "gateway is a name")
	case t.Name != "" && n.Value != t.Name:
		return "", fault.New(fault.Usage, "leave --gateway and TOLLGATE_GATEWAY out; to bring one gateway's configuration to another: `tollgate export --portable`, which names none",
			fmt.Sprintf("%s:%d: the document is about gateway %q, and --gateway or TOLLGATE_GATEWAY says %q", d.File, n.Line, n.Value, t.Name))
	}
	return n.Value, nil
}

func readPath(path string, in io.Reader) ([]document.Doc, error) {
	if path == "-" {
		return document.Read("standard input", in)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.Mistake(err)
	}
	if !info.IsDir() {
		return readFile(path)
	}
	files, err := filesOf(path)
	if err != nil {
		return nil, fault.Mistake(err)
	}
	var out []document.Doc
	for _, f := range files {
		docs, err := readFile(f)
		if err != nil {
			return nil, err
		}
		out = append(out, docs...)
	}
	return out, nil
}

// filesOf lists the documents of a folder. Links are followed, as a mounted ConfigMap
// has nothing else. What can't be followed is an error, never left out: with --prune a
// file that is missed is one whose objects are deleted.
func filesOf(folder string) (files []string, err error) {
	root, err := filepath.EvalSymlinks(folder) // WalkDir does not go into a link
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p == root {
			return nil
		}
		if strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		below, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		p = filepath.Join(folder, below) // as it was given: errors name it
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(p)
			if err != nil {
				return fmt.Errorf("%s is a link that leads nowhere: %w", p, err)
			}
			if mode = info.Mode().Type(); mode.IsDir() {
				return fmt.Errorf("%s is a link to a folder, which is not followed: say -f %s too, or take it out", p, p)
			}
		}
		if mode.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(p))) {
			return nil
		}
		if !mode.IsRegular() {
			return fmt.Errorf("%s is no file", p)
		}
		if files = append(files, p); len(files) > maxFiles {
			return fmt.Errorf("%s has more than %d files", folder, maxFiles)
		}
		return nil
	})
	return files, err
}

func readFile(path string) ([]document.Doc, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Mistake(err)
	}
	defer f.Close()
	return document.Read(path, f)
}

// add puts one more document of the gateway's to the others.
func (g *Gateway) add(d *document.Doc) error {
	for i := 0; i+1 < len(d.Root.Content); i += 2 {
		k, v := d.Root.Content[i], d.Root.Content[i+1]
		var err error
		switch name := k.Value; {
		case name == "gateway":
		case name == "mode":
			switch {
			case v.Value != "live" && v.Value != "test":
				err = d.Error(v, "mode is live or test")
			case g.Mode != "" && g.Mode != v.Value:
				err = d.Error(v, "mode stands in another document already, as %q", g.Mode)
			}
			g.Mode, g.others[name], g.files[v] = v.Value, v, d.File
		case slices.Contains(lists, name):
			err = g.addItems(d, name, v)
		case slices.Contains(singles, name):
			if first := g.fields[name]; first != nil {
				err = d.Error(k, "%s stands already at %s:%d", name, g.files[first], first.Line)
			}
			g.fields[name], g.files[v] = v, d.File
		case name == "consumers" || name == "secrets":
			err = g.addOthers(d, name, v)
		default:
			err = d.Error(k, "%q means nothing here; there are gateway, mode, consumers, secrets, %s", name, strings.Join(slices.Concat(lists, singles), ", "))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *Gateway) addItems(d *document.Doc, name string, v *yaml.Node) error {
	if v.Kind != yaml.SequenceNode {
		return d.Error(v, "%s is a list", name)
	}
	all := g.fields[name]
	if all == nil {
		all = &yaml.Node{Kind: yaml.SequenceNode, Tag: v.Tag, Line: v.Line}
		g.fields[name], g.files[all] = all, d.File
	}
	for _, item := range v.Content {
		g.files[item] = d.File
		all.Content = append(all.Content, item)
	}
	return nil
}

func (g *Gateway) addOthers(d *document.Doc, name string, v *yaml.Node) error {
	if v.Kind != yaml.SequenceNode {
		return d.Error(v, "%s is a list", name)
	}
	if name == "secrets" && g.Secrets == nil {
		g.Secrets = []string{}
	}
	for _, item := range v.Content {
		switch {
		case name == "secrets" && item.Kind == yaml.ScalarNode && item.Value != "":
			g.Secrets = append(g.Secrets, item.Value)
		case name == "secrets":
			return d.Error(item, "secrets are names; values are set by `tollgate secrets create NAME --value-file FILE`")
		default:
			if err := g.addConsumer(d, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Gateway) addConsumer(d *document.Doc, item *yaml.Node) error {
	var name *yaml.Node
	if item.Kind == yaml.MappingNode {
		name = member(item, "name")
	}
	if name == nil || name.Kind != yaml.ScalarNode || name.Value == "" {
		return d.Error(item, "a consumer has fields, `name` among them")
	}
	if i := slices.IndexFunc(g.Consumers, func(c Consumer) bool { return c.Name == name.Value }); i >= 0 {
		return d.Error(item, "consumer %q stands already at %s", name.Value, g.Place("/consumers/"+strconv.Itoa(i)))
	}
	list := g.others["consumers"]
	if list == nil {
		list = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: item.Line}
		g.others["consumers"] = list
	}
	list.Content, g.files[item] = append(list.Content, item), d.File
	g.Consumers = append(g.Consumers, Consumer{name.Value, document.ToJSON(item)})
	return nil
}

// Config is the gateway's configuration as the API takes it.
func (g *Gateway) Config() json.RawMessage { return document.ToJSON(g.node()) }

func (g *Gateway) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, name := range slices.Concat(singles, lists) {
		if v := g.fields[name]; v != nil {
			n.Content = append(n.Content, field(name), v)
		}
	}
	return n
}

func field(name string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}
}

// UsagePlans are the names of the usage plans of the configuration.
func (g *Gateway) UsagePlans() (out []string) {
	if list := g.fields["usage_plans"]; list != nil {
		for _, item := range list.Content {
			if n := member(item, "name"); item.Kind == yaml.MappingNode && n != nil {
				out = append(out, n.Value)
			}
		}
	}
	return out
}

// References are the names of secrets that the configuration refers to.
func (g *Gateway) References() []string {
	var out []string
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "secret" && n.Content[1].Kind == yaml.ScalarNode {
			out = append(out, n.Content[1].Value)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(g.node())
	slices.Sort(out)
	return slices.Compact(out)
}

// Place is where a pointer into the configuration, to /mode or into /consumers points:
// "shop.yaml:12".
func (g *Gateway) Place(pointer string) string {
	n, file, line := g.node(), g.where, 0
	for name, v := range g.others {
		n.Content = append(n.Content, field(name), v)
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			next = member(n, token)
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(n.Content) {
				next = n.Content[i]
			}
		}
		if next == nil {
			break
		}
		n = next
		if f := g.files[n]; f != "" {
			file = f
		}
		line = n.Line
	}
	if line == 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// Fault says what is wrong, each at its place.
func (g *Gateway) Fault(problems [][2]string) error {
	var lines []string
	for _, p := range problems {
		where := g.Place(p[0])
		if p[0] != "" {
			where += " " + p[0]
		}
		lines = append(lines, "  "+where+"  "+p[1])
	}
	return fault.Wrap(fault.Invalid, "", errors.New("gateway "+g.Name+" is not right:\n"+strings.Join(lines, "\n")))
}

// member finds a mapping's field.
func member(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}
