package mail

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// boxSize is how many mails a Box remembers.
const boxSize = 100

// Box stands in for a mail server: it logs that a mail would have been sent, and
// remembers the newest ones.
type Box struct {
	log   *slog.Logger
	clock core.Clock
	mu    sync.Mutex
	mails []Kept // guarded by mu; oldest first
}

// Kept is a mail that would have been sent.
type Kept struct {
	Time    time.Time `json:"time"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html,omitempty"`
}

// NewBox makes a Box.
func NewBox(log *slog.Logger, clock core.Clock) *Box { return &Box{log: log, clock: clock} }

// Send logs and remembers a mail.
func (b *Box) Send(_ context.Context, m tenant.Mail) error {
	b.log.Info("no mail server is set up: this mail was not sent", "to", m.To, "subject", m.Subject, "text", m.Text)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = append(b.mails, Kept{Time: b.clock(), To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML})
	if len(b.mails) > boxSize {
		b.mails = b.mails[len(b.mails)-boxSize:]
	}
	return nil
}

// ServeHTTP answers the remembered mails as JSON, newest first. Whoever can
// read them can take over accounts: only `tollgate up` on a developer's machine
// serves it.
func (b *Box) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	items := make([]Kept, 0, len(b.mails))
	for i := len(b.mails) - 1; i >= 0; i-- {
		items = append(items, b.mails[i])
	}
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(map[string]any{"items": items}); err != nil {
		b.log.Debug("mails were not sent to the asker", "error", err)
	}
}

var _ tenant.Mailer = (*Box)(nil)
