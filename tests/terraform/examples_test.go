package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestExamples puts the examples of all pages of the documentation to terraform as one
// configuration: they are valid, and fit one another.
func TestExamples(t *testing.T) {
	f := newFolder(t, &harness.API{URL: "http://127.0.0.1:9", Token: "tgm_none"})
	var text strings.Builder
	n := 0
	for _, pattern := range []string{"resources/*/resource.tf", "data-sources/*/data-source.tf", "ephemeral-resources/*/ephemeral-resource.tf"} {
		files, err := filepath.Glob("../../terraform/examples/" + pattern)
		f.must(err)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			f.must(err)
			text.Write(raw)
			n++
		}
	}
	if n < 30 {
		t.Fatalf("%d examples", n)
	}
	f.main(text.String())
	f.write("chain.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
	f.init()
	f.ok("validate", "-no-color")
	f.ok("fmt", "-check", "-diff", "-no-color", "-recursive", mustAbs(t, "../../terraform/examples"))
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
