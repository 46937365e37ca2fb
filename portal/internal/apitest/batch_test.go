package apitest

import (
	"fmt"
	"strings"
	"testing"
)

// TestBatch changes many parts of a gateway at once: one version, every part answered
// in its place, and nothing at all where one of them is wrong.
func TestBatch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		version := func() any { return ada.get(g).want(200).at("version") }
		route := func(name, path string) object {
			return object{"name": name, "match": object{"path": path}, "upstream": "u", "public": true}
		}
		post := func(changes ...object) *answer { return ada.post(g+"/changes", object{"changes": changes}) }
		before := version().(float64)
		a := post(
			object{"route": route("a", "/a")}, object{"name": "b", "route": object{"match": object{"path": "/b"}, "upstream": "u", "public": true}},
			object{"upstream": object{"name": "v", "targets": []object{{"url": "http://127.0.0.1:9004"}}}},
			object{"usage_plan": object{"name": "gold", "routes": []string{"a"}, "rate_limit": object{"rate": 1, "per": "second"}}},
			object{"name": "r", "delete": "route"},
		).want(200)
		if a.at("version") != before+1 || version() != before+1 {
			t.Errorf("version %v after %v", a.at("version"), before)
		}
		items := a.list("items")
		for i, want := range []string{"route a", "route b", "upstream v", "usage_plan gold", ""} {
			kind, name, _ := strings.Cut(want, " ")
			item := items[i].(object)
			if want == "" {
				if len(item) != 1 || item["created"] != false {
					t.Errorf("what was deleted is answered as %v", item)
				}
				continue
			}
			part, _ := item[kind].(object)
			if part["name"] != name || part["id"] == nil || item["created"] != true {
				t.Errorf("change %d: %v, want a new %s", i, item, want)
			}
		}
		ada.get(g + "/routes/r").want(404)

		// A renamed route is renamed in the plan that names it; what stands still makes no version.
		a = post(object{"name": "a", "route": route("first", "/a")}, object{"name": "b", "route": route("b", "/b")}).want(200)
		if got := ada.get(g + "/usage-plans/gold").want(200).list("routes"); fmt.Sprint(got) != "[first]" {
			t.Errorf("the plan names %v", got)
		}
		if again := post(object{"name": "b", "route": route("b", "/b")}).want(200); again.at("version") != a.at("version") {
			t.Errorf("nothing changed, and version %v follows %v", again.at("version"), a.at("version"))
		}

		// A route moves to another upstream while its own goes.
		moved := route("first", "/a")
		moved["upstream"] = "v"
		other := route("b", "/b")
		other["upstream"] = "v"
		post(object{"name": "u", "delete": "upstream"}, object{"name": "first", "route": moved}, object{"name": "b", "route": other}).want(200)

		good := object{"route": func() object { r := route("good", "/good"); r["upstream"] = "v"; return r }()}
		before = version().(float64)
		for what, c := range map[string]struct {
			change object
			status int
			code   string
			at     string
		}{
			"a bad path":                  {object{"name": "x", "route": object{"match": object{"path": "x"}, "upstream": "v", "public": true}}, 422, "invalid", "/changes/1/route/match/path"},
			"no such upstream":            {object{"route": object{"name": "x", "match": object{"path": "/x"}, "upstream": "gone", "public": true}}, 422, "invalid", "/changes/1/route/upstream"},
			"the same match":              {object{"route": object{"name": "x", "match": object{"path": "/good"}, "upstream": "v", "public": true}}, 422, "invalid", "/changes/1/route/match"},
			"a name that is taken":        {object{"route": other}, 409, "name_taken", "/changes/1"},
			"nothing to delete":           {object{"name": "none", "delete": "route"}, 404, "not_found", "/changes/1"},
			"something in use":            {object{"name": "v", "delete": "upstream"}, 409, "in_use", "/changes/1"},
			"one part twice":              {object{"name": "good", "delete": "route"}, 422, "invalid", "/changes/1"},
			"two things":                  {object{"name": "x", "route": moved, "delete": "route"}, 422, "invalid", "/changes/1"},
			"nothing":                     {object{"name": "x"}, 422, "invalid", "/changes/1"},
			"a deletion without its name": {object{"delete": "route"}, 422, "invalid", "/changes/1/name"},
			"a kind that is not":          {object{"name": "x", "delete": "gateway"}, 422, "invalid", "/changes/1/delete"},
		} {
			r := post(good, c.change)
			if r.status != c.status || !strings.Contains(string(r.body), `"`+c.at+`"`) || !strings.Contains(string(r.body), c.code) {
				t.Errorf("%s: want %d %s at %s: %d %s", what, c.status, c.code, c.at, r.status, r.body)
			}
		}
		post().want(422)
		if after := version(); after != before {
			t.Errorf("what was refused made version %v of %v", after, before)
		}
		ada.get(g + "/routes/good").want(404)
		ada.with("If-Match", `"1"`).post(g+"/changes", object{"changes": []object{good}}).want(412)
	})
}
