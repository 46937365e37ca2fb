package publish

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// ErrDeposed says that another publisher leads now: whatever this one was about
// to write must not be written.
var ErrDeposed = errors.New("another publisher leads")

// Lease is the leader's hold on the publisher's row.
type Lease struct {
	Epoch   uint64 // rises with each leader: the fence
	Rev     uint64 // newest revision that was given out
	Lineage string // "" before the first publication
	Issued  int64  // Unix ms at which the lineage began
	BuiltBy string // what signed and compiled the stored documents
}

// Lineage is a new beginning: documents and revisions of another one mean
// nothing beside it.
type Lineage struct {
	ID      string
	Issued  int64  // Unix ms
	Rev     uint64 // the least newest revision
	Epoch   uint64 // the least epoch
	BuiltBy string
}

// Leadership keeps one leader. Every write takes the epoch and is refused with
// ErrDeposed when it is not the newest.
type Leadership interface {
	// Lead takes the lease for a holder where it is free or over; ok is false
	// while somebody else has it.
	Lead(ctx context.Context, holder string, ttl time.Duration) (l Lease, ok bool, err error)
	Renew(ctx context.Context, epoch uint64, ttl time.Duration) error
	Release(ctx context.Context, epoch uint64) error
	// Begin starts a lineage; what was given a revision but not sent waits again.
	// The epoch that it returns is the leader's from now on.
	Begin(ctx context.Context, epoch uint64, l Lineage) (Lease, error)
}

// Task is everything that waits for one gateway, organization or key.
type Task struct {
	Kind    string // core.PublishGateway …
	Ref     string
	KID     uint64
	Version uint64 // newest that was asked for
	Last    int64  // newest outbox row
	Created int64  // of the oldest row, Unix ms
}

// Item is one notice that is about to be sent.
type Item struct {
	Task
	Rev      uint64 // set by Assign
	Document []byte // signed, of a gateway or organization
	Entry    string // its index entry
}

// Outbox is the queue of what changed. Revisions rise by one from item to item,
// and an item's document is stored in the same transaction.
type Outbox interface {
	// Waiting lists what has no revision yet, oldest first.
	Waiting(ctx context.Context, limit int) ([]Task, error)
	// Assign gives the items the revisions after the newest one, stores their
	// documents and forgets their failures; or ErrDeposed.
	Assign(ctx context.Context, epoch uint64, items []Item) error
	// Unsent lists what has a revision but is not known to be in Redis, in order,
	// each with its document as it is stored now.
	Unsent(ctx context.Context, limit int) ([]Item, error)
	// Sent marks everything up to a revision.
	Sent(ctx context.Context, epoch, rev uint64) error
	// Everything makes every gateway and organization wait, to be compiled anew.
	Everything(ctx context.Context, epoch uint64, builtBy string) error
	// Trim forgets what was sent before a time (Unix ms).
	Trim(ctx context.Context, before int64) error
}

// Failure is why a gateway's newest version is not published.
type Failure struct {
	Ref      string
	Version  uint64
	Reason   string
	Since    int64
	Attempts int
	RetryAt  int64
}

// Document is a signed document as it is stored.
type Document struct {
	Ref     string
	Kind    string // core.PublishGateway or core.PublishOrganization
	Version uint64
	Entry   string
	Bytes   []byte
}

// Documents are the signed documents.
type Documents interface {
	// Entries lists refs and index entries, in the order of refs, without bytes.
	Entries(ctx context.Context, after string, limit int) ([]Document, error)
	// Documents lists whole documents in the order of refs.
	Documents(ctx context.Context, after string, limit int) ([]Document, error)
	// DocumentsOf reads some; missing ones are left out.
	DocumentsOf(ctx context.Context, refs []string) ([]Document, error)
	Fail(ctx context.Context, f Failure) error
	Failures(ctx context.Context) ([]Failure, error)
	// Expire removes gateways deleted before a time, with their documents, and
	// returns their refs.
	Expire(ctx context.Context, epoch uint64, before int64, limit int) ([]string, error)
}

// Sources is what documents and records are made of.
type Sources interface {
	// Sources reads gateways by id, deleted ones too; missing ones are left out.
	Sources(ctx context.Context, ids []string) ([]gateway.Source, error)
	// Records reads keys as edges get them, by kid.
	Records(ctx context.Context, kids []uint64) ([]*contract.KeyRecord, error)
	// ShardRecords reads the keys of the shards from (inclusive) to (exclusive).
	ShardRecords(ctx context.Context, from, to int) ([]*contract.KeyRecord, error)
}

// Store is the publisher's side of the database. It spans all organizations.
type Store interface {
	Leadership
	Outbox
	Documents
	Sources
}

// Organizations tells what edges must know of an organization.
type Organizations interface {
	Document(ctx context.Context, org core.OrganizationID) (contract.Organization, error)
}

// Record is an encoded key record.
type Record struct {
	KID   uint64
	Bytes []byte
}

// Notice is an encoded notice with its revision.
type Notice struct {
	Rev   uint64
	Bytes []byte
}

// Batch is what is sent at once: documents with their index entries and records
// first, then the notices in order.
type Batch struct {
	Documents []Document
	Records   []Record
	Notices   []Notice
}

// Shard is one shard of key records, complete.
type Shard struct {
	Number  int
	Records []Record
}

// Bus is Redis as the publisher writes it. Each write refuses to replace
// something newer.
type Bus interface {
	// Head reads the head, nil when there is none, and the newest revision in the
	// change stream, 0 when it is empty.
	Head(ctx context.Context) (head []byte, top uint64, err error)
	// Mark leaves a mark beside the head that is lost with all that was written
	// before it.
	Mark(ctx context.Context, mark string) error
	// SetHead replaces the head if it still is last; nil is for none, and then the
	// mark has to be there too. If not, it changes nothing and returns what is there.
	SetHead(ctx context.Context, head, last []byte, mark string) (current []byte, ok bool, err error)
	// Send writes a batch; repeating it changes nothing.
	Send(ctx context.Context, b Batch) error
	// Remove deletes documents and their index entries.
	Remove(ctx context.Context, refs []string) error
	// FillDocuments writes documents and index entries without notices.
	FillDocuments(ctx context.Context, docs []Document) error
	// Buckets reads the index buckets from (inclusive) to (exclusive).
	Buckets(ctx context.Context, from, to int) ([]map[string]string, error)
	// FillKeys writes whole shards and marks them as seeded under a lineage.
	FillKeys(ctx context.Context, lineage string, shards []Shard) error
	// Unseeded lists the shards that are not marked with a lineage.
	Unseeded(ctx context.Context, lineage string) ([]int, error)
	// Wipe removes all documents, index entries and records, and then the head.
	Wipe(ctx context.Context) error
	// WipeKeys removes all records with their markers, and then the head.
	WipeKeys(ctx context.Context) error
	Reports
}

// Reports are what the edges say of themselves.
type Reports interface {
	// Reports reads them all; one that is forged or malformed is left out.
	Reports(ctx context.Context) ([]contract.EdgeReport, error)
	// Forget removes reports.
	Forget(ctx context.Context, edges []string) error
}
