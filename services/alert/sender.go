package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/outbound"
)

// Timing of notices.
const (
	sendEvery   = time.Second
	sendClaim   = 2 * time.Minute // longer than a batch takes
	sendBatch   = 8
	sendTimeout = 10 * time.Second
	sendTries   = 12 // about 4 hours
	firstPause  = 10 * time.Second
	longestStep = time.Hour
)

// Sender sends the notices of all organizations. Several may run.
type Sender struct {
	Service *Service
	Letters Letters
	Logger  *slog.Logger
	client  *http.Client
}

// NewSender makes a Sender. Addresses are checked when they are dialled: a name
// that leads somewhere else by then is refused. Redirects are not followed and no
// proxy is used.
func NewSender(s *Service, letters Letters, log *slog.Logger) *Sender {
	return &Sender{Service: s, Letters: letters, Logger: log, client: outbound.Client(s.guard, sendTimeout)}
}

// Run sends what is due until ctx ends.
func (n *Sender) Run(ctx context.Context) error {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	defer n.client.CloseIdleConnections()
	failing := false
	for {
		err := n.Send(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			n.Logger.Warn("notices of alerts can't be sent now", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Send sends what is due now, once.
func (n *Sender) Send(ctx context.Context) error {
	for {
		now := n.Service.clock()
		due, err := n.Service.store.ClaimNotices(ctx, now, now.Add(sendClaim), sendBatch)
		if err != nil {
			return err
		}
		for i := range due {
			if err := n.one(ctx, &due[i]); err != nil {
				return err
			}
		}
		if len(due) < sendBatch {
			return nil
		}
	}
}

// one sends a notice and writes what came of it.
func (n *Sender) one(ctx context.Context, d *Notice) error {
	var letter *Letter
	var err error
	if d.Channel == ChannelMail {
		letter, err = n.Letters.Letter(d.Target, formOf(&d.Delivery))
	} else {
		d.StatusCode, err = n.post(ctx, d)
	}
	if ctx.Err() != nil {
		return ctx.Err() // nobody knows: it is sent again under the same id
	}
	now := n.Service.clock()
	d.Attempts++
	switch {
	case err == nil:
		d.State, d.SentAt, d.Error, d.NextAt = DeliverySent, now, "", time.Time{}
	case d.Attempts >= sendTries:
		d.State, d.Error, d.NextAt = DeliveryFailed, fmt.Sprintf("%.300v", err), time.Time{}
	default:
		d.Error, d.NextAt = fmt.Sprintf("%.300v", err), now.Add(pause(d.Attempts))
	}
	return n.Service.store.Settle(ctx, &d.Delivery, letter)
}

// pause is how long the next try waits.
func pause(attempts int) time.Duration {
	return min(longestStep, firstPause<<min(attempts-1, 12))
}

// post sends a webhook; any status of 2xx takes it.
func (n *Sender) post(ctx context.Context, d *Notice) (status int, err error) {
	secret, err := contract.Open(n.Service.key, d.Alert, d.Secret)
	if err != nil {
		return 0, fmt.Errorf("open signing secret: %w", err)
	}
	// The configuration of addresses may have become stricter since.
	if err := n.Service.guard.CheckWebhook(d.Target); err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Target, bytes.NewReader(d.Body))
	if err != nil {
		return 0, errors.New("the URL can't be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Tollgate-Webhook/1")
	req.Header.Set(DeliveryHeader, d.ID)
	req.Header.Set(SignatureHeader, Sign(secret, n.Service.clock(), d.Body))
	resp, err := n.client.Do(req)
	if err != nil {
		return 0, outbound.Reason(err)
	}
	defer resp.Body.Close()
	// Read what is short, so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode, fmt.Errorf("the receiver answered %d", resp.StatusCode)
	}
	return resp.StatusCode, nil
}
