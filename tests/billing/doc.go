// Package billing tests the money as a whole: the control plane's services, and
// where it matters its built binaries, on PostgreSQL, against tests/stripefake. The
// rows S, STR and QTA of the reliability tables are tests of their names; `make
// billing` runs all of them, `make test` those that are short.
package billing
