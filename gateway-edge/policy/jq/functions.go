package jq

import (
	"strings"

	"github.com/itchyny/gojq"

	"github.com/tollgate/tollgate/services/contract"
)

// plain are functions of jq whose results are parts of what they get, or small.
var plain = set(`
	length/0 utf8bytelength/0 not/0 has/1 in/1 type/0 empty/0 error/0 error/1 path/1 abs/0
	select/1 recurse/0 recurse/1 recurse/2 values/0 nulls/0 booleans/0 numbers/0 strings/0 arrays/0 objects/0 iterables/0 scalars/0
	first/0 first/1 last/0 last/1 limit/2 skip/2 nth/2 isempty/1 all/0 all/1 all/2 any/0 any/1 any/2
	until/2 while/2 repeat/1 range/1 range/2 range/3 min/0 max/0 IN/1 IN/2
	startswith/1 endswith/1 ltrimstr/1 rtrimstr/1 trimstr/1 ltrim/0 rtrim/0 trim/0 toboolean/0
	floor/0 ceil/0 round/0 trunc/0 fabs/0 sqrt/0 pow/2 exp/0 exp2/0 exp10/0 log/0 log2/0 log10/0 significand/0 fmin/2 fmax/2 fmod/2
	infinite/0 nan/0 isinfinite/0 isnan/0 isnormal/0 now/0 _captures/0
`)

// grown are functions whose results can be larger than what they get, and are
// checked.
var grown = set(`
	add/0 keys/0 to_entries/0 from_entries/0 map_values/1 flatten/0 flatten/1 reverse/0 sort/0 unique/0
	ascii_downcase/0 ascii_upcase/0 tostring/0 tojson/0 delpaths/1 fromdateiso8601/0 todateiso8601/0 fromdate/0 todate/0
	_tohtml/0 _touri/0 _tourid/0 _tocsv/0 _totsv/0 _tosh/0 _tobase64/0 _tobase64d/0
	_sort_by/1 _group_by/1 _unique_by/1 _min_by/1 _max_by/1 _match/3
`)

// guarded are functions of which an argument, or what they get, is checked first.
var guarded = map[string]struct {
	arg   string // check of the first argument, which sees what the function gets
	input string // check of what it gets
	fit   bool
}{
	"nth/1":      {arg: "|_at"},
	"getpath/1":  {arg: "|_path"},
	"setpath/2":  {arg: "|_path", fit: true},
	"contains/1": {arg: "_pairs"},
	"inside/1":   {arg: "_pairs"},
	"index/1":    {arg: "_pairs"},
	"rindex/1":   {arg: "_pairs"},
	"indices/1":  {arg: "_pairs", fit: true},
	"join/1":     {arg: "_joint", fit: true},
	"split/1":    {arg: "_pieces", fit: true},
	"tonumber/0": {input: "_digits"},
}

// prelude are functions of jq's manual that are defined here, so that what they
// make on the way is checked too.
var (
	prelude, preludeNames = compilePrelude(`
def map(f): [.[] | f];
def add(f): [f] | add;
def with_entries(f): to_entries | map(f) | from_entries;
def sort_by(f): _sort_by(map([f]));
def group_by(f): _group_by(map([f]));
def unique_by(f): _unique_by(map([f]));
def min_by(f): _min_by(map([f]));
def max_by(f): _max_by(map([f]));
def walk(f): def w: if type == "object" then map_values(w) elif type == "array" then map(w) else . end | f; w;
def paths: path(..) | select(length > 0);
def paths(f): path(.. | select(f)) | select(length > 0);
def del(f): delpaths([path(f)]);
def pick(f): . as $in | reduce path(f) as $p (null; setpath($p; $in | getpath($p)));
def fromjson: _parsed;
def test($re): _match(_regex($re); null; true);
def test($re; $flags): _match(_regexes($re); $flags; true);
def match($re): _match(_regex($re); null; false) | .[];
def match($re; $flags): _match(_regexes($re); $flags; false) | .[];
def capture($re): match($re) | .captures | _captures;
def capture($re; $flags): match($re; $flags) | .captures | _captures;
def scan($re; $flags): match($re; "g" + $flags) | if .captures == [] then .string else [.captures[] | .string] end;
def scan($re): scan($re; "");
def split($re; $flags): . as $in | [match($re; "g" + $flags) | [.offset, .length]] as $m
  | [range(0; ($m | length) + 1) as $i | $in[(if $i == 0 then 0 else $m[$i-1][0] + $m[$i-1][1] end):($m[$i][0])]];
def splits($re): split($re; "") | .[];
def splits($re; $flags): split($re; $flags) | .[];
def sub($re; f; $flags): . as $in
  | reduce match($re; $flags) as $m ({at: 0, out: ""};
      ($m | .captures | _captures | f) as $s
      | .out += $in[.at:$m.offset] + $s
      | .at = $m.offset + $m.length)
  | .out + $in[.at:];
def sub($re; f): sub($re; f; "");
def gsub($re; f): sub($re; f; "g");
def gsub($re; f; $flags): sub($re; f; "g" + $flags);
.`)
)

