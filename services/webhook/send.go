package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/outbound"
)

const (
	// sendTimeout bounds one try, the answer's body included.
	sendTimeout = 15 * time.Second
	maxAnswer   = 16 << 10 // bytes of an answer that are read
	keptAnswer  = 1 << 10  // and of those that are kept to be shown
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
	// failingFor is after how long without any success a webhook is switched off, if
	// it was tried all the time: quiet without a try begins that time anew. No pause
	// between tries is as long.
	failingFor = 5 * 24 * time.Hour
	quiet      = 2 * 24 * time.Hour
)

// pauses are the times between tries; after the last one there is one more try.
var pauses = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// MaxTries is how often a delivery is sent at most before it has failed.
var MaxTries = len(pauses) + 1

// nextTry is when a delivery is sent again after some tries; zero: never. The pause
// is a tenth longer or shorter at random, so that what failed together does not come
// again together, and never shorter than what the receiver asked for.
func nextTry(attempts int, asked time.Duration, now time.Time) time.Time {
	if attempts > len(pauses) {
		return time.Time{}
	}
	pause := pauses[attempts-1]
	pause += time.Duration((rand.Float64() - 0.5) / 5 * float64(pause))
	return now.Add(max(pause, min(asked, maxRetryAfter)))
}

// outcome is what came of one try.
type outcome struct {
	status int // 0: there was no answer
	answer string
	took   time.Duration
	asked  time.Duration // Retry-After
	err    error         // nil: the receiver took it
}

// gone reports whether the receiver wants nothing any more.
func (o *outcome) gone() bool { return o.status == http.StatusGone }

// post sends a message once. What it says of errors is for the tenant: never an
// address of ours.
func (s *Service) post(ctx context.Context, w *Webhook, id string, body []byte) (o outcome) {
	began := time.Now()
	defer func() { o.took = time.Since(began) }()
	// The configuration of addresses may have become stricter since.
	if o.err = s.guard.CheckWebhook(w.Spec.URL); o.err != nil {
		return o
	}
	at := s.clock()
	signature, err := s.signatures(w, id, at, body)
	if err != nil {
		o.err = errors.New("the message can't be signed")
		return o
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Spec.URL, bytes.NewReader(body))
	if err != nil {
		o.err = errors.New("the URL can't be used")
		return o
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Tollgate-Webhook/1"},
		HeaderID: {id}, HeaderTimestamp: {strconv.FormatInt(at.Unix(), 10)}, HeaderSignature: {signature},
		// Not sent: lets net/http take a new connection where a kept one was closed
		// meanwhile. A message may come twice anyway.
		"Idempotency-Key": {},
	}
	resp, err := s.client.Do(req)
	if err != nil {
		o.err = outbound.Reason(err)
		return o
	}
	defer resp.Body.Close()
	o.status, o.asked = resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), at)
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	o.answer = strings.ToValidUTF8(string(answer[:min(len(answer), keptAnswer)]), "\uFFFD")
	switch {
	case o.status >= 200 && o.status <= 299 && err != nil:
		o.err = fmt.Errorf("the receiver answered %d and broke off", o.status)
	case o.status >= 200 && o.status <= 299:
	case o.status >= 300 && o.status <= 399:
		o.err = fmt.Errorf("the receiver answered %d: redirects are not followed, so give the URL that it leads to", o.status)
	default:
		o.err = fmt.Errorf("the receiver answered %d", o.status)
	}
	return o
}

// retryAfter reads the header field (RFC 9110, 10.2.3); 0: not said.
func retryAfter(field string, now time.Time) time.Duration {
	if field == "" {
		return 0
	}
	if n, err := strconv.ParseUint(field, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// try sends a delivery and writes what came of it.
func (s *Service) try(ctx context.Context, w *Webhook, d *Delivery) error {
	o := s.post(ctx, w, d.ID, d.Body)
	if ctx.Err() != nil {
		return ctx.Err() // nobody knows: it is sent again under the same id
	}
	failpoint.Hit(failpoint.HookAfterPostBeforeStore)
	return s.settle(ctx, w, d, &o)
}

// settle writes what came of a try, of the delivery and of the webhook.
func (s *Service) settle(ctx context.Context, w *Webhook, d *Delivery, o *outcome) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		now, done := s.clock(), *d
		done.record(o, now)
		locked, err := tx.Lock(w.Organization, w.ID)
		if core.CodeOf(err) == core.CodeNotFound && err != nil {
			return nil // deleted meanwhile, and its deliveries with it
		}
		if err != nil {
			return err
		}
		ok, err := tx.SaveDelivery(w.Organization, &done, DeliveryWaiting, d.Attempts)
		if err != nil {
			return err
		}
		// Another worker, somebody who retried it, or switching it off was faster.
		if !ok || locked.Spec.URL != w.Spec.URL {
			return nil
		}
		why := locked.State.note(o, now)
		if err := tx.SaveState(w.Organization, locked); err != nil {
			return err
		}
		if why == "" || !locked.Spec.On() {
			return nil
		}
		return s.disable(core.WithActor(ctx, core.System("worker")), tx, locked, why)
	})
}

