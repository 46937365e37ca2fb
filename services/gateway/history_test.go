package gateway

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// TestRedoRebuildsWhatDiffSaw: a configuration, changed at random, is rebuilt
// from the one before and the differences alone, with the identities it had.
func TestRedoRebuildsWhatDiffSaw(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := &Config{}
		for step := range rapid.IntRange(1, 8).Draw(t, "steps") {
			d := &draft{source: &Source{}, config: before.clone()}
			mutate(t, &d.config, step)
			errs := append(upstreams.identify(before, &d.config), routes.identify(before, &d.config)...)
			if errs = append(errs, usagePlans.identify(before, &d.config)...); len(errs) > 0 {
				t.Fatalf("refused: %v", errs)
			}
			changes, err := diff("", before, d)
			if err != nil {
				t.Fatal(err)
			}
			packed, err := pack(changes)
			if err != nil {
				t.Fatal(err)
			}
			var again []Change
			if err := unpack(packed, &again); err != nil {
				t.Fatal(err)
			}
			rebuilt := before.clone()
			for i := range again {
				if err := rebuilt.redo(&again[i]); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := byID(t, &rebuilt), byID(t, &d.config); !reflect.DeepEqual(got, want) {
				t.Fatalf("rebuilt %v\nwant    %v", got, want)
			}
			none, err := diff("", &d.config, &draft{source: &Source{}, config: d.config.clone()})
			if err != nil || len(none) != 0 {
				t.Fatalf("a configuration differs from itself: %v, %v", none, err)
			}
			next := d.config
			before = &next
		}
	})
}

// mutate adds, changes, renames and removes routes and sets other parts.
func mutate(t *rapid.T, c *Config, step int) {
	for i := range rapid.IntRange(0, 4).Draw(t, "edits") {
		switch rapid.SampledFrom([]string{"add", "change", "rename", "remove", "settings", "policies"}).Draw(t, "edit") {
		case "add":
			c.Routes = append(c.Routes, contract.Route{Name: fmt.Sprintf("r%d-%d", step, i), Match: contract.Match{Path: "/"}})
		case "change":
			if n := len(c.Routes); n > 0 {
				c.Routes[rapid.IntRange(0, n-1).Draw(t, "at")].Priority = rapid.IntRange(-3, 3).Draw(t, "priority")
			}
		case "rename":
			if n := len(c.Routes); n > 0 {
				c.Routes[rapid.IntRange(0, n-1).Draw(t, "at")].Name = fmt.Sprintf("n%d-%d", step, i)
			}
		case "remove":
			if n := len(c.Routes); n > 0 {
				at := rapid.IntRange(0, n-1).Draw(t, "at")
				c.Routes = append(c.Routes[:at:at], c.Routes[at+1:]...)
			}
		case "settings":
			c.ServerTiming = rapid.Bool().Draw(t, "timing")
		case "policies":
			c.Policies = []contract.Policy{{Type: "cors", Config: json.RawMessage(fmt.Sprintf(`{"a": %d}`, step))}}
		}
	}
}

