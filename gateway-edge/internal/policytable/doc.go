// Command policytable prints every policy and integration of the catalogue with what shows
// that it is whole: its tests, its page, its form, and what a request pays for it
// beside a chain that does nothing, in nanoseconds and allocations:
//
//	make policies
//
// It runs each folder's tests and benchmarks once and fails when a test fails, or a
// policy has no test, no benchmark, no page or no form. It measures; it asserts no
// time.
package main