// record writes a try into a delivery.
func (d *Delivery) record(o *outcome, now time.Time) {
	d.Attempts++
	d.StatusCode, d.Answer, d.Took, d.LastAt, d.NextAt, d.Error = o.status, o.answer, o.took, now, time.Time{}, ""
	if o.err == nil {
		d.State = DeliverySent
		return
	}
	d.Error = fmt.Sprintf("%.300v", o.err)
	if d.NextAt = nextTry(d.Attempts, o.asked, now); d.NextAt.IsZero() {
		d.State = DeliveryFailed
	}
}

// note writes a try into a webhook's state. It says why the webhook is to be
// switched off; empty: it is not.
func (st *State) note(o *outcome, now time.Time) (why string) {
	if o.err == nil {
		st.LastSuccess, st.Failures, st.FailingSince = now, 0, time.Time{}
		st.Delivered++
		return ""
	}
	if st.FailingSince.IsZero() || now.Sub(st.LastFailure) > quiet {
		st.FailingSince = now
	}
	st.LastFailure, st.Error, st.StatusCode = now, fmt.Sprintf("%.300v", o.err), o.status
	st.Failures++
	switch {
	case o.gone():
		return "the receiver answered 410: it wants no more"
	case now.Sub(st.FailingSince) >= failingFor:
		return fmt.Sprintf("nothing was taken for 5 days; the last try: %s", st.Error)
	}
	return ""
}

// disable switches a webhook off by itself and tells the owners.
func (s *Service) disable(ctx context.Context, tx Tx, w *Webhook, why string) error {
	w.Spec.Enabled, w.DisabledReason, w.DisabledAt = new(false), why, s.clock()
	if err := tx.Put(w.Organization, w); err != nil {
		return err
	}
	if err := tx.CancelWaiting(w.Organization, w.ID, "the webhook was switched off: "+why); err != nil {
		return err
	}
	owners, err := tx.Owners(w.Organization)
	if err != nil {
		return err
	}
	for _, to := range owners {
		id, sealed, err := s.letters.Letter(to, s.letter(w))
		if err != nil {
			return err
		}
		if err := tx.AddLetter(&Letter{ID: id, Sealed: sealed}); err != nil {
			return err
		}
	}
	c := change("webhook.disable", w)
	c.Detail = map[string]any{"reason": why}
	return tx.Record(ctx, w.Organization, c)
}

// Tested is what came of a test.
type Tested struct {
	Delivery
	OK bool
}

// Test sends webhook.test now, to a webhook that is switched off too, and keeps it
// among the deliveries. It is tried once.
func (s *Service) Test(ctx context.Context, org core.OrganizationID, gateway, name string) (*Tested, error) {
	w, err := s.Get(ctx, org, gateway, name)
	if err != nil {
		return nil, err
	}
	now, actor := s.clock(), core.ActorFrom(ctx)
	e := event.Event{Type: event.WebhookTest}
	d := Delivery{Webhook: w.ID, ID: core.NewID(PrefixEvent), Organization: org, Type: e.Type, State: DeliveryFailed, CreatedAt: now}
	if d.Body, err = e.Encode(d.ID, now, event.Ref{ID: w.Gateway, Name: w.GatewayName}, event.Actor{Kind: actor.Kind, Name: actor.Name}); err != nil {
		return nil, err
	}
	o := s.post(ctx, w, d.ID, d.Body)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	d.record(&o, s.clock())
	d.NextAt = time.Time{}
	err = s.edit(ctx, org, gateway, name, func(tx Tx, w *Webhook) error {
		if err := tx.AddDelivery(org, &d); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("webhook.test", w))
	})
	return &Tested{Delivery: d, OK: o.err == nil}, err
}
