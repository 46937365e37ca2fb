package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

func TestEmbeddedPlans(t *testing.T) {
	t.Parallel()
	s, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range s.List() {
		names = append(names, p.Name)
	}
	if strings.Join(names, " ") != "free pro scale" || s.Default() != "free" {
		t.Fatalf("plans %v, default %s", names, s.Default())
	}
	if _, err := s.Get("gold"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("an unknown plan: %v", err)
	}
	free, pro := s.Limits("free"), s.Limits("pro")
	if free.Gateways == 0 || free.Gateways >= pro.Gateways || free.Plan != "free" {
		t.Errorf("limits %+v, %+v", free, pro)
	}
	if gone := s.Limits("withdrawn"); gone != free {
		t.Errorf("a withdrawn plan allows %+v", gone)
	}
	gone, usual := s.Of("withdrawn"), s.Of("free")
	if gone.Name != "withdrawn" || gone.Title != "withdrawn" || *gone.SelfServe || gone.IncludedRequests != usual.IncludedRequests || gone.Num != usual.Num {
		t.Errorf("a withdrawn plan is %+v", gone)
	}
	if usual.Name != "free" || !*usual.SelfServe || usual.Title == "free" {
		t.Errorf("the default plan is %+v", usual)
	}
	var doc contract.Organization
	s.Apply("free", false, &doc)
	if doc.PlanNum != 1 || doc.Overage || doc.RequestsPerDay != 100 || doc.Rate == nil || doc.Rate.Rate != 50 || doc.Rate.Per != "second" {
		t.Errorf("document %+v", doc)
	}
	s.Apply("pro", true, &doc)
	if doc.PlanNum != 2 || !doc.Overage || doc.RequestsPerDay != 0 {
		t.Errorf("document %+v", doc)
	}
}

func TestPlansFile(t *testing.T) {
	t.Parallel()
	const good = `{"default":"a","plans":[{"name":"a","num":7,"title":"A","log_retention":"1h","currency":"eur","price_cents":0}]}`
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"good":         {good, nil},
		"not JSON":     {`{`, []string{""}},
		"unknown":      {strings.Replace(good, `"title"`, `"tittle"`, 1), []string{"/plans/0/tittle"}},
		"no default":   {strings.Replace(good, `"default":"a"`, `"default":"b"`, 1), []string{"/default"}},
		"several":      {`{"default":"a","plans":[{"name":"a","num":0,"title":"A","log_retention":"0s","currency":"euro","price_cents":-1}]}`, []string{"/plans/0/num", "/plans/0/log_retention", "/plans/0/currency", "/plans/0/price_cents"}},
		"same name":    {strings.Replace(good, "}]", `},{"name":"a","num":8,"title":"B","log_retention":"1h","currency":"eur","price_cents":0}]`, 1), []string{"/plans/1/name"}},
		"same number":  {strings.Replace(good, "}]", `},{"name":"b","num":7,"title":"B","log_retention":"1h","currency":"eur","price_cents":0}]`, 1), []string{"/plans/1/num"}},
		"no decimals":  {strings.Replace(good, `"eur"`, `"jpy"`, 1), []string{"/plans/0/currency", "two decimal places", `"jpy" has none`}},
		"three":        {strings.Replace(good, `"eur"`, `"kwd"`, 1), []string{"/plans/0/currency", `"kwd" has three`}},
		"capitals":     {strings.Replace(good, `"eur"`, `"EUR"`, 1), []string{"/plans/0/currency", "lower-case"}},
		"bad duration": {strings.Replace(good, `"1h"`, `3600`, 1), []string{"/plans/0/log_retention"}},
	} {
		file := filepath.Join(t.TempDir(), "plans.json")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(file)
		if c.want == nil {
			if err != nil || s.Default() != "a" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		for _, pointer := range c.want {
			if err == nil || !strings.Contains(err.Error(), pointer) {
				t.Errorf("%s: error %v does not name %s", name, err, pointer)
			}
		}
	}
	if _, err := New(filepath.Join(t.TempDir(), "missing.json")); err == nil {
		t.Error("a missing file was accepted")
	}
}
