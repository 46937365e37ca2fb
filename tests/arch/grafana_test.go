package arch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type dashboard struct {
	UID, Title string
	Panels     []struct {
		ID      int
		Title   string
		Targets []struct{ Expr, LegendFormat string }
		GridPos struct{ X, Y, W, H int }
	}
}

type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr         string
			For                 string
			Labels, Annotations map[string]string
		}
	}
}

var metricName = regexp.MustCompile(`\btollgate_[a-z0-9_]+`)

// TestDashboards holds dashboards and alert rules to the metrics that exist: each
// name in an expression is one that a program of ours registers.
func TestDashboards(t *testing.T) {
	dir := filepath.Join(root(t), "infra", "grafana")
	known := metricNames(t)
	used := map[string]bool{}
	check := func(where, expr string) {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s: %q asks for no metric of ours", where, expr)
		}
		for _, n := range names {
			used[n] = true
			if !known(n) {
				t.Errorf("%s: there is no metric %s", where, n)
			}
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) == 0 {
		t.Fatal("there is no dashboard")
	}
	uids := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if d.UID == "" || uids[d.UID] || d.Title == "" || len(d.Panels) == 0 {
			t.Errorf("%s: uid %q, title %q, %d panels", f, d.UID, d.Title, len(d.Panels))
		}
		uids[d.UID] = true
		ids := map[int]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: panel %d %q", f, p.ID, p.Title)
			}
			ids[p.ID] = true
			for _, target := range p.Targets {
				check(d.Title+", "+p.Title, target.Expr)
			}
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules ruleFile
	if err := yaml.Unmarshal(raw, &rules); err != nil {
		t.Fatal(err)
	}
	alerts := map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || alerts[r.Alert] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: alert %q lacks a severity, a summary or a description, or stands twice", g.Name, r.Alert)
			}
			alerts[r.Alert] = true
			check(r.Alert, r.Expr)
		}
	}
	t.Logf("%d dashboards and %d alerts over %d metrics", len(files), len(alerts), len(used))
	if len(alerts) == 0 {
		t.Error("there is no alert")
	}
}

// metricNames tells whether a name is registered: it stands in a program's source
// as a whole, or as a subsystem and a name in one file. Histograms have more names.
func metricNames(t *testing.T) func(name string) bool {
	t.Helper()
	c := exec.Command("git", "grep", "-hoE", `"tollgate_[a-z0-9_]+"`, "--", "*.go", ":!*_test.go")
	c.Dir = root(t)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]bool{}
	for _, l := range strings.Fields(string(out)) {
		whole[strings.Trim(l, `"`)] = true
	}
	for _, file := range []string{"portal/portal/admin.go", "portal/portal/telemetry.go", "services/app/metrics.go", "services/app/jobs.go", "services/app/telemetry.go", "services/app/ledger.go", "services/app/payers.go"} {
		raw, err := os.ReadFile(filepath.Join(c.Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		subsystems := regexp.MustCompile(`Subsystem: "([a-z_]+)"`).FindAllStringSubmatch(string(raw), -1)
		names := regexp.MustCompile(`(?:Name: |gauge\(|counter\()"([a-z_]+)"`).FindAllStringSubmatch(string(raw), -1)
		for _, s := range subsystems {
			for _, n := range names {
				whole["tollgate_"+s[1]+"_"+n[1]] = true
			}
		}
	}
	return func(name string) bool {
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && whole[base] {
				return true
			}
		}
		return false
	}
}
