// Package store keeps the control plane's data in PostgreSQL or SQLite. It is
// the only package that knows GORM: private row structs, mapped by hand to the
// domains' types, over a schema that the migrations module owns (nothing is
// migrated here).
//
// DB is the base: View for reads, Tx for changes. Both bound the time that a
// call may take, turn the driver's errors into core errors, and Tx runs its
// closure again when the database could not serialize it, so a closure must be
// repeatable. Txn.Record writes a change's audit line and outbox rows in the
// transaction of its rows; nothing else may write those two tables.
//
// Each domain has a small type of its own here (Gateways, Keys, Publisher, …)
// that implements the Store interface the domain declares. Every query of a
// tenant's data is bound to the organization that stands right after the
// context; storetest tries each method with the wrong one.
package store