func compilePrelude(src string) (defs []*gojq.FuncDef, names []string) {
	q, err := gojq.Parse(src)
	if err != nil {
		panic(err)
	}
	for _, d := range q.FuncDefs {
		names = append(names, arity(d.Name, len(d.Args)))
	}
	f := &fence{trust: true, own: [][]string{names, {"_parsed/0", "_regex/1", "_regexes/1"}}}
	for _, d := range q.FuncDefs {
		f.def(d)
	}
	if f.err != nil {
		panic(f.err)
	}
	return q.FuncDefs, names
}

func set(s string) map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(s) {
		out[name] = true
	}
	return out
}

// function rewrites a call.
func (f *fence) function(q *gojq.Query) {
	fn := q.Term.Func
	if strings.HasPrefix(fn.Name, "$") {
		f.variable(fn.Name)
		return
	}
	key := arity(fn.Name, len(fn.Args))
	own := f.defined(key)
	if strings.HasPrefix(fn.Name, "_") && !f.trust {
		f.unknown(fn)
		return
	}
	for _, a := range fn.Args {
		f.query(a)
	}
	g, isGuarded := guarded[key]
	switch {
	case own || plain[key]:
	case grown[key]:
		f.enclose(q, "_fit")
	case isGuarded:
		f.guard(q, g.arg, g.input, g.fit)
	default:
		f.unknown(fn)
	}
}

func (f *fence) guard(q *gojq.Query, arg, input string, fit bool) {
	fn := q.Term.Func
	switch {
	case strings.HasPrefix(arg, "|"):
		fn.Args[0] = piped(fn.Args[0], arg[1:])
	case arg != "":
		fn.Args[0] = call(arg, fn.Args[0])
	}
	if input != "" {
		inner := *q.Term
		inner.SuffixList = nil
		suffixes := q.Term.SuffixList
		*q = *paren(&gojq.Query{Left: call(input), Op: gojq.OpPipe, Right: &gojq.Query{Term: &inner}})
		q.Term.SuffixList = suffixes
	}
	if fit {
		f.enclose(q, "_fit")
	}
}

// variable refuses those that lead out of the program.
func (f *fence) variable(name string) {
	if name == "$ENV" || name == "$__prog_args" || strings.HasPrefix(name, "$_") && !f.trust {
		f.fail("%s is not available on the edge", name)
	}
}

func (f *fence) unknown(fn *gojq.Func) {
	key := arity(fn.Name, len(fn.Args))
	var names []string
	for _, m := range []map[string]bool{plain, grown} {
		for n := range m {
			names = append(names, n)
		}
	}
	for n := range guarded {
		names = append(names, n)
	}
	names = append(names, f.own[0]...)
	if c, ok := contract.Closest(key, names); ok && !strings.HasPrefix(c, "_") {
		f.fail("the function %s is not available on the edge; did you mean %s?", key, c)
		return
	}
	f.fail("the function %s is not available on the edge", key)
}
