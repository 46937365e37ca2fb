package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// publish sends what waits: keys first, since a revocation must not stand behind
// somebody's large document, then as many documents as can be compiled in a
// short time. Busy says that more is waiting.
func (l *leader) publish(ctx context.Context) (busy bool, err error) {
	tasks, err := l.o.Store.Waiting(ctx, taskLimit)
	if err != nil || len(tasks) == 0 {
		return false, err
	}
	var keys []Item
	var documents []Task
	for _, t := range tasks {
		if t.Kind == core.PublishKey {
			keys = append(keys, Item{Task: t})
		} else if l.due(&t) {
			documents = append(documents, t)
		}
	}
	if len(keys) > 0 {
		if err := l.hand(ctx, keys); err != nil {
			return false, err
		}
	}
	if len(documents) == 0 {
		return len(tasks) == taskLimit && len(keys) > 0, nil
	}
	items, rest, err := l.compile(ctx, documents)
	if err != nil || len(items) == 0 {
		return rest, err
	}
	return rest, l.hand(ctx, items)
}

// due says whether a document may be sent now: not while its last failure is
// too recent, and at most ten times a second.
func (l *leader) due(t *Task) bool {
	now := l.o.Clock()
	if f, ok := l.failed[t.Ref]; ok && f.Version >= t.Version && now.UnixMilli() < f.RetryAt {
		return false
	}
	return now.Sub(l.sent[t.Ref]) >= gatewayEvery
}

// hand gives items their revisions and sends them.
func (l *leader) hand(ctx context.Context, items []Item) error {
	// Whatever happens from here on, what has a revision must be looked for.
	l.unsent = true
	if err := l.o.Store.Assign(ctx, l.lease.Epoch, items); err != nil {
		return err
	}
	l.lease.Rev = max(l.lease.Rev, items[len(items)-1].Rev)
	failpoint.Hit(failpoint.OutboxAssignedBeforePublish)
	return l.send(ctx, items)
}

// resend sends what an earlier term, or an earlier try, may not have sent.
func (l *leader) resend(ctx context.Context) error {
	for {
		items, err := l.o.Store.Unsent(ctx, taskLimit)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			l.unsent = false
			return nil
		}
		if err := l.send(ctx, items); err != nil || !l.inStep {
			return err // somebody else wrote the head: compare, and send again
		}
	}
}

// send writes items, which have revisions, in order: documents and records, then
// notices, then the head. Doing it twice changes nothing.
func (l *leader) send(ctx context.Context, items []Item) error {
	b, err := l.batch(ctx, items)
	if err != nil {
		return err
	}
	if err := l.o.Bus.Send(ctx, b); err != nil {
		return err
	}
	last := items[len(items)-1].Rev
	l.lease.Rev = max(l.lease.Rev, last)
	now := l.o.Clock()
	for i := range items {
		if it := &items[i]; it.Kind != core.PublishKey {
			l.index.set(it.Ref, it.Entry)
			l.sent[it.Ref] = now
			delete(l.failed, it.Ref)
		}
	}
	l.stats.published.Add(uint64(len(items)))
	if err := l.writeHead(ctx); err != nil {
		return err
	}
	if !l.inStep {
		return nil // the head was not ours: compare first, then send again
	}
	failpoint.Hit(failpoint.OutboxPublishBeforeMark)
	if err := l.o.Store.Sent(ctx, l.lease.Epoch, last); err != nil {
		return err
	}
	l.unsent = false
	return nil
}

func (l *leader) batch(ctx context.Context, items []Item) (b Batch, err error) {
	var kids []uint64
	for i := range items {
		if items[i].Kind == core.PublishKey {
			kids = append(kids, items[i].KID)
		}
	}
	records := map[uint64]*contract.KeyRecord{}
	if len(kids) > 0 {
		list, err := l.o.Store.Records(ctx, kids)
		if err != nil {
			return b, err
		}
		for _, r := range list {
			records[r.KID] = r
		}
	}
	for i := range items {
		n, err := l.notice(&b, &items[i], records)
		if err != nil {
			return b, err
		}
		enc, err := n.Encode()
		if err != nil {
			return b, fmt.Errorf("encode notice: %w", err)
		}
		b.Notices = append(b.Notices, Notice{Rev: items[i].Rev, Bytes: enc})
	}
	return b, nil
}

// notice makes an item's notice and adds what it announces to the batch.
func (l *leader) notice(b *Batch, it *Item, records map[uint64]*contract.KeyRecord) (*contract.Notice, error) {
	if it.Kind != core.PublishKey {
		b.Documents = append(b.Documents, Document{Ref: it.Ref, Kind: it.Kind, Version: it.Version, Entry: it.Entry, Bytes: it.Document})
		if it.Kind == core.PublishOrganization {
			return &contract.Notice{Kind: contract.NoticeOrganization, Organization: it.Ref, Version: it.Version}, nil
		}
		return &contract.Notice{Kind: contract.NoticeGateway, Gateway: it.Ref, Version: it.Version}, nil
	}
	r := records[it.KID]
	if r == nil { // its row is gone with all else of its gateway
		r = &contract.KeyRecord{KID: it.KID, Version: it.Version, State: contract.KeyDeleted}
	}
	enc, err := r.Encode(&l.o.Keys.Edge)
	if err != nil {
		return nil, fmt.Errorf("encode key %s: %w", contract.FormatKID(it.KID), err)
	}
	b.Records = append(b.Records, Record{KID: it.KID, Bytes: enc})
	return &contract.Notice{Kind: contract.NoticeKey, Version: r.Version, Record: enc}, nil
}

// compileBatch is how many gateways are read from the database at once, and
// compileBytes how many signed bytes are sent at once.
const (
	compileBatch = 50
	compileBytes = 8 << 20
)

