// Package core holds the few words that every domain of the control plane
// shares: whose data it is (OrganizationID), who acts (Actor), what a change
// leaves behind (Change, Publish), how lists are paged (Page, List), the one
// Error type with its codes, identities, entity tags and the clock.
//
// It opens nothing, keeps no state and knows no domain. Everything in it is a
// value; the only source of change is the clock and the random generator that
// NewID reads.
package core
