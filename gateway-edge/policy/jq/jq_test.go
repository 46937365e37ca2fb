package jq_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jq"
)

const orders = `{"items":[{"id":2,"title":"b","tags":["x","y"]},{"id":1,"title":"a","tags":[]}],"note":"a1b22c333","n":12345678901234567890,"f":1.50,"nested":{"deep":[1,[2,[3]]]},"flags":{"a":true,"b":null}}`

func run(t testing.TB, src, in string) (string, error) {
	t.Helper()
	p, err := jq.Compile(src)
	if err != nil {
		return "", err
	}
	v, err := document.ParseJSON([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if v, err = p.Run(v); err != nil {
		return "", err
	}
	b, err := document.AppendJSON(nil, v, 1<<20)
	return string(b), err
}

// plainly runs a program as the library does, without a fence.
func plainly(t testing.TB, src, in string) string {
	t.Helper()
	q, err := gojq.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	v, err := document.ParseJSON([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	v, _ = q.Run(v).Next()
	b, err := document.AppendJSON(nil, v, 1<<20)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	return string(b)
}

// TestSame: within the fence a program means what it means without one.
func TestSame(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		`.`, `.items | map({id, name: .title})`, `[.items[] | select(.id > 1) | .title]`, `.items |= sort_by(.id)`,
		`.items |= map(.id += 10)`, `.items[0].id -= 1`, `.items[].id *= 2`, `.n`, `.f`, `{n, f}`, `.missing // "none"`, `.missing //= 3`,
		`"x\(.note)y\(.items | length)z"`, `@base64 "a\(.note)b"`, `.note | @uri`, `[.items[] | "\(.id)=\(.title)"] | join("&")`,
		`.note | split("2")`, `.note | split("[0-9]+"; null)`, `.note | gsub("[0-9]+"; "#")`, `.note | sub("(?<d>[0-9]+)"; "<\(.d)>")`, `[.note | scan("[a-z]")]`,
		`.note | test("b2")`, `.note | [match("[0-9]+"; "g").string]`, `.note | capture("(?<l>[a-z])(?<d>[0-9])")`,
		`[paths]`, `[paths(type == "number")]`, `[.. | numbers?]`, `del(.items, .flags.a)`, `del(.items[] | select(.id == 1))`, `pick(.nested.deep[0])`,
		`to_entries | map(.key)`, `with_entries(.value |= tostring)`, `.flags | with_entries(select(.value))`, `walk(if type == "number" then . + 1 else . end)`,
		`[.items[].tags] | add`, `add(.items[].id)`, `.items | group_by(.id) | map(length)`, `.items | unique_by(.title) | length`, `.items | min_by(.id), max_by(.id)`,
		`reduce .items[] as $i (0; . + $i.id)`, `[foreach .items[] as {$id} (0; . + $id)]`, `[limit(3; range(10))]`, `first(.items[] | .id)`, `[.items[].id] | sort | reverse`,
		`def f(x): x * 2; [.items[].id | f(.)]`, `def g: def h: 3; h + 1; g`, `. as {items: [$a, $b]} | [$a.id, $b.id]`, `if .n > 1 then "big" elif . then 1 else 2 end`,
		`try error("x") catch .`, `.items[0].nope.x?`, `[.nested | .. | arrays | length]`, `.nested.deep | flatten`, `getpath(["items", 0, "id"])`, `setpath(["a", "b"]; 1)`,
		`[1,2,3] - [2]`, `{} * {a: {b: 1}} * {a: {c: 2}}`, `"ab" * 3`, `7 - 9`, `6 / 4`, `7 % 4`, `-(.items[0].id)`, `.items[1:] | length`, `.note[2:4]`, `[.items[] | has("id")] | all`,
		`. + {b: 1} | keys`, `.flags | map_values(. // 0)`, `[splits("a")?]`, `"a,b" | [splits(",")]`, `label $out | .items[] | if .id == 2 then ., break $out else empty end`, `.items | tojson | fromjson`,
		`(1, 2) + (10, 20)`, `[(1, 2) * (10, 20)]`, `[(1, 2) - (10, 20)]`, `[(1, 2) as $x | $x + 1]`, `.items | contains([{id: 1}])`, `.note | ascii_upcase`, `.note | index("b")`, `.note | [indices("2")]`,
		`"12" | tonumber`, `.items | first | last(.tags[])`, `nth(1; .items[]).id`, `[.items[] | .title | ltrimstr("a")]`, `.items | any(.id == 1)`, `until(. == null; null)`, `[while(. != null; null)] | length`,
		`.a["b"].c = 1`, `.items[0]["id"] = 9`, `.["items"][1].id`, `."note"`, `{"a\(1 + 1)": 2}`, `{(.note): 1}`, `{"x": 1, y: 2, "z": {w: 3}} | .z.w`,
	} {
		want := func() (s string) {
			defer func() {
				if recover() != nil {
					s = "panics"
				}
			}()
			return plainly(t, src, orders)
		}()
		got, err := run(t, src, orders)
		if errors.Is(err, jq.ErrResults) {
			// The first of several values is what the library's first one was.
			if got, err = run(t, "first("+src+")", orders); err != nil {
				t.Errorf("%s: %v", src, err)
				continue
			}
		}
		if err != nil || got != want {
			t.Errorf("%s gives %s, %v; without a fence %s", src, got, err, want)
		}
	}
}

// TestRefused: what a program may not name.
func TestRefused(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`env`: "env/0", `$ENV.HOME`: "$ENV", `env.PATH`: "env/0", `input`: "input/0", `[inputs]`: "inputs/0", `input_filename`: "input_filename/0", `debug`: "debug/0", `stderr`: "stderr/0",
		`halt`: "halt/0", `halt_error`: "halt_error/0", `import "a" as a; .`: "import", `include "a"; .`: "import", `builtins`: "builtins/0", `modulemeta`: "modulemeta/0", `_fit`: "_fit/0",
		`def _fit: .; .`: "begin with _", `_modify(.; .)`: "_modify/2", `explode`: "explode/0", `transpose`: "transpose/0", `strftime("%Y")`: "strftime/1", `getpath(env)`: "env/0", `{$ENV}`: "$ENV",
		`"\(env)"`: "env/0", `.[env]`: "env/0", `reduce env as $x (0; .)`: "env/0", `if env then 1 else 2 end`: "env/0", `. as {(env): $x} | 1`: "env/0", `@foo`: "@foo", `format("csv")`: "format/1",
		`maps(.)`: `did you mean map/1?`, `.a |`: "unexpected", `limit(1)`: "limit", `ltrimstr(env)`: "env/0", `def f: env; 1`: "env/0", `try env catch 1`: "env/0", `[env]`: "env/0", `-env`: "env/0", `..|env`: "env/0",
		strings.Repeat("1+", 9000) + "1": "at most",
	} {
		if _, err := jq.Compile(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v, want %q inside", src, err, want)
		}
	}
}

// TestBounds: programs that grow are stopped before they matter to others.
func TestBounds(t *testing.T) {
	for _, src := range []string{
		`def f: f; f`, `[range(infinite)]`, `[repeat(1)]`, `last(range(1e18))`, `until(false; .)`, `def f: 1 + f; f`,
		`reduce range(60) as $i ("aaaaaaaa"; . + .)`, `reduce range(60) as $i ("aaaaaaaa"; "\(.)\(.)")`, `reduce range(60) as $i (1; [., .]) | tojson`, `reduce range(60) as $i ({}; {a: ., b: .})`,
		`reduce range(60) as $i ([1]; . + .)`, `reduce range(60) as $i ({}; .a = . | .b = .a)`, `reduce range(60) as $i ("\""; tojson)`, `reduce range(60) as $i ("%"; . + . | @uri)`, `reduce range(60) as $i ("<"; . + . | @html)`,
		`"a" * 1e9`, `1e9 * "a"`, `.[1e8] = 1`, `.[(1e8)] = 1`, `.x[100000000] = 1`, `setpath([100000000]; 1)`, `getpath([100000000]) = 1`, `nth(1e8) = 1`, `[range(200000)] | join("` + strings.Repeat("x", 1000) + `")`,
		`reduce range(100) as $i (99999999999999999999; . * .)`, `("a" * 100000) as $x | [range(100000) | $x + "b"]`, `("a" * 100000) as $x | [range(100000) | $x] | add`, `("a" * 1000000) as $x | add(range(1000000) | $x)`,
		`[range(30000)] - [range(30000)]`, `[range(30000)] | contains([range(30000)])`, `("a" * 60000) | test("(a?){900}b")`, `("a" * 60000) | [match("a.*b|a"; "g")]`, `("a" * 60000) | gsub(""; "` + strings.Repeat("x", 1000) + `")`,
		`reduce range(1000000) as $i (1; [.])`, `[range(1000000)] | sort_by("` + strings.Repeat("x", 1000) + `")`, `("1" * 100000) | tonumber`, `("1" * 100000) | fromjson`, `"[" * 100000 | fromjson`,
		`[range(3000)] | walk(if type == "number" then "a" * 100000 else . end)`, `[range(1000) | [range(1000)]]`, `("a" * 1000000) | split("")`,
	} {
		began := time.Now()
		got, err := run(t, src, orders)
		if err == nil {
			t.Errorf("%.60s gives %d bytes", src, len(got))
		}
		// Time is not what is tested: a program that is not stopped takes minutes.
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%.60s took %v", src, took)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]error{
		`error("an order needs items")`: jq.Message("an order needs items"), `empty`: jq.ErrResults, `1, 2`: jq.ErrResults, `.items + 1`: jq.ErrFailed, `error({a: 1})`: jq.ErrFailed, `error(null)`: jq.ErrFailed,
		`def f: f; f`: jq.ErrBudget, `reduce range(99) as $i ("a"; . + .)`: jq.ErrBudget,
	} {
		if _, err := run(t, src, orders); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", src, err, want)
		}
	}
}

// TestNumbers: JSON has no infinity, and digits that are not calculated with stay.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`[.n, .f]`: `[12345678901234567890,1.50]`, `[nan]`: `[null]`, `infinite > 1`: `true`, `.n + 1`: `12345678901234567891`,
	} {
		if got, err := run(t, src, orders); got != want || err != nil {
			t.Errorf("%s gives %s, %v, want %s", src, got, err, want)
		}
	}
}

// FuzzCompile: a program is compiled or refused, and ends.
func FuzzCompile(f *testing.F) {
	f.Add(`.items | map({id, n: "\(.title)"}) | sort_by(.id) | .[0].x += 1`)
	f.Fuzz(func(t *testing.T, src string) { _, _ = run(t, src, `{"items":[{"id":1,"title":"a"}]}`) })
}

func BenchmarkMap(b *testing.B) {
	p, err := jq.Compile(`.items | map({id, name: .title})`)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		v, err := document.ParseJSON([]byte(orders))
		if err == nil {
			_, err = p.Run(v)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
