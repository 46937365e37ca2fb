package usage

import (
	"context"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// LogFilter narrows a list of access log records. Zero fields match everything.
type LogFilter struct {
	From, To  time.Time
	Route     string // name
	Consumer  string // name
	Key       string // kid, or key id
	Method    string
	Path      string // prefix
	Status    string // "404", "4xx", "5xx"
	Code      string // the edge's own error code
	RequestID string
	Client    string
	Target    string // URL
	// Query is text in the path, query, host, consumer, target, user agent or
	// request id, in upper or lower case.
	Query string
	// Outcome is "refused" (the edge's own errors), "failed" (status of 500 or
	// more, or aborted) or "ok".
	Outcome string
}

// LogsInput asks for a page of access log records, newest first.
type LogsInput struct {
	Gateway string // id or name
	Filter  LogFilter
	Page    core.Page
}

// LogEntry is a stored record. ID rises with the order of storing.
type LogEntry struct {
	ID int64
	contract.LogRecord
}

// LogPlace is a record's place in the order of time. Of those of one millisecond
// the one stored last comes first.
type LogPlace struct{ At, ID int64 } // At is in Unix milliseconds

func placeOf(e *LogEntry) LogPlace { return LogPlace{e.Time, e.ID} }

// LogQuery is a checked filter on one gateway's records.
type LogQuery struct {
	Gateway uint64
	Filter  LogFilter
	KID     string // Filter.Key without its prefix
	// StatusFrom up to but without StatusTo; zero StatusTo is any.
	StatusFrom, StatusTo int
	Limit                int
}

// Outcomes of a request, as they are stored.
const (
	OutcomeOK      = 0
	OutcomeRefused = 1 // by the edge itself
	OutcomeFailed  = 2 // a status of 500 or more from behind, or aborted
)

// OutcomeOf classes a record.
func OutcomeOf(r *contract.LogRecord) int {
	switch {
	case r.Code != "":
		return OutcomeRefused
	case r.Status >= 500 || r.Aborted != "":
		return OutcomeFailed
	}
	return OutcomeOK
}

// holds reports whether a record has what a store can only look for roughly.
func (f *LogFilter) holds(r *contract.LogRecord) bool {
	if f.Target != "" && r.Target != f.Target {
		return false
	}
	if f.Query == "" {
		return true
	}
	q := strings.ToLower(f.Query)
	for _, s := range []string{r.Path, r.Query, r.Host, r.Consumer, r.Target, r.UserAgent, r.RequestID} {
		if strings.Contains(strings.ToLower(s), q) {
			return true
		}
	}
	return false
}

// LogStore keeps access log records.
type LogStore interface {
	// AppendLogs stores records; one that is stored already is skipped.
	AppendLogs(ctx context.Context, records []contract.LogRecord) error
	// Logs reads records before a place (zero: from the newest), newest first. Of
	// Filter.Query and Target it may know only that a record's text holds them
	// somewhere: the service looks again.
	Logs(ctx context.Context, org core.OrganizationID, q LogQuery, before LogPlace) ([]LogEntry, error)
	// LogsAfter reads records with an id above after, oldest first.
	LogsAfter(ctx context.Context, org core.OrganizationID, q LogQuery, after int64) ([]LogEntry, error)
	// LastLog is the newest id of a gateway, 0 for none.
	LastLog(ctx context.Context, org core.OrganizationID, gateway uint64) (int64, error)
	// TrimLogs deletes what is older than its organization's plan keeps, all
	// but the newest keep records of each gateway, and what belongs to no
	// gateway any more. It returns how many records it deleted.
	TrimLogs(ctx context.Context, retention Retention, keep int) (int64, error)
}