// compile makes documents until its time is over, but always one: reading a
// large gateway alone may take longer. One that fails is noted and left out.
func (l *leader) compile(ctx context.Context, tasks []Task) (items []Item, rest bool, err error) {
	began := time.Now()
	size, tried := 0, 0
	for len(tasks) > 0 {
		n := min(compileBatch, len(tasks))
		sources, err := l.sources(ctx, tasks[:n])
		if err != nil {
			return nil, false, err
		}
		for i := range tasks[:n] {
			if tried > 0 && (time.Since(began) > compileFor || size > compileBytes) {
				return items, true, nil
			}
			tried++
			it, err := l.document(ctx, tasks[i], sources[tasks[i].Ref])
			if err != nil {
				if err := l.fail(ctx, &tasks[i], err); err != nil {
					return nil, false, err
				}
				continue
			}
			size += len(it.Document)
			items = append(items, *it)
		}
		tasks = tasks[n:]
	}
	return items, false, nil
}

func (l *leader) sources(ctx context.Context, tasks []Task) (map[string]*gateway.Source, error) {
	var ids []string
	for i := range tasks {
		if tasks[i].Kind == core.PublishGateway {
			ids = append(ids, tasks[i].Ref)
		}
	}
	out := map[string]*gateway.Source{}
	if len(ids) == 0 {
		return out, nil
	}
	list, err := l.o.Store.Sources(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range list {
		out[list[i].Gateway.ID] = &list[i]
	}
	return out, nil
}

// refused is a reason that the user can do something about.
type refused struct{ reason string }

func (e *refused) Error() string { return e.reason }

// document makes and signs one task's document. A panic fails that document
// only.
func (l *leader) document(ctx context.Context, t Task, src *gateway.Source) (it *Item, err error) {
	defer func() {
		if p := recover(); p != nil {
			it, err = nil, fmt.Errorf("the configuration could not be compiled: %v", p)
		}
	}()
	var kind byte
	var doc any
	if t.Kind == core.PublishOrganization {
		kind = contract.KindOrganization
		o, err := l.organization(ctx, &t)
		if err != nil {
			return nil, err
		}
		t.Version, doc = o.Version, o
	} else {
		kind = contract.KindGateway
		g, err := l.gateway(&t, src)
		if err != nil {
			return nil, err
		}
		if missing := lacks(l.edges, g, l.o.Clock()); missing != "" {
			return nil, &refused{missing}
		}
		t.Version, doc = g.Version, g
	}
	signed, err := contract.SignDocument(l.o.Keys.Signer, kind, t.Version, doc)
	if err != nil {
		return nil, err
	}
	return &Item{Task: t, Document: signed, Entry: contract.IndexEntry(t.Version, contract.DocumentDigest(signed))}, nil
}

func (l *leader) gateway(t *Task, src *gateway.Source) (*contract.Gateway, error) {
	if src == nil { // all of it is gone: the tombstone needs no more than its id
		return &contract.Gateway{Schema: contract.DocumentSchema, ID: t.Ref, Version: t.Version, Deleted: true}, nil
	}
	return gateway.Compile(src, l.o.EdgeDomain)
}

func (l *leader) organization(ctx context.Context, t *Task) (*contract.Organization, error) {
	o, err := l.o.Organizations.Document(ctx, core.OrganizationID(t.Ref))
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return &contract.Organization{Schema: contract.DocumentSchema, ID: t.Ref, Version: t.Version, Deleted: true}, nil
	}
	if err != nil {
		return nil, err
	}
	o.Schema = contract.DocumentSchema
	return &o, nil
}

// lacks says what a live edge could not run of a document, "" for nothing: the
// capability gate.
func lacks(edges []contract.EdgeReport, doc *contract.Gateway, now time.Time) string {
	if doc.Deleted {
		return ""
	}
	needs := Policies(doc)
	for i := range edges {
		e := &edges[i]
		if !reachable(e, now) {
			continue
		}
		if e.Schema < doc.Schema {
			return fmt.Sprintf("edge %s (version %s) reads documents up to schema %d, this one is schema %d: update the edge", e.ID, e.Version, e.Schema, doc.Schema)
		}
		knows := map[string]bool{}
		for _, p := range e.Policies {
			knows[p] = true
		}
		var missing []string
		for _, p := range needs {
			if !knows[p] {
				missing = append(missing, p)
			}
		}
		if len(missing) > 0 {
			return fmt.Sprintf("edge %s (version %s) does not know the policies %s: update the edge, or take them out", e.ID, e.Version, strings.Join(missing, ", "))
		}
	}
	return ""
}

// maxRetry bounds the time between two tries of what fails.
const maxRetry = time.Minute

// fail notes why a document is held back. It is only the store's own fault that
// ends the pass.
func (l *leader) fail(ctx context.Context, t *Task, cause error) error {
	if code := core.CodeOf(cause); code == core.CodeStoreUnavailable || errors.Is(cause, context.Canceled) {
		return cause
	}
	now := l.o.Clock()
	f := l.failed[t.Ref]
	if f.Version != t.Version || f.Since == 0 {
		f = Failure{Ref: t.Ref, Version: t.Version, Since: now.UnixMilli()}
	}
	f.Attempts++
	f.Reason = "the configuration could not be compiled; its last good version stays in force"
	var r *refused
	if errors.As(cause, &r) {
		f.Reason = r.reason
	} else {
		l.o.Logger.Error("a document can't be compiled", "kind", t.Kind, "ref", t.Ref, "version", t.Version, "error", cause)
	}
	f.RetryAt = now.Add(min(maxRetry, time.Second<<min(f.Attempts-1, 6))).UnixMilli()
	l.failed[t.Ref] = f
	return l.o.Store.Fail(ctx, f)
}
