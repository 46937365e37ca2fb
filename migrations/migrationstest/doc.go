// Package migrationstest gives each test a database of its own with all migrations in
// it, as a copy of one that was migrated once: hundreds of tests of a package migrate
// one database each otherwise, which took most of their time.
//
// It must be imported by tests and what they are made of only. Tests of migrations
// themselves begin with an empty database and do not use it.
package migrationstest
