// Package storetest is the one suite that the store passes on every database it
// supports: Each runs a test on a new SQLite file and on a new PostgreSQL
// database, migrated, and dropped at the end. PostgreSQL is the server of
// TOLLGATE_TEST_DATABASE_URL; without it the tests fail.
//
// A domain's part tries its stores through the domain's own interface, and
// WrongOrganization tries each method once more with an organization that the
// rows do not belong to.
package storetest
