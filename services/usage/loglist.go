package usage

import (
	"context"
	"strconv"
	"strings"

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
		{"/target", f.Target},
		{"/q", f.Query},
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
	var before LogPlace
	if after != "" && !before.parse(after) {
		return none, core.Invalid(contract.FieldErrors{{Pointer: "/cursor", Detail: "is not a cursor of this list"}})
	}
	q, err := in.Filter.check(gateway.Num, limit+1)
	if err != nil {
		return none, err
	}
	items, more, err := s.found(ctx, org, q, before)
	if err != nil {
		return none, err
	}
	l := core.NextPage(items, limit, func(e LogEntry) string { return placeOf(&e).text() })
	if l.Next == "" && more != (LogPlace{}) {
		l.Next = core.Cursor(more.text())
	}
	return l, nil
}

func (p LogPlace) text() string {
	return strconv.FormatInt(p.At, 10) + " " + strconv.FormatInt(p.ID, 10)
}

// parse reads what text wrote.
func (p *LogPlace) parse(text string) bool {
	at, id, ok := strings.Cut(text, " ")
	var err1, err2 error
	p.At, err1 = strconv.ParseInt(at, 10, 64)
	p.ID, err2 = strconv.ParseInt(id, 10, 64)
	return ok && err1 == nil && err2 == nil && p.ID > 0
}

// Bounds of a search that a store does roughly.
const (
	searchBatch  = 500
	searchRounds = 20
)

// found reads up to q.Limit records that a filter chooses. more is where to go
// on when the search ended before it had them.
func (s *Service) found(ctx context.Context, org core.OrganizationID, q LogQuery, before LogPlace) (items []LogEntry, more LogPlace, err error) {
	f := &q.Filter
	if f.Query == "" && f.Target == "" {
		items, err = s.cfg.Store.Logs(ctx, org, q, before)
		return items, more, err
	}
	want := q.Limit
	q.Limit = searchBatch
	for range searchRounds {
		batch, err := s.cfg.Store.Logs(ctx, org, q, before)
		if err != nil {
			return nil, more, err
		}
		for i := range batch {
			if f.holds(&batch[i].LogRecord) {
				items = append(items, batch[i])
			}
		}
		if len(items) >= want {
			return items[:want], more, nil
		}
		if len(batch) < searchBatch {
			return items, more, nil
		}
		before = placeOf(&batch[len(batch)-1])
	}
	return items, before, nil
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
	items, err := s.cfg.Store.Logs(ctx, org, q, LogPlace{})
	if err != nil {
		return LogEntry{}, err
	}
	if len(items) == 0 {
		return LogEntry{}, core.NotFound("request", requestID)
	}
	return items[0], nil
}
