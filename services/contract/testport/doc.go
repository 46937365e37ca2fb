// Package testport gives tests the ports that the programs they start listen at. A
// listener of port 0 that is closed again does not do: the next connection or listener
// of anybody may get the same port before the program binds it.
//
// It must be imported by tests and what they are made of only, never by a program that
// is shipped.
package testport
