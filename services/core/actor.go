package core

import "context"

// Kinds of actors.
const (
	ActorUser   = "user"
	ActorToken  = "token"
	ActorSystem = "system"
	// ActorDeveloper is an account of a developer portal.
	ActorDeveloper = "developer"
	// ActorOperator is a user who acts by the operator's console. What such an
	// actor changes is recorded in the audit of operators, too.
	ActorOperator = "operator"
)

// Actor is who makes a change, and from where. It travels in the context from
// the handler that authenticated it to the audit line.
type Actor struct {
	Kind      string // ActorUser, ActorToken, ActorDeveloper, ActorOperator or ActorSystem
	ID        string // of the user, token or developer
	Name      string // shown beside the change; kept even when the user is gone
	Client    string // IP address, empty for the system
	RequestID string
	// Idempotency is the scoped Idempotency-Key of the request, empty for none.
	// The first audit line of the change carries it, so that a retry after a
	// crash between commit and answer finds what was made.
	Idempotency string
	// Reason is why an operator does it; both audits keep it.
	Reason string
}

// System is the actor of what nobody asked for: expiry, periods, repairs.
func System(name string) Actor { return Actor{Kind: ActorSystem, Name: name} }

type actorKey struct{}

// WithActor returns a context that carries a.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// WithReason returns a context whose actor says why.
func WithReason(ctx context.Context, reason string) context.Context {
	a := ActorFrom(ctx)
	a.Reason = reason
	return WithActor(ctx, a)
}

// ActorFrom returns the context's actor; without one it is the system.
func ActorFrom(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return System("tollgate")
}
