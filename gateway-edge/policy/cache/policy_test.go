package cache_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/cache"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

func deps(t testing.TB) policy.Deps {
	d := policytest.NewDeps()
	s, err := respcache.New(respcache.Config{Max: 8 << 20, PerOrganization: 4 << 20, Now: func() int64 { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	d.Cache = s.Of("gw_test", 1)
	return d
}

var (
	ann = &policy.Principal{Kind: policy.KindAPIKey, Key: 1, Consumer: 11, ConsumerName: "ann"}
	ben = &policy.Principal{Kind: policy.KindAPIKey, Key: 2, Consumer: 12, ConsumerName: "ben"}
)

const noon = "Sun, 22 Nov 2026 12:00:00 GMT"

// page is an answer of the origin's.
func page(body string, header ...string) policytest.Response {
	return policytest.Response{Header: append(policytest.Fields{"Date", noon, "Content-Type", "text/plain"}, header...), Body: body}
}

func text(s string) *string { return &s }

// from is an answer that the origin gives, again one that the cache gives.
func from(q policytest.Request, b policytest.Response) policytest.Step {
	return policytest.Step{Request: q, Backend: b, Want: policytest.Want{Forwarded: true, Body: text(b.Body)}}
}

func again(q policytest.Request, body string) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Answered: true, Status: 200, Body: text(body)}}
}

func TestPolicy(t *testing.T) {
	q := policytest.Request{Path: "/a"}
	as := func(who *policy.Principal) policytest.Request { return policytest.Request{Path: "/a", Principal: who} }
	with := func(f ...string) policytest.Request { return policytest.Request{Path: "/a", Header: f} }
	policytest.Run(t, &cache.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "stored", Deps: deps, Steps: []policytest.Step{
			from(q, page("one", "Cache-Control", "max-age=60")), again(q, "one"),
			again(policytest.Request{Path: "/a", Method: "HEAD"}, "one"),
			from(policytest.Request{Path: "/b"}, page("two", "Cache-Control", "max-age=60")), again(q, "one"),
		}},
		{Name: "callers apart", Deps: deps, Steps: []policytest.Step{
			from(as(ann), page("for ann", "Cache-Control", "max-age=60")), from(as(ben), page("for ben", "Cache-Control", "max-age=60")),
			from(q, page("for anybody", "Cache-Control", "max-age=60")), again(as(ann), "for ann"), again(as(ben), "for ben"), again(q, "for anybody"),
		}},
		{Name: "all callers", Deps: deps, Config: `{"identity":"all"}`, Steps: []policytest.Step{
			from(as(ann), page("one", "Cache-Control", "max-age=60")), again(as(ben), "one"), again(q, "one"),
		}},
		{Name: "a caller without a number", Deps: deps, Steps: []policytest.Step{
			from(as(&policy.Principal{Kind: policy.KindToken}), page("one", "Cache-Control", "max-age=60")),
			from(as(&policy.Principal{Kind: policy.KindToken}), page("two", "Cache-Control", "max-age=60")),
		}},
		{Name: "validated", Deps: deps, Steps: []policytest.Step{
			from(q, page("one", "Cache-Control", "max-age=1", "ETag", `"1"`)),
			{
				Request: q, Wait: 2e9, Backend: policytest.Response{Status: 304, Header: policytest.Fields{"Date", noon, "ETag", `"1"`, "X-New", "yes"}},
				Want: policytest.Want{Forwarded: true, Status: 200, Body: text("one"), Sent: map[string]string{"If-None-Match": `"1"`}, Header: map[string]string{"X-New": "yes"}},
			},
			{Request: with("If-None-Match", `W/"1"`), Want: policytest.Want{Answered: true, Status: 304}},
		}},
		{Name: "varies", Deps: deps, Steps: []policytest.Step{
			from(with("Accept-Language", "de"), page("eins", "Cache-Control", "max-age=60", "Vary", "Accept-Language")),
			from(with("Accept-Language", "en"), page("one", "Cache-Control", "max-age=60", "Vary", "Accept-Language")),
			again(with("Accept-Language", "de"), "eins"), again(with("Accept-Language", "en"), "one"),
		}},
		{Name: "a part", Deps: deps, Steps: []policytest.Step{
			from(q, page("0123456789", "Cache-Control", "max-age=60")),
			{Request: with("Range", "bytes=2-4"), Want: policytest.Want{Answered: true, Status: 206, Body: text("234"), Header: map[string]string{"Content-Range": "bytes 2-4/10"}}},
		}},
		{Name: "private", Deps: deps, Steps: []policytest.Step{
			from(q, page("one", "Cache-Control", "private, max-age=60")), from(q, page("two", "Cache-Control", "max-age=60", "Set-Cookie", "a=b")), from(q, page("three")),
		}},
		{Name: "only if cached", Deps: deps, Steps: []policytest.Step{
			{Request: with("Cache-Control", "only-if-cached"), Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamTimeout}},
		}},
		{Name: "hot hit", Hot: true, Config: `{"key":{"headers":["Accept-Language"]}}`, Deps: warm, Steps: []policytest.Step{again(with("Accept-Language", "de"), "warm")}},
		{Name: "hot bypass", Hot: true, Deps: deps, Steps: []policytest.Step{from(policytest.Request{Method: "POST", Path: "/a"}, page("done"))}},
	}})
}

// warm is a cache that has an answer for /a in German.
func warm(t testing.TB) policy.Deps {
	d := deps(t)
	p, err := cache.New([]byte(`{"key":{"headers":["Accept-Language"]}}`), d)
	if err != nil {
		t.Fatal(err)
	}
	policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &cache.Descriptor, From: "route"}}, policytest.Step{
		Request: policytest.Request{Path: "/a", Header: policytest.Fields{"Accept-Language", "de"}},
		Backend: page("warm", "Cache-Control", "max-age=3600", "ETag", `"1"`), Want: policytest.Want{Forwarded: true},
	})
	return d
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &cache.Descriptor) }

func BenchmarkHit(b *testing.B) {
	policytest.Bench(b, &cache.Descriptor, policytest.Case{
		Deps: warm, Config: `{"key":{"headers":["Accept-Language"]}}`,
		Steps: []policytest.Step{again(policytest.Request{Path: "/a", Header: policytest.Fields{"Accept-Language", "de"}}, "warm")},
	})
}
