// Package migrations holds the database's schema as numbered SQL files, one set
// a dialect, and runs them: Up, Down and Status over goose's Provider.
//
// A migration only expands (new tables, columns with a default, indexes); what
// nothing reads any more is dropped one release later, so that programs of the
// release before keep working while and after it runs. Each file is one
// transaction. On PostgreSQL a session lock keeps two runners apart; SQLite has
// one process only.
//
// ParseURL is also how every other package turns TOLLGATE_DATABASE_URL into a
// driver and its connection string, so that all of them open the same file with
// the same pragmas.
package migrations
