// Package mtls is the policy "mtls": who calls is whom the client's certificate
// names.
//
// The listener and the engine have verified the certificate by then: its key in
// the handshake, its chain, revocation and names by the gateway's rules for client
// certificates of the host. The policy reads which name it carries and makes the
// caller of it. A host without such rules has no certificates, so that the policy
// lets nobody in there.
package mtls
