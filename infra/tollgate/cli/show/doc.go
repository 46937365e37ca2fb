// Package show is what the command line prints: tables for people, JSON and YAML
// for programs, and failures with their fields and what to do next.
//
// Text of the API's is printed without control characters: a name must not move a
// terminal's cursor. Colours appear only on a terminal, and never with NO_COLOR.
package show
