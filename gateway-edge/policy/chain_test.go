package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/services/contract"
)

type act struct {
	a func(x *Exchange) Action
	d *[]string
}

func (p *act) OnRequest(x *Exchange, _ *Slot) Action { return p.a(x) }
func (p *act) OnDone(*Exchange, *Slot)               { *p.d = append(*p.d, "done") }

func canonAll(_ []byte, p string) (string, []byte, error) {
	if !strings.HasPrefix(p, "/") || strings.Contains(p, "//") {
		return "", nil, errors.New("not canonical")
	}
	return p, nil, nil
}

func run(t *testing.T, phase Phase, f func(x *Exchange) Action) (*Exchange, EngineStatus, int) {
	t.Helper()
	var done []string
	c, err := CompileChain([]Step{{Policy: &act{f, &done}, Descriptor: &Descriptor{Type: "t", Phase: phase}}})
	if err != nil {
		t.Fatal(err)
	}
	x := EngineNew(func() int64 { return 1 }, canonAll)
	st := c.EngineRun(x)
	c.EngineDone(x)
	return x, st, len(done)
}

// TestFailsClosed: rule 12.
func TestFailsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		phase Phase
		f     func(x *Exchange) Action
	}{
		"zero action":                 {PhaseGuard, func(*Exchange) (a Action) { return a }},
		"unknown action":              {PhaseGuard, func(*Exchange) Action { return Action{200} }},
		"panic":                       {PhaseGuard, func(*Exchange) Action { panic("x") }},
		"wait without a Waiter":       {PhaseGuard, func(x *Exchange) Action { return x.Wait() }},
		"principal in another phase":  {PhaseLimit, func(x *Exchange) Action { x.SetPrincipal(&Principal{}); return x.Next() }},
		"filter without the need":     {PhaseGuard, func(x *Exchange) Action { x.Filter(OnTheRequest, upperCase{}); return x.Next() }},
		"line end in a request field": {PhaseGuard, func(x *Exchange) Action { x.Request().Header.Set(Accept, "a\nb"); return x.Next() }},
	} {
		t.Run(name, func(t *testing.T) {
			x, st, done := run(t, c.phase, c.f)
			if st != EngineFailed || x.e.Reply.Code != contract.CodeInternal || x.e.Reply.Status != 0 {
				t.Errorf("status %d, reply %+v", st, x.e.Reply)
			}
			if done != 1 {
				t.Errorf("%d OnDone", done)
			}
		})
	}
	if x, st, _ := run(t, PhaseAuthenticate, func(x *Exchange) Action { x.SetPrincipal(&Principal{Key: 7}); return x.Next() }); st != EngineGo || x.Principal().Key != 7 {
		t.Error("phase authenticate may not set the principal")
	}
}

type upperCase struct{}

func (upperCase) Filter(_ *Exchange, in []byte, _ bool, out *Out) error {
	_, err := out.Write(in)
	return err
}

func TestRewrite(t *testing.T) {
	for path, ok := range map[string]bool{"/a/b": true, "//a": false, "a": false} {
		x, st, _ := run(t, PhaseTransform, func(x *Exchange) Action { return x.Rewrite([]byte(path), []byte("q=1")) })
		if ok != (st == EngineGo) || ok && (!x.Request().Path.Is(path) || !x.Request().Query.Is("q=1")) || !ok && x.e.Reply.Code != contract.CodeRequestInvalid {
			t.Errorf("%q: %d %+v", path, st, x.e.Reply)
		}
	}
	for _, q := range []string{"a b", "a\r\nb", "a#b", "\x00"} {
		if _, st, _ := run(t, PhaseTransform, func(x *Exchange) Action { return x.Rewrite([]byte("/a"), []byte(q)) }); st == EngineGo {
			t.Errorf("query %q is accepted", q)
		}
	}
}

func TestCompileChainRefuses(t *testing.T) {
	p := &act{}
	late, early := &Descriptor{Type: "late", Phase: PhaseCache}, &Descriptor{Type: "early"}
	for name, steps := range map[string][]Step{
		"phases out of order": {{Policy: p, Descriptor: late}, {Policy: p, Descriptor: early}},
		"no policy":           {{Descriptor: early}},
		"no descriptor":       {{Policy: p}},
		"whole without bound": {{Policy: p, Descriptor: &Descriptor{Request: Need{Mode: NeedWhole}}}},
		"too many":            make([]Step, MaxChain+1),
	} {
		if _, err := CompileChain(steps); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestRunAllocatesNothing for a chain of policies that read, set and remove.
func TestRunAllocatesNothing(t *testing.T) {
	p := &quiet{}
	c, err := CompileChain([]Step{{Policy: p, Descriptor: &Descriptor{}}, {Policy: p, Descriptor: &Descriptor{}}})
	if err != nil {
		t.Fatal(err)
	}
	x := EngineNew(func() int64 { return 1 }, canonAll)
	ua, ac := []byte("User-Agent"), []byte("Accept")
	round := func() {
		x.e.Reset()
		x.e.ReqHeader.Append(ua, ac)
		x.e.ReqHeader.Append(ac, ua)
		if c.EngineRun(x) != EngineGo || c.EngineRespond(x) != EngineGo {
			t.Fatal("it does not go")
		}
		c.EngineDone(x)
	}
	round()
	if n := alloctest.PerRun(100, round); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

type quiet struct{ n int }

func (q *quiet) OnRequest(x *Exchange, s *Slot) Action {
	if v, ok := x.Request().Header.Get(UserAgent); ok {
		s.N[0] = uint64(v.Len())
	}
	s.P = q
	x.Request().Header.Set(CacheControl, "no-cache")
	x.Request().Header.SetBytes(OriginHeader, []byte("made up"))
	x.Request().Header.Del(Accept)
	_ = x.Now()
	return x.Next()
}
func (q *quiet) OnResponse(x *Exchange, s *Slot) Action { return x.Next() }
func (q *quiet) OnDone(*Exchange, *Slot)                { q.n++ }

// noter refuses, and says why to the tenant alone.
type noter struct{ refuse bool }

func (n noter) OnRequest(x *Exchange, _ *Slot) Action {
	x.Note("rule 7")
	if n.refuse {
		return x.RejectDetail(contract.CodeForbidden, 0, "no")
	}
	return x.Next()
}

// TestNote: a note stands in what is told of the request afterwards, at its policy,
// and not in the answer.
func TestNote(t *testing.T) {
	d := &Descriptor{Type: "n"}
	ch, err := CompileChain([]Step{{Policy: noter{}, Descriptor: d}, {Policy: noter{refuse: true}, Descriptor: d}})
	if err != nil {
		t.Fatal(err)
	}
	x := EngineNew(func() int64 { return 1 }, nil)
	e := EngineOf(x)
	if st := ch.EngineRun(x); st != EngineTurned || e.Reply.Detail != "no" || !e.EngineNoted() {
		t.Fatalf("%v %+v", st, e.Reply)
	}
	v := ch.EngineVerdicts(x)
	if v[0].Verdict != "next" || v[0].Detail != "rule 7" || v[1].Verdict != "reject" || v[1].Detail != "rule 7" {
		t.Errorf("%+v", v)
	}
	if e.Reset(); e.EngineNoted() {
		t.Error("the next request has the note too")
	}
}
