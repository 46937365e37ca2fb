package usage

import (
	"context"
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

// LogStore keeps access log records.
type LogStore interface {
	// AppendLogs stores records; those of unknown gateways are dropped. One that
	// is stored already (same gateway, request id and edge) is skipped.
	AppendLogs(ctx context.Context, records []contract.LogRecord) error
	// Logs reads records of a gateway: older than before (0: from the newest), newest first.
	Logs(ctx context.Context, org core.OrganizationID, gateway string, f LogFilter, before int64, limit int) ([]LogEntry, error)
	// LogsAfter reads records stored after an id, oldest first.
	LogsAfter(ctx context.Context, org core.OrganizationID, gateway string, f LogFilter, after int64, limit int) ([]LogEntry, error)
	// LastLog is the newest id of a gateway, 0 for none.
	LastLog(ctx context.Context, org core.OrganizationID, gateway string) (int64, error)
	// Request reads the newest record of one request.
	Request(ctx context.Context, org core.OrganizationID, gateway, requestID string) (LogEntry, error)
	// TrimLogs deletes what is older than its organization's plan keeps, and all
	// but the newest keep records of each gateway.
	TrimLogs(ctx context.Context, now time.Time, retention map[string]time.Duration, keep int) (int64, error)
}
