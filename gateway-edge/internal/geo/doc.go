// Package geo tells in which country an address is, from a database file in the
// MaxMind DB format (GeoLite2 Country, DB-IP Lite and others) that the operator
// keeps up to date.
//
// The file is read into memory whole: whoever replaces it under us can't make a
// look fail. It is looked at once a minute and read again when it changed; one that
// can't be read leaves the last good one in place and is logged once. A look takes
// no lock and does not allocate once a country has been seen.
package geo
