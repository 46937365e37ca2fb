// Package policy is all that a policy sees of a request: the SDK that every
// policy of the edge is written against.
//
// A policy is a value made once, when a gateway's configuration is compiled
// (Descriptor.New), and run for every request of its routes: OnRequest on the
// way in, OnResponse on the way out in reverse order, OnDone when all is over.
// None of these may block: they are given nothing that could. A policy that must
// wait for this one request says x.Wait() and goes on in Await, which is given
// the right to block.
//
// What a policy reads of a message is a Text over the connection's own buffer.
// It is valid until the exchange's last OnDone returned and becomes a string
// only by Clone, so that nothing is kept by accident. Edits of headers copy into
// memory of the exchange and never move a Text that was handed out.
//
// The package imports the standard library and services/contract, and neither
// net nor net/http: the three engines of the edge fill the same Exchange.
// Everything whose name begins with Engine is for engines and the test kit only;
// an import test keeps policies from it.
package policy
