// Package iprange compiles lists of addresses and networks, as policies hold them,
// into sorted ranges: a look costs one binary search and allocates nothing. It
// resolves no names.
package iprange
