// Package plan knows the subscription plans that an organization can buy from
// the operator: what they include, what they cost, and which limits they set.
//
// The plans are one embedded file, plans.json, that an operator may replace by
// the file that TOLLGATE_PLANS_FILE names. They are read once, when the process
// starts; a mistake in the file stops the start and names every bad field.
//
// The package opens no store. It says what a plan is; who has which plan is the
// tenant domain's, and what an edge is told is contract.Organization.
package plan