// byID is a configuration as a map, since order means nothing; nums are left out.
func byID(t *rapid.T, c *Config) map[string]string {
	out := map[string]string{}
	for i := range c.Routes {
		b, err := routes.document(c.Routes[i])
		if err != nil {
			t.Fatal(err)
		}
		out[c.Routes[i].ID] = string(b)
	}
	rest, err := json.Marshal([]any{c.Settings, nonNil(c.Policies)})
	if err != nil {
		t.Fatal(err)
	}
	out[""] = string(rest)
	return out
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	before := &Config{Routes: []contract.Route{{ID: "rt_1", Num: 1, Name: "a"}, {ID: "rt_2", Num: 2, Name: "b"}}}
	for name, c := range map[string]struct {
		now  []contract.Route
		ids  []string // "new" for a fresh one
		bad  []string
		nums []uint64
	}{
		"by name":                  {now: []contract.Route{{Name: "b"}, {Name: "c"}}, ids: []string{"rt_2", "new"}, nums: []uint64{2, 0}},
		"by id, under a new name":  {now: []contract.Route{{ID: "rt_1", Name: "z"}}, ids: []string{"rt_1"}, nums: []uint64{1}},
		"an id takes its name off": {now: []contract.Route{{ID: "rt_1", Name: "b"}, {Name: "a"}}, ids: []string{"rt_1", "new"}, nums: []uint64{1, 0}},
		"a num is not believed":    {now: []contract.Route{{Name: "c", Num: 2}}, ids: []string{"new"}, nums: []uint64{0}},
		"unknown id":               {now: []contract.Route{{ID: "rt_9", Name: "z"}}, bad: []string{"/routes/0/id"}},
		"an id twice":              {now: []contract.Route{{ID: "rt_1", Name: "y"}, {ID: "rt_1", Name: "z"}}, bad: []string{"/routes/1/id"}},
		"a name twice":             {now: []contract.Route{{Name: "x"}, {Name: "x"}}, bad: []string{"/routes/1/name"}},
		"bad names":                {now: []contract.Route{{Name: ""}, {Name: "~a"}}, bad: []string{"/routes/0/name", "/routes/1/name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := &Config{Routes: c.now}
			errs := routes.identify(before, now)
			var at []string
			for _, e := range errs {
				at = append(at, e.Pointer)
			}
			if !reflect.DeepEqual(at, c.bad) {
				t.Fatalf("errors %v, want at %v", errs, c.bad)
			}
			for i, id := range c.ids {
				got := now.Routes[i]
				fresh := core.CheckID(core.PrefixRoute, got.ID) == nil
				if id == "new" && !fresh || id != "new" && got.ID != id || got.Num != c.nums[i] {
					t.Errorf("route %d is %s num %d, want %s num %d", i, got.ID, got.Num, id, c.nums[i])
				}
			}
		})
	}
}

func TestRebaseNamesTheOtherPlace(t *testing.T) {
	t.Parallel()
	c := &Config{Routes: []contract.Route{{Name: "a"}, {Name: "b"}}}
	got := rebase(contract.FieldErrors{
		{Pointer: "/routes/1/match/path", Detail: "mine"},
		{Pointer: "/routes/10/name", Detail: "not mine"},
		{Pointer: "/routes/0/match", Detail: "conflict"},
		{Pointer: "/policies/0/type", Detail: "gateway's"},
	}, "/routes/1", c)
	want := contract.FieldErrors{
		{Pointer: "/match/path", Detail: "mine"},
		{Pointer: "", Detail: "the gateway at /routes/10/name: not mine"},
		{Pointer: "", Detail: "route a at /match: conflict"},
		{Pointer: "", Detail: "the gateway at /policies/0/type: gateway's"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	x := json.RawMessage("1")
	for want, changes := range map[string][]Change{
		"create route orders":                {{Kind: ChangeRoute, Name: "orders", After: x}},
		"update policies":                    {{Kind: ChangePolicies, Before: x, After: x}},
		"delete usage plan gold":             {{Kind: ChangeUsagePlan, Name: "gold", Before: x}},
		"update policies; create 2 routes":   {{Kind: ChangePolicies, Before: x, After: x}, {Kind: ChangeRoute, After: x}, {Kind: ChangeRoute, After: x}},
		"delete 1 upstream; update 1 secret": {{Kind: ChangeUpstream, Before: x}, {Kind: ChangeSecret, Before: x, After: x}},
	} {
		if got := summary(changes); got != want {
			t.Errorf("summary %q, want %q", got, want)
		}
	}
}

func TestSecretUsers(t *testing.T) {
	t.Parallel()
	c := &Config{
		Policies: []contract.Policy{{Type: "a", Config: json.RawMessage(`{"x":{"secret":"one"}}`)}},
		Routes: []contract.Route{
			{Name: "r", Policies: []contract.Policy{{Type: "b", Config: json.RawMessage(`{"list":[{"value":{"secret":"two"}}]}`)}}},
			{Name: "s", Policies: []contract.Policy{{Type: "b", Config: json.RawMessage(`{"secret":"one","more":1}`)}}},
		},
	}
	if got := c.secretUsers("one"); !reflect.DeepEqual(got, []string{"the gateway's policies"}) {
		t.Errorf("one: %v", got)
	}
	if got := c.secretUsers("two"); !reflect.DeepEqual(got, []string{"route r"}) {
		t.Errorf("two: %v", got)
	}
}
