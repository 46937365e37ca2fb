package usage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

var now = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

// world is an organization with a gateway, its consumers' keys, and a ledger.
type world struct {
	org, other core.OrganizationID
	gateway    *gateway.Gateway
	num        uint64
	orgNum     uint64
	routes     map[string]uint64
	keys       []uint64 // kids, one a consumer
	consumers  []uint64 // their numbers
	routeIDs   map[string]string
	targets    []uint64
	targetIDs  []string
	ledger     *store.Usage
	svc        *usage.Service
}

func newWorld(t *testing.T, db *store.DB, asker usage.Asker) *world {
	t.Helper()
	d := storetest.NewDomain(t, db)
	w := &world{org: storetest.Organization(t, db, "right"), other: storetest.Organization(t, db, "wrong"), routes: map[string]uint64{}, ledger: store.NewUsage(db)}
	w.gateway = d.Gateway(t, w.org, "shop")
	for i := range 3 {
		c := d.Consumer(t, w.org, w.gateway, fmt.Sprint("consumer-", i))
		k := d.Key(t, w.org, w.gateway, c.Name)
		w.keys = append(w.keys, k.Key.KID)
	}
	number := func(query string, args ...any) (n uint64) {
		if err := db.Tx(t.Context(), func(tx *store.Txn) error { return tx.Raw(query, args...).Scan(&n).Error }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.orgNum = number("SELECT num FROM organizations WHERE id = ?", string(w.org))
	w.num = number("SELECT num FROM gateways WHERE id = ?", w.gateway.ID)
	for _, r := range []string{"open", "orders"} {
		w.routes[r] = number("SELECT num FROM routes WHERE gateway_id = ? AND name = ?", w.gateway.ID, r)
	}
	for i := range 3 {
		w.consumers = append(w.consumers, number("SELECT num FROM consumers WHERE gateway_id = ? AND name = ?", w.gateway.ID, fmt.Sprint("consumer-", i)))
	}
	w.furnish(t, d, number)
	w.svc = usage.New(usage.Config{Store: w.ledger, Asker: asker, Clock: func() time.Time { return now }})
	return w
}

// furnish gives the gateway an upstream with several targets, and finds the ids
// by which answers name things.
func (w *world) furnish(t *testing.T, d *storetest.Domain, number func(string, ...any) uint64) {
	t.Helper()
	u := contract.Upstream{Name: "pool"}
	for i := range targets {
		u.Targets = append(u.Targets, contract.Target{URL: targetURL(i)})
	}
	_, err := d.Gateways.Upstreams.Put(t.Context(), w.org, gateway.Put[contract.Upstream]{Gateway: w.gateway.ID, Name: "pool", Value: u})
	if err != nil {
		t.Fatal(err)
	}
	num := number("SELECT num FROM upstreams WHERE gateway_id = ? AND name = 'pool'", w.gateway.ID)
	for i := range targets {
		id := contract.TargetID(num, targetURL(i))
		w.targets, w.targetIDs = append(w.targets, id), append(w.targetIDs, strconv.FormatUint(id, 36))
	}
	w.routeIDs = map[string]string{}
	for name := range w.routes {
		r, err := d.Gateways.Routes.Get(t.Context(), w.org, w.gateway.ID, name)
		if err != nil {
			t.Fatal(err)
		}
		w.routeIDs[name] = r.Value.ID
	}
}

// serve puts requests of one counter into the ledger, as they arrive at a time.
func (w *world) serve(t *testing.T, seq uint64, at time.Time, route string, key, ok, bad uint64) {
	t.Helper()
	b := usage.Batch{Arrived: at.UnixMilli(), Batch: contract.Batch{Edge: "edge-a", Epoch: seq, Seq: 1}}
	hour := uint32(at.Unix() / 3600)
	b.Counters = []contract.Counter{{
		ID:     contract.CounterID{Organization: w.orgNum, Gateway: w.num, Route: w.routes[route], Key: key, Hour: hour},
		Counts: contract.Counts{Admitted: ok, Billed: ok, C2xx: ok, C4xx: bad, Refused: bad, BytesIn: ok, BytesOut: 10 * ok},
	}}
	l := contract.Latency{Organization: w.orgNum, Gateway: w.num, Route: w.routes[route], Hour: hour}
	l.Edge[4], l.Upstream[30] = uint32(ok), uint32(ok)
	b.Latency = []contract.Latency{l}
	b.Statuses = []contract.StatusCount{
		{Organization: w.orgNum, Gateway: w.num, Route: w.routes[route], Hour: hour, Status: 200, Count: ok},
		{Organization: w.orgNum, Gateway: w.num, Route: w.routes[route], Hour: hour, Status: 429, Count: bad},
	}
	if _, err := w.ledger.Apply(t.Context(), []usage.Batch{b}); err != nil {
		t.Fatal(err)
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, nil)
		w.serve(t, 1, now.Add(-2*time.Hour), "orders", w.keys[0], 100, 5)
		w.serve(t, 2, now.Add(-time.Hour), "orders", w.keys[1], 50, 0)
		w.serve(t, 3, now.Add(-10*time.Minute), "open", 0, 30, 1)
		w.serve(t, 4, now.Add(-9*time.Minute), "gone", w.keys[0], 7, 0) // a route number nobody has: 0
		series := func(in usage.SeriesInput) usage.Series {
			t.Helper()
			in.Gateway = "shop"
			if in.From.IsZero() {
				in.From = now.Add(-3 * time.Hour)
			}
			s, err := w.svc.Series(t.Context(), w.org, in)
			if err != nil {
				t.Fatal(err)
			}
			sum := int64(0)
			for _, g := range s.Groups {
				points := int64(0)
				for _, p := range g.Points {
					points += p.Requests
				}
				if points != g.Total.Requests {
					t.Errorf("%+v: the points of %q sum to %d, its total is %d", in, g.ID, points, g.Total.Requests)
				}
				sum += points
			}
			if s.Other != nil {
				sum += s.Other.Requests
			}
			if sum != s.Total.Requests || sum != 193 && in.Key == "" && in.Route == "" {
				t.Errorf("%+v: groups sum to %d, the total is %d", in, sum, s.Total.Requests)
			}
			return s
		}
		for _, interval := range []usage.Interval{"", usage.IntervalMinute, usage.IntervalHour, usage.IntervalDay, usage.IntervalTotal} {
			s := series(usage.SeriesInput{Interval: interval})
			if s.Total.Billed != 187 || s.Total.Refused != 6 || s.Total.Errors != 6 || s.Total.BytesOut != 1870 {
				t.Errorf("%q: %+v", interval, s.Total)
			}
			if p := s.Total.Edge; p == nil || p.P50 < 0.06 || p.P99 > 0.09 {
				t.Errorf("%q: edge percentiles %+v", interval, p)
			}
		}
		routes := series(usage.SeriesInput{GroupBy: usage.GroupRoute, Interval: usage.IntervalHour})
		if g := routes.Groups; len(g) != 3 || g[0].Name != "orders" || g[0].Total.Requests != 155 || g[1].Name != "open" || g[2].Name != "" || g[0].Total.Upstream == nil {
			t.Errorf("by route: %+v", g)
		}
		if n := len(routes.Groups[0].Points); n != 4 {
			t.Errorf("%d points, want 4 hours", n)
		}
		keys := series(usage.SeriesInput{GroupBy: usage.GroupKey})
		if g := keys.Groups; len(g) != 3 || g[0].ID != "key_"+contract.FormatKID(w.keys[0]) || g[0].Total.Billed != 107 || g[0].Name != "test" || g[0].Total.Edge != nil {
			t.Errorf("by key: %+v", g)
		}
		status := series(usage.SeriesInput{GroupBy: usage.GroupStatus})
		if g := status.Groups; len(g) != 2 || g[0].ID != "200" || g[0].Total.Requests != 187 || g[1].ID != "429" || g[1].Total.Errors != 6 {
			t.Errorf("by status: %+v", g)
		}
		one := series(usage.SeriesInput{Key: "key_" + contract.FormatKID(w.keys[1]), Route: "orders"})
		if one.Total.Requests != 50 || one.Total.Edge != nil {
			t.Errorf("one key: %+v", one.Total)
		}
	})
}

func TestSeriesRefusesWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	w := newWorld(t, db, nil)
	for name, c := range map[string]struct {
		in      usage.SeriesInput
		pointer string
	}{
		"a hundred years (MSC13)": {usage.SeriesInput{From: now.AddDate(-100, 0, 0)}, "/from"},
		"backwards":               {usage.SeriesInput{From: now, To: now.Add(-time.Hour)}, "/from"},
		"too many points":         {usage.SeriesInput{From: now.AddDate(0, 0, -10), Interval: usage.IntervalMinute}, "/interval"},
		"old minutes":             {usage.SeriesInput{From: now.AddDate(0, 0, -20), To: now.AddDate(0, 0, -19), Interval: usage.IntervalMinute}, "/interval"},
		"unknown interval":        {usage.SeriesInput{Interval: "week"}, "/interval"},
		"unknown group":           {usage.SeriesInput{GroupBy: "ip"}, "/group_by"},
		"target of a consumer":    {usage.SeriesInput{GroupBy: usage.GroupTarget, Consumer: "x"}, "/group_by"},
		"targets with codes":      {usage.SeriesInput{GroupBy: usage.GroupTarget, Code: "no_route"}, "/group_by"},
		"status by route":         {usage.SeriesInput{GroupBy: usage.GroupRoute, Status: "404"}, "/group_by"},
		"no status":               {usage.SeriesInput{Status: "999"}, "/status"},
		"unknown order":           {usage.SeriesInput{GroupBy: usage.GroupRoute, Sort: "name"}, "/sort"},
		"foreign cursor":          {usage.SeriesInput{GroupBy: usage.GroupRoute, Page: core.Page{Cursor: core.Cursor("errors 5 1")}}, "/cursor"},
		"status of a key":         {usage.SeriesInput{GroupBy: usage.GroupStatus, Key: "x"}, "/group_by"},
	} {
		c.in.Gateway = "shop"
		_, err := w.svc.Series(t.Context(), w.org, c.in)
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeInvalid || e.Fields[0].Pointer != c.pointer {
			t.Errorf("%s: %v, want an error at %s", name, err, c.pointer)
		}
	}
	for name, in := range map[string]usage.SeriesInput{"gateway": {Gateway: "none"}, "route": {Gateway: "shop", Route: "none"}, "key": {Gateway: "shop", Key: "none"}, "consumer": {Gateway: "shop", Consumer: "none"}} {
		if _, err := w.svc.Series(t.Context(), w.org, in); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("unknown %s: %v", name, err)
		}
	}
	if _, err := w.svc.Series(t.Context(), w.other, usage.SeriesInput{Gateway: w.gateway.ID}); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("another organization: %v", err)
	}
}

