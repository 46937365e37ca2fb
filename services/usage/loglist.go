package usage

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a filter's texts, in bytes.
const maxFilterText = 512

// check turns a filter into a query.
func (f *LogFilter) check(gateway uint64, limit int) (LogQuery, error) {
	q := LogQuery{Gateway: gateway, Filter: *f, Limit: limit, KID: strings.TrimPrefix(f.Key, "key_")}
	var bad contract.FieldErrors
	for _, t := range []struct{ at, text string }{
		{"/route", f.Route},
		{"/consumer", f.Consumer},
		{"/key", f.Key},
		{"/method", f.Method},
		{"/path", f.Path},
		{"/code", f.Code},
		{"/request_id", f.RequestID},
		{"/client", f.Client},
	} {
		if len(t.text) > maxFilterText {
			bad.Add(t.at, "is longer than 512 bytes")
		}
	}
	if f.Key != "" {
		if _, ok := contract.ParseKID(q.KID); !ok {
			bad.Add("/key", "is neither a key's id nor its kid")
		}
	}
	switch f.Outcome {
	case "", "ok", "refused", "failed":
	default:
		bad.Add("/outcome", "must be ok, refused or failed")
	}
	if f.Code != "" {
		if _, ok := contract.CodeByName(f.Code); !ok {
			bad.Add("/code", "is not an error code of the edge")
		}
	}
	var ok bool
	if q.StatusFrom, q.StatusTo, ok = statusRange(f.Status); !ok {
		bad.Add("/status", `must be a status code such as "404" or a class such as "4xx"`)
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		bad.Add("/from", "must be before to")
	}
	return q, core.Invalid(bad.Err())
}

// statusRange reads "404" or "4xx".
func statusRange(s string) (from, to int, ok bool) {
	switch {
	case s == "":
		return 0, 0, true
	case len(s) != 3 || s[0] < '1' || s[0] > '5':
		return 0, 0, false
	case strings.EqualFold(s[1:], "xx"):
		from = int(s[0]-'0') * 100
		return from, from + 100, true
	}
	n, err := strconv.Atoi(s)
	return n, n + 1, err == nil
}

// Logs lists access log records, newest first.
func (s *Service) Logs(ctx context.Context, org core.OrganizationID, in LogsInput) (core.List[LogEntry], error) {
	var none core.List[LogEntry]
	gateway, err := s.gatewayOf(ctx, org, in.Gateway)
	if err != nil {
		return none, err
	}
	limit, after, err := in.Page.After()
	if err != nil {
		return none, err
	}
	before := int64(0)
	if after != "" {
		if before, err = strconv.ParseInt(after, 10, 64); err != nil || before <= 0 {
			bad := contract.FieldErrors{{Pointer: "/cursor", Detail: "is not a cursor of this list"}}
			return none, core.Invalid(bad)
		}
	}
	q, err := in.Filter.check(gateway.Num, limit+1)
	if err != nil {
		return none, err
	}
	items, err := s.cfg.Store.Logs(ctx, org, q, before)
	if err != nil {
		return none, err
	}
	return core.NextPage(items, limit, func(e LogEntry) string { return strconv.FormatInt(e.ID, 10) }), nil
}

// Timing and bounds of Follow.
const (
	followEvery = 500 * time.Millisecond
	followQuiet = 15 * time.Second
	followBatch = 500
	// followOverlap is how far back each look goes: of two transactions the one
	// with the lower ids may become visible last.
	followOverlap = 200
)

// Follow calls emit with the records stored from now on, oldest first, until ctx
// ends (nil) or emit returns an error, which it returns. A call without records
// is a sign of life: the first call, which says that from here on nothing is
// missed, and one every 15 s of silence.
func (s *Service) Follow(ctx context.Context, org core.OrganizationID, gateway string, f LogFilter, emit func([]LogEntry) error) error {
	g, err := s.gatewayOf(ctx, org, gateway)
	if err != nil {
		return err
	}
	q, err := f.check(g.Num, followBatch)
	if err != nil {
		return err
	}
	last, err := s.cfg.Store.LastLog(ctx, org, g.Num)
	if err != nil {
		return err
	}
	tail := tail{last: last, seen: map[int64]bool{}}
	old, err := s.cfg.Store.LogsAfter(ctx, org, q, last-followOverlap)
	if err != nil {
		return err
	}
	tail.fresh(old)
	if err := emit(nil); err != nil {
		return err
	}
	t := time.NewTicker(followEvery)
	defer t.Stop()
	quiet := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		items, err := s.cfg.Store.LogsAfter(ctx, org, q, tail.last-followOverlap)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		items = tail.fresh(items)
		if quiet += followEvery; len(items) == 0 && quiet < followQuiet {
			continue
		}
		quiet = 0
		if err := emit(items); err != nil {
			return err
		}
	}
}

// tail remembers what was seen of the newest records.
type tail struct {
	last int64
	seen map[int64]bool
}

// fresh returns the items not seen before, and marks them.
func (t *tail) fresh(items []LogEntry) []LogEntry {
	out := items[:0]
	for _, e := range items {
		if !t.seen[e.ID] {
			t.seen[e.ID] = true
			out = append(out, e)
			t.last = max(t.last, e.ID)
		}
	}
	for id := range t.seen {
		if id <= t.last-followOverlap {
			delete(t.seen, id)
		}
	}
	return out
}

// Request returns what is kept of one request: every one that the edge refused
// or that failed, and of the others those that the gateway logs.
func (s *Service) Request(ctx context.Context, org core.OrganizationID, gateway, requestID string) (LogEntry, error) {
	g, err := s.gatewayOf(ctx, org, gateway)
	if err != nil {
		return LogEntry{}, err
	}
	if requestID == "" || len(requestID) > 128 {
		return LogEntry{}, core.NotFound("request", requestID)
	}
	q := LogQuery{Gateway: g.Num, Filter: LogFilter{RequestID: requestID}, Limit: 1}
	items, err := s.cfg.Store.Logs(ctx, org, q, 0)
	if err != nil {
		return LogEntry{}, err
	}
	if len(items) == 0 {
		return LogEntry{}, core.NotFound("request", requestID)
	}
	return items[0], nil
}
