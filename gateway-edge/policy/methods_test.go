package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// way is a method whose credential is a field of its name, found in a place.
type way struct {
	name  Name
	place Place
	log   *[]string
}

func (w *way) note(what string) { *w.log = append(*w.log, what+" "+w.name.String()) }

func (w *way) OnRequest(x *Exchange, _ *Slot) Action {
	w.note("request")
	v, ok := x.Request().Header.Get(w.name)
	switch {
	case !ok:
		x.Response().Header.Set(WWWAuthenticate, "Own "+w.name.String())
		return x.Reject(contract.CodeTokenMissing, 0)
	case v.Is("wait"):
		return x.Wait()
	case v.Is("bad"):
		return x.Reject(contract.CodeTokenInvalid, 0)
	}
	x.SetPrincipal(&Principal{ConsumerName: w.name.String()})
	return x.Next()
}

func (w *way) Await(_ Blocking, x *Exchange, _ *Slot) Action {
	w.note("await")
	x.SetPrincipal(&Principal{ConsumerName: w.name.String()})
	return x.Next()
}

func (w *way) OnResponse(x *Exchange, _ *Slot) Action { w.note("response"); return x.Next() }
func (w *way) OnDone(*Exchange, *Slot)                { w.note("done") }
func (w *way) Challenge() string                      { return "Challenge " + w.name.String() }

func (w *way) Credential(x *Exchange) Place {
	if !x.Request().Header.Has(w.name) {
		return PlaceNone
	}
	return w.place
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		fields []string // of the request
		want   string   // consumer, or code
		log    string
	}{
		{"the first", []string{"A", "1"}, "A", "request A, response A, done A"},
		{"the second, though the first is first", []string{"B", "1"}, "B", "request B, response B, done B"},
		{"one that waits", []string{"B", "wait"}, "B", "request B, await B, response B, done B"},
		{"a bad one is no reason to try another", []string{"B", "bad", "Cookie-C", "1"}, "token_invalid", "request B, done B"},
		{"two of different kinds", []string{"A", "1", "B", "1"}, "ambiguous_credentials", ""},
		{"two of which one is bad", []string{"A", "1", "B", "bad"}, "ambiguous_credentials", ""},
		{"the same credential for two", []string{"A", "1", "A2", "1"}, "A", "request A, response A, done A"},
		{"what comes along gives way", []string{"Cookie-C", "1", "B", "1"}, "B", "request B, response B, done B"},
		{"and is used where nothing was said", []string{"Cookie-C", "1"}, "Cookie-C", "request Cookie-C, response Cookie-C, done Cookie-C"},
		{"none", nil, "token_missing", "request A, done A"},
		{"none, and a page to sign in", []string{"Login-D", "bad"}, "token_invalid", "request Login-D, done Login-D"},
		{"a page to sign in gives way", []string{"Login-D", "bad", "Cookie-C", "1"}, "Cookie-C", "request Cookie-C, response Cookie-C, done Cookie-C"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log []string
			var steps []Step
			for name, place := range map[string]Place{"A": PlaceAuthorization, "A2": PlaceAuthorization, "B": PlaceField, "Cookie-C": PlaceCookie, "Login-D": PlaceLogin} {
				n, err := HeaderName(name)
				if err != nil {
					t.Fatal(err)
				}
				steps = append(steps, Step{Policy: &way{n, place, &log}, Descriptor: &Descriptor{Type: name, Phase: PhaseAuthenticate}})
			}
			slices.SortFunc(steps, func(a, b Step) int { return strings.Compare(a.Descriptor.Type, b.Descriptor.Type) })
			var done []string
			guard := Step{Policy: &act{func(x *Exchange) Action { return x.Next() }, &done}, Descriptor: &Descriptor{Type: "guard", Phase: PhaseGuard}}
			c, err := CompileChain(append([]Step{guard}, steps...))
			if err != nil {
				t.Fatal(err)
			}
			x := EngineNew(func() int64 { return 1 }, canonAll)
			x.e.Trace = &contract.Trace{}
			for i := 0; i < len(tt.fields); i += 2 {
				x.e.ReqHeader.AppendString(tt.fields[i], tt.fields[i+1])
			}
			st := c.EngineRun(x)
			if st == EngineSuspended {
				st = c.EngineResume(Blocking{}, x)
			}
			got := x.e.Reply.Code.String()
			if st == EngineGo {
				got = x.Principal().ConsumerName
			}
			c.EngineRespond(x)
			verdicts := c.EngineVerdicts(x)
			c.EngineDone(x)
			if got != tt.want || strings.Join(log, ", ") != tt.log || len(done) != 1 {
				t.Errorf("%s after %q, want %s after %q", got, log, tt.want, tt.log)
			}
			var challenges []string
			for v := range x.e.Resp.Header.All(WWWAuthenticate) {
				challenges = append(challenges, v.Clone())
			}
			want := ""
			if tt.fields == nil {
				want = "Own A, Challenge A2, Challenge B, Challenge Cookie-C, Challenge Login-D"
			}
			if s := strings.Join(challenges, ", "); s != want {
				t.Errorf("challenges %q, want %q", s, want)
			}
			if len(x.e.Trace.Policies) != 6 || len(verdicts) != 6 {
				t.Errorf("the trace has %+v, the verdicts %+v", x.e.Trace.Policies, verdicts)
			}
			n := 0
			for _, v := range verdicts {
				if v.Verdict == "skipped" {
					n++
				}
			}
			if n != 4 {
				t.Errorf("%d of 5 methods were skipped: %+v", n, verdicts)
			}
		})
	}
}

func TestMethodsThatCannotStandTogether(t *testing.T) {
	t.Parallel()
	var log []string
	d := &Descriptor{Type: "x", Phase: PhaseAuthenticate}
	_, err := CompileChain([]Step{{Policy: &way{XAPIKey, PlaceField, &log}, Descriptor: d}, {Policy: &act{nil, &log}, Descriptor: d}})
	if err == nil || !strings.Contains(err.Error(), "can't stand beside") {
		t.Errorf("%v", err)
	}
}