func TestManyGroupsAreCut(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	w := newWorld(t, db, nil)
	b := usage.Batch{Arrived: now.UnixMilli(), Batch: contract.Batch{Edge: "edge-a", Epoch: 1, Seq: 1}}
	const keys = usage.MaxGroups + 50
	for k := range uint64(keys) {
		b.Counters = append(b.Counters, contract.Counter{
			ID:     contract.CounterID{Organization: w.orgNum, Gateway: w.num, Key: k + 1, Hour: uint32(now.Unix() / 3600)},
			Counts: contract.Counts{Billed: k + 1, C2xx: k + 1},
		})
	}
	if _, err := w.ledger.Apply(t.Context(), []usage.Batch{b}); err != nil {
		t.Fatal(err)
	}
	s, err := w.svc.Series(t.Context(), w.org, usage.SeriesInput{Gateway: "shop", GroupBy: usage.GroupKey, Interval: usage.IntervalTotal, Page: core.Page{Limit: usage.MaxGroups}})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Groups) != usage.MaxGroups || s.Groups[0].Total.Requests != keys || s.Other == nil || s.Other.Requests != 50*51/2 {
		t.Errorf("%d groups, the first %+v, other %+v", len(s.Groups), s.Groups[0].Total, s.Other)
	}
}

func logRecord(w *world, id string, at time.Time, status int) contract.LogRecord {
	return contract.LogRecord{Organization: w.orgNum, Gateway: w.num, RequestID: id, Time: at.UnixMilli(), Edge: "edge-a", Status: status, Path: "/" + id}
}

