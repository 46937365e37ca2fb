// Package pacedlog lets a library that writes lines of its own accord speak
// through slog at a bounded rate: each kind of line at most once in a while, with
// the number of those left out. go-redis tells of each failed dial this way,
// which with a Redis away would be hundreds of lines a second.
package pacedlog
