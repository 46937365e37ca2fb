// Package query reads and edits a raw query (what stands behind "?", without
// it) piece by piece, for policies that take a parameter out or put one in.
//
// Nothing is decoded and written back: parameters that are not touched keep
// their bytes and their order, since backends may read them in ways of their
// own. Names are compared in decoded form, as a backend will see them. Only "&"
// separates parameters.
//
// It is a helper for policies, not a policy. It allocates nothing.
package query
