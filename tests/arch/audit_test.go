package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// action is how the action of an audit line is written.
var action = regexp.MustCompile(`^([a-z]+(?:_[a-z]+)*)\.[a-z]+(?:_[a-z]+)*$`)

// composed are the actions that no source spells whole, by the expression that makes
// them. Another such expression is an error of this test.
var composed = map[string][]string{
	`c.d.change + ".update"`: {"route.update", "upstream.update", "usage_plan.update", "stream.update"},
	`c.d.change + ".delete"`: {"route.delete", "upstream.delete", "usage_plan.delete", "stream.delete"},
	`"release." + verb`:      {"release.begin", "release.step", "release.pause", "release.resume", "release.stop", "release.finish"},
}

// others look like actions and are none.
var others = map[string]bool{
	"developer.resend": true, "developer.forgot": true, "developer.decided": true, // tasks
	"gateway.invalid": true, // a host name
}

// silent rooms write no audit line of their own.
var silent = []string{"event", "contract", "importer", "internal/store", "internal/storetest", "internal/stripebill", "internal/dnsprovider", "telemetry/metrics.go", "telemetry/send.go"}

// TestAuditActions holds the portal's list of audit actions to what services write: a
// filter that lacks one, or offers one that never comes, is of no use.
func TestAuditActions(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root(t), "portal/web/src/pages/organization/auditActions.ts"))
	if err != nil {
		t.Fatal(err)
	}
	listed, kinds := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`'([a-z_.]+)'`).FindAllStringSubmatch(string(source), -1) {
		if listed[m[1]] {
			t.Errorf("%s is listed twice", m[1])
		}
		listed[m[1]] = true
		kinds[strings.Split(m[1], ".")[0]] = true
	}
	written := map[string]bool{}
	dir := filepath.Join(root(t), "services")
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if slices.Contains(silent, rel) && d.IsDir() {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || slices.Contains(silent, rel) {
			return nil
		}
		for a, sure := range actionsOf(t, path) {
			if sure || kinds[strings.Split(a, ".")[0]] && !others[a] {
				written[a] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range slices.Sorted(maps.Keys(written)) {
		if !listed[a] {
			t.Errorf("%s is written, and auditActions.ts lacks it", a)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(listed)) {
		if !written[a] {
			t.Errorf("%s is in auditActions.ts, and nobody writes it", a)
		}
	}
}

// actionsOf returns what may be an action in a file; true for what surely is.
func actionsOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && action.MatchString(s) {
				if _, there := out[s]; !there {
					out[s] = false
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "action") {
				ofField(t, path, n.Value, out)
			}
		}
		return true
	})
	return out
}

// ofField adds the actions that a field Action is given.
func ofField(t *testing.T, path string, value ast.Expr, out map[string]bool) {
	t.Helper()
	switch v := value.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(v.Value); err == nil && action.MatchString(s) {
			out[s] = true
		}
	case *ast.BinaryExpr:
		text := expression(v)
		if composed[text] == nil {
			t.Errorf("%s: the action %s is made in a way that this test does not know", path, text)
		}
		for _, a := range composed[text] {
			out[a] = true
		}
	}
}

// expression spells a sum of names and strings.
func expression(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return expression(e.X) + " " + e.Op.String() + " " + expression(e.Y)
	case *ast.SelectorExpr:
		return expression(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	case *ast.BasicLit:
		return e.Value
	}
	return "?"
}
