// Package combine puts small writes of a connection into one: HTTP/2 writes a
// frame here and two there for each of many streams, and each would be a system
// call, and over TLS a record. What is written is handed to the socket once those
// goroutines that are ready have run, so that a lone frame goes at once and many
// go together.
//
// It must not hold anything back for a time, and must not lose what it took:
// Close writes it first.
package combine
