// Package developer is the domain of developer portals: the pages on which the
// people who call a gateway sign up, choose a usage plan and look after their own
// keys.
//
// A portal belongs to one gateway and is found by that gateway's host label. Its
// developers are accounts of that portal alone: the same address at two portals
// is two accounts, and neither is a user of Tollgate. A developer with a usage
// plan is a consumer of the gateway; consumer, plan and developer change in one
// transaction. A plan is free (chosen and had) or needs the owner's approval.
//
// What a stranger can ask for answers the same whether an address is known: where
// mail is set up, signing up, asking again and forgetting a password only queue a
// task, and what it becomes is decided when it is sent (mail.go).
//
// The package knows neither rows nor HTTP and imports no other domain: keys,
// passwords, mails and documents are asked for through small interfaces.
package developer
