// Package lastcall closes a listening socket without losing a connection that is
// on its way. Closing resets what the kernel has established and nobody has
// accepted yet. So first the socket stops taking new connections, while those
// under way are completed and accepted; a client that comes meanwhile hears
// nothing, asks again after a second and is refused, as it should be.
package lastcall
