package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/tollgate/tollgate/tests/harness"
)

// asked is an expression of a dashboard or an alert rule.
type asked struct{ where, expr string }

// expressions reads everything that infra/grafana asks for.
func expressions(t *testing.T) (out []asked) {
	t.Helper()
	dir := filepath.Join("..", "..", "infra", "grafana")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Title  string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				// Grafana's own words become what it puts in their place.
				expr := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(target.Expr)
				out = append(out, asked{d.Title + ", " + p.Title, expr})
			}
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(raw, &rules); err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			out = append(out, asked{"alert " + r.Alert, r.Expr})
		}
	}
	return out
}

// conditional are metrics that only some installations have: this one orders no
// certificate for the edge domain.
const conditional = "tollgate_edge_domain_certificate_"

// dashboards: Prometheus parses every expression of infra/grafana, and every metric
// and label in them is one that the roles expose.
func (o *observed) dashboards(t *testing.T) {
	labels := map[string]map[string][]string{} // by metric and label: values
	see := func(list []harness.Sample) {
		for i := range list {
			of := labels[list[i].Name]
			if of == nil {
				of = map[string][]string{}
				labels[list[i].Name] = of
			}
			for k, v := range list[i].Labels {
				of[k] = append(of[k], v)
			}
		}
	}
	see(o.edgeMetrics())
	see(harness.Scrape(t, o.WorkerURL+"/metrics"))
	see(harness.Scrape(t, o.PortalAdminURL+"/metrics"))
	all := expressions(t)
	var in bytes.Buffer
	for _, a := range all {
		if err := json.NewEncoder(&in).Encode(a.expr); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(o.tool, "promql")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	metrics := map[string]bool{}
	for _, a := range all {
		var got struct {
			Error     string
			Selectors []struct {
				Metric string
				Labels []string
				Equal  map[string]string
			}
		}
		if err := answers.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Error != "" || len(got.Selectors) == 0 {
			t.Errorf("%s: %s: %q with %d metrics", a.where, a.expr, got.Error, len(got.Selectors))
		}
		for _, s := range got.Selectors {
			metrics[s.Metric] = true
			of, there := labels[s.Metric]
			if !there && !strings.HasPrefix(s.Metric, conditional) {
				t.Errorf("%s: no role exposes %s", a.where, s.Metric)
				continue
			}
			for _, l := range s.Labels {
				if l != "instance" && of[l] == nil { // Prometheus itself adds the instance
					t.Errorf("%s: %s has no label %s", a.where, s.Metric, l)
				}
			}
			for l, v := range s.Equal {
				// A class or a kind may not have come yet; a word that is none never will.
				if known := knownValues[l]; !slices.Contains(of[l], v) && !slices.Contains(known, v) {
					t.Errorf("%s: %s has never %s=%q", a.where, s.Metric, l, v)
				}
			}
		}
	}
	t.Logf("%d expressions over %d metrics", len(all), len(metrics))
	if len(all) < 90 || len(metrics) < 60 {
		t.Errorf("only %d expressions over %d metrics", len(all), len(metrics))
	}
}

// knownValues are values of labels that appear with what they count.
var knownValues = map[string][]string{"class": {"2xx", "3xx", "4xx", "5xx"}}
