// Package apitest tries the management API through real HTTP: a whole portal
// with its worker over a new database (SQLite and PostgreSQL, the server of
// TOLLGATE_TEST_DATABASE_URL) and a Redis of its own. Every answer is held against
// api/openapi.yaml, so that the document can't say one thing and the program do
// another. It holds tests only, and what they share.
package apitest