func TestLogsArePagedAndFollowed(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	w := newWorld(t, db, nil)
	var records []contract.LogRecord
	for i := range 23 {
		records = append(records, logRecord(w, fmt.Sprint("r", i), now.Add(time.Duration(i)*time.Second), 200+i%2*304))
	}
	slices.Reverse(records[5:15]) // an edge that was cut off ships what is older last
	if err := w.ledger.AppendLogs(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(records[5:15])
	page, seen := core.Page{Limit: 5}, []string{}
	for {
		got, err := w.svc.Logs(t.Context(), w.org, usage.LogsInput{Gateway: "shop", Page: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got.Items {
			seen = append(seen, e.RequestID)
		}
		if page.Cursor = got.Next; page.Cursor == "" {
			break
		}
	}
	order := make([]string, len(records))
	for i := range records {
		order[len(order)-1-i] = records[i].RequestID
	}
	if !slices.Equal(seen, order) {
		t.Errorf("pages give %v", seen)
	}
	if e, err := w.svc.Request(t.Context(), w.org, "shop", "r7"); err != nil || e.Path != "/r7" {
		t.Errorf("request: %+v, %v", e, err)
	}
	if _, err := w.svc.Request(t.Context(), w.org, "shop", "none"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("unknown request: %v", err)
	}
	if _, err := w.svc.Request(t.Context(), w.other, w.gateway.ID, "r7"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("another organization's request: %v", err)
	}
	stop := errors.New("enough")
	followed := []string{}
	began := false
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := w.svc.Follow(ctx, w.org, usage.FollowInput{Gateway: "shop", Filter: usage.LogFilter{Status: "5xx"}}, func(tail usage.Tail) error {
		if !began { // the first call says that from here on nothing is missed
			began = true
			if len(tail.Entries) > 0 {
				t.Errorf("the log begins with %v", tail.Entries)
			}
			return w.ledger.AppendLogs(ctx, []contract.LogRecord{logRecord(w, "new1", now, 504), logRecord(w, "skip", now, 200), logRecord(w, "new2", now, 504)})
		}
		items := tail.Entries
		for _, e := range items {
			followed = append(followed, e.RequestID)
		}
		if len(followed) >= 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || strings.Join(followed, " ") != "new1 new2" {
		t.Errorf("followed %v, %v", followed, err)
	}
}

func TestLogFiltersAreChecked(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	w := newWorld(t, db, nil)
	for pointer, f := range map[string]usage.LogFilter{
		"/status": {Status: "6xx"}, "/outcome": {Outcome: "good"}, "/code": {Code: "nonsense"}, "/key": {Key: "abc"},
		"/path": {Path: strings.Repeat("a", 1000)}, "/from": {From: now, To: now},
	} {
		_, err := w.svc.Logs(t.Context(), w.org, usage.LogsInput{Gateway: "shop", Filter: f})
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeInvalid || e.Fields[0].Pointer != pointer {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for _, cursor := range []string{"xx", "MTphYmM", "MTotNQ"} {
		if _, err := w.svc.Logs(t.Context(), w.org, usage.LogsInput{Gateway: "shop", Page: core.Page{Cursor: cursor}}); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// asker answers at once.
type asker struct {
	got    contract.Ask
	answer contract.Answer
	push   contract.Push
	pushed contract.Pushed
	err    error
}

func (a *asker) AskAll(_ context.Context, ask contract.Ask) ([]contract.Answer, []string, error) {
	a.got = ask
	return []contract.Answer{a.answer}, []string{"edge-2"}, nil
}

func (a *asker) Ask(_ context.Context, ask contract.Ask) (contract.Answer, error) {
	a.got = ask
	return a.answer, a.err
}

func (a *asker) Push(_ context.Context, p contract.Push) (contract.Pushed, error) {
	a.push = p
	return a.pushed, a.err
}

// TestConnections: what is asked of a connection goes out with one's own gateway's
// id, and every outcome has its error.
func TestConnections(t *testing.T) {
	t.Parallel()
	a := &asker{pushed: contract.Pushed{Outcome: contract.PushDone, Found: &contract.ConnectionInfo{Route: "chat"}}}
	w := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil), a)
	send := func(text string) error {
		return w.svc.SendToConnection(t.Context(), w.org, "shop", "ws_x", false, []byte(text))
	}
	if err := send("hello"); err != nil || a.push.Op != contract.PushSend || a.push.Gateway != w.gateway.ID || a.push.Connection != "ws_x" || len(a.push.ID) != 32 || a.push.Deadline <= now.UnixMilli() {
		t.Errorf("%v; asked %+v", err, a.push)
	}
	if got, err := w.svc.Connection(t.Context(), w.org, "shop", "ws_x"); err != nil || got.Route != "chat" || a.push.Op != contract.PushGet {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.svc.CloseConnection(t.Context(), w.org, "shop", "ws_x", 4000, "enough"); err != nil || a.push.Op != contract.PushClose || a.push.Code != 4000 || a.push.Reason != "enough" {
		t.Errorf("%v; asked %+v", err, a.push)
	}
	if err := w.svc.SendToConnection(t.Context(), w.other, w.gateway.ID, "ws_x", false, nil); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("another organization: %v", err)
	}
	for code, err := range map[core.Code]error{
		core.CodeTooLarge: send(strings.Repeat("x", contract.MaxPush+1)),
		core.CodeInvalid:  errors.Join(send("\xff"), w.svc.CloseConnection(t.Context(), w.org, "shop", "ws_x", 1006, "")),
	} {
		if core.CodeOf(err) != code {
			t.Errorf("%v, want %v", err, code)
		}
	}
	for outcome, code := range map[string]core.Code{
		contract.PushGone: core.CodeGone, contract.PushSlow: core.CodeUnavailable, contract.PushBusy: core.CodeUnavailable,
		contract.PushTooLong: core.CodeTooLarge, "": core.CodeUnavailable,
	} {
		if a.pushed.Outcome = outcome; core.CodeOf(send("x")) != code {
			t.Errorf("%q is %v, want %v", outcome, send("x"), code)
		}
	}
}

// TestConnectionsAtOnce: what waits for slow clients of one organization is bounded,
// and no other's.
func TestConnectionsAtOnce(t *testing.T) {
	t.Parallel()
	began, hold := make(chan struct{}, 8), make(chan struct{})
	w := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil), &holding{began: began, hold: hold})
	errs := make(chan error, 8)
	for range 8 {
		go func() {
			errs <- w.svc.SendToConnection(t.Context(), w.org, "shop", "ws_x", false, nil)
		}()
	}
	for range 8 {
		<-began
	}
	if err := w.svc.SendToConnection(t.Context(), w.org, "shop", "ws_x", false, nil); core.CodeOf(err) != core.CodeThrottled {
		t.Errorf("the ninth: %v", err)
	}
	close(hold)
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// holding is an asker whose pushes begin and end when they are let.
type holding struct {
	asker
	began, hold chan struct{}
}

func (h *holding) Push(context.Context, contract.Push) (contract.Pushed, error) {
	h.began <- struct{}{}
	<-h.hold
	return contract.Pushed{Outcome: contract.PushDone}, nil
}

// TestPurge: one thing at a time is purged, of one's own gateway, and every edge's
// word is told, of one that knows no purges too.
func TestPurge(t *testing.T) {
	t.Parallel()
	n := int64(3)
	a := &asker{answer: contract.Answer{Edge: "edge-1", Purged: &n}}
	w := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil), a)
	got, err := w.svc.Purge(t.Context(), w.org, "shop", contract.Purge{Tag: "a"})
	if err != nil || len(got.Edges) != 1 || got.Edges[0].Removed != 3 || got.Edges[0].Error != "" || len(got.Silent) != 1 || a.got.Gateway != w.gateway.ID || a.got.Purge.Tag != "a" {
		t.Errorf("%+v, %v; asked %+v", got, err, a.got)
	}
	if _, err := w.svc.Purge(t.Context(), w.other, w.gateway.ID, contract.Purge{All: true}); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("another organization: %v", err)
	}
	for _, bad := range []contract.Purge{{}, {All: true, Tag: "a"}, {Path: "orders"}, {Prefix: "*"}, {Tag: "a b"}, {Path: "/" + strings.Repeat("x", 9000)}} {
		if _, err := w.svc.Purge(t.Context(), w.org, "shop", bad); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	a.answer = contract.Answer{Edge: "old"}
	if got, err := w.svc.Purge(t.Context(), w.org, "shop", contract.Purge{All: true}); err != nil || got.Edges[0].Error == "" {
		t.Errorf("an edge that does not know purges: %+v, %v", got, err)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	a := &asker{answer: contract.Answer{Trace: &contract.Trace{Route: "orders"}}}
	w := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil), a)
	in := usage.ExplainInput{Gateway: "shop", URL: "http://shop.edge.test/orders/1", Headers: map[string][]string{"Accept": {"a/b"}}, Client: "192.0.2.1"}
	trace, err := w.svc.Explain(t.Context(), w.org, in)
	if err != nil || trace.Route != "orders" || a.got.Gateway != w.gateway.ID || a.got.Method != "GET" || len(a.got.ID) != 32 || a.got.Deadline <= now.UnixMilli() {
		t.Errorf("trace %+v, %v; asked %+v", trace, err, a.got)
	}
	if _, err := w.svc.Explain(t.Context(), w.other, usage.ExplainInput{Gateway: w.gateway.ID, URL: in.URL}); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("another organization: %v", err)
	}
	for pointer, bad := range map[string]usage.ExplainInput{
		"/url": {URL: "/orders"}, "/method": {URL: in.URL, Method: "G E T"}, "/client": {URL: in.URL, Client: "me"},
		"/headers/a b": {URL: in.URL, Headers: map[string][]string{"a b": {"c"}}}, "/body": {URL: in.URL, Body: make([]byte, 1<<20)},
	} {
		bad.Gateway = "shop"
		_, err := w.svc.Explain(t.Context(), w.org, bad)
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeInvalid || e.Fields[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	a.answer = contract.Answer{Error: "no such host"}
	if _, err := w.svc.Explain(t.Context(), w.org, in); core.CodeOf(err) != core.CodeInvalid {
		t.Errorf("an edge that can't: %v", err)
	}
}
