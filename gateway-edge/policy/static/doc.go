// Package static is the integration static: a route's answers are documents that
// stand in the configuration. They are compiled once, with their entity tags;
// answering one allocates nothing. Nothing is sent on and nothing is billed.
package static
