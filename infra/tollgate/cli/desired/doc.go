// Package desired is what people keep in Git: one document or several, in one file or
// a folder, that say what gateways are to be. Documents of the same gateway are put
// together; every part remembers the file and the line that it came from, so that what
// the API finds wrong is told there.
package desired
