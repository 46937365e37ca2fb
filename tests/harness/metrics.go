package harness

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Sample is one figure of a page of Prometheus metrics.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Key names the sample: its name and its labels, sorted.
func (s *Sample) Key() string { return s.Name + fmt.Sprint(s.Labels) }

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"`)
)

// Scrape reads a page of metrics in Prometheus's text format.
func Scrape(t testing.TB, url string) (out []Sample) {
	t.Helper()
	r, err := http.Get(url)
	must(t, err)
	defer r.Body.Close()
	page, err := io.ReadAll(r.Body)
	must(t, err)
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s: not a sample: %q", url, line)
		}
		s := Sample{Name: m[1], Labels: map[string]string{}}
		for _, l := range labelPair.FindAllStringSubmatch(m[2], -1) {
			s.Labels[l[1]] = l[2]
		}
		if s.Value, err = strconv.ParseFloat(m[3], 64); err != nil {
			t.Fatalf("%s: %q: %v", url, line, err)
		}
		out = append(out, s)
	}
	return out
}
