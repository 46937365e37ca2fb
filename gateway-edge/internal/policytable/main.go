package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "policytable:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct {
	builtin.Entry
	page, fields int // bytes of the page, fields of the form
	result
	err error
}

func run(out io.Writer) error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	none, err := measure(filepath.Join(root, "gateway-edge"), "./policy/policytest")
	if err != nil {
		return err
	}
	if len(none.benchmarks) != 1 {
		return fmt.Errorf("the chain that does nothing has %d benchmarks", len(none.benchmarks))
	}
	floor := none.benchmarks[0].nanos
	fmt.Fprintf(out, "A request through a chain that does nothing: %.0f ns. Each figure beside is what the policy adds.\n\n", floor)
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "POLICY\tPHASE\tTESTS\tPAGE\tFORM\tBENCHMARK\tNS\tALLOCATIONS")
	var faults []error
	for _, e := range builtin.Catalogue() {
		r := look(root, e)
		if r.err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", e.Type, r.err))
		}
		r.print(t, floor)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return errors.Join(faults...)
}

// look runs a policy's tests and finds its page and form.
func look(root string, e builtin.Entry) row {
	r := row{Entry: e, fields: fields(e.Schema)}
	folder, err := folderOf(filepath.Join(root, "gateway-edge"), e.Type)
	if err != nil {
		r.err = err
		return r
	}
	if page, err := os.ReadFile(filepath.Join(root, "portal/docs/policies", e.Type+".md")); err == nil {
		r.page = len(page)
	}
	r.result, r.err = measure(filepath.Join(root, "gateway-edge"), "./"+folder)
	switch {
	case r.err != nil:
	case r.tests == 0:
		r.err = errors.New("no tests")
	case len(r.benchmarks) == 0:
		r.err = errors.New("no benchmark")
	case r.page == 0:
		r.err = errors.New("no page in portal/docs/policies")
	case len(e.Schema) == 0:
		r.err = errors.New("no schema to make a form of")
	}
	return r
}

func (r *row) print(t io.Writer, floor float64) {
	page := "none"
	if r.page > 0 {
		page = fmt.Sprintf("%.1f KiB", float64(r.page)/1024)
	}
	lead := fmt.Sprintf("%s\t%s\t%d\t%s\t%d fields", r.Type, r.Phase, r.tests, page, r.fields)
	if len(r.benchmarks) == 0 {
		fmt.Fprintf(t, "%s\t-\t-\t-\n", lead)
	}
	for _, b := range r.benchmarks {
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%d\n", lead, b.name, max(0, b.nanos-floor), b.allocations)
		lead = "\t\t\t\t"
	}
}

// folderOf is the folder whose policy has the type, relative to the module.
func folderOf(module, typ string) (string, error) {
	name := strings.ReplaceAll(typ, "_", "")
	for _, dir := range []string{"policy", "integration"} {
		folder := filepath.Join(dir, name)
		if _, err := os.Stat(filepath.Join(module, folder, "schema.json")); err == nil {
			return folder, nil
		}
	}
	return "", errors.New("its folder is not found")
}

// fields counts what a form of the schema shows on its first level.
func fields(schema json.RawMessage) int {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return 0
	}
	return len(s.Properties)
}

// result is what a package's tests and benchmarks said.
type result struct {
	tests      int
	benchmarks []benchmark
}

type benchmark struct {
	name        string
	nanos       float64
	allocations int
}

// measure runs a package's tests, and its benchmarks for a fifth of a second each.
func measure(module, pkg string) (result, error) {
	cmd := exec.Command("go", "test", "-count=1", "-v", "-bench=.", "-benchmem", "-benchtime=200ms", pkg)
	cmd.Dir = module
	text, err := cmd.CombinedOutput()
	r := parse(text)
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, tail(text))
	}
	return r, nil
}

// parse reads the output of go test.
func parse(text []byte) (r result) {
	for line := range bytes.Lines(text) {
		s := strings.TrimSpace(string(line))
		if strings.HasPrefix(s, "--- PASS") {
			r.tests++
		}
		if !strings.HasPrefix(s, "Benchmark") {
			continue
		}
		var b benchmark
		f := strings.Fields(s)
		for i := 2; i+1 < len(f); i += 2 {
			switch f[i+1] {
			case "ns/op":
				_, _ = fmt.Sscan(f[i], &b.nanos)
			case "allocs/op":
				_, _ = fmt.Sscan(f[i], &b.allocations)
			}
		}
		if b.nanos > 0 {
			b.name = strings.TrimPrefix(f[0], "Benchmark")
			if at := strings.LastIndexByte(b.name, '-'); at > 0 {
				b.name = b.name[:at]
			}
			r.benchmarks = append(r.benchmarks, b)
		}
	}
	return r
}

// tail is the end of a long output.
func tail(text []byte) string {
	const most = 2000
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}

// findRoot walks up from the working directory to the repository's root.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no repository here")
		}
		dir = up
	}
}
