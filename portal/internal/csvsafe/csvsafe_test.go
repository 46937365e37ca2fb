package csvsafe_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/internal/csvsafe"
)

func TestText(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                        "",
		"orders":                  "orders",
		"2026-11-22T00:00:00Z":    "2026-11-22T00:00:00Z",
		"-12":                     "-12",
		"+3.5e-7":                 "+3.5e-7",
		"a=1":                     "a=1",
		"=1+1":                    "'=1+1",
		"+cmd":                    "'+cmd",
		"-2+3+cmd|' /C calc'!A0":  "'-2+3+cmd|' /C calc'!A0",
		"@SUM(A1)":                "'@SUM(A1)",
		"\t=1":                    "'\t=1",
		"\r=1":                    "'\r=1",
		" =1":                     "' =1",
		"\u200b=1":                "'\u200b=1",
		"\ufeff=1":                "'\ufeff=1",
		"＝1+1":                    "'＝1+1",
		`"=HYPERLINK("http://x")`: `'"=HYPERLINK("http://x")`,
		"|calc":                   "'|calc",
		"%x":                      "'%x",
	} {
		if got := csvsafe.Text(s); got != want {
			t.Errorf("Text(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	w := csvsafe.NewWriter(&b)
	for _, record := range [][]string{{"path", "n"}, {"=1,\"x\"\r\n@b", "-1"}} {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "path,n\r\n\"'=1,\"\"x\"\"\r\n@b\",-1\r\n"; b.String() != want {
		t.Fatalf("wrote %q, want %q", b.String(), want)
	}
}

// FuzzText: no cell begins, as a spreadsheet sees it, with a formula's character,
// and nothing of the text is lost.
func FuzzText(f *testing.F) {
	for _, s := range []string{"=1", "-1", " -x", "a,b\n", "＝"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := csvsafe.Text(s)
		if strings.TrimPrefix(got, "'") != strings.TrimPrefix(s, "'") && got != "'"+s {
			t.Fatalf("Text(%q) = %q", s, got)
		}
		if trimmed := strings.TrimSpace(got); trimmed != "" && strings.ContainsRune("=@", []rune(trimmed)[0]) {
			t.Fatalf("Text(%q) = %q begins a formula", s, got)
		}
		var b strings.Builder
		w := csvsafe.NewWriter(&b)
		if err := w.Write([]string{s, "end"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := csv.NewReader(strings.NewReader(b.String())).Read(); err != nil {
			t.Fatalf("%q can't be read back: %v", b.String(), err)
		}
	})
}
