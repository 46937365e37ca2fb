package operator

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Note is what an operator wrote down on an organization, for operators.
type Note struct {
	ID        string
	AuthorID  string // user id
	Author    string // address
	Text      string
	CreatedAt time.Time
}

// Notes returns a page of notes on an organization, newest first.
func (s *Service) Notes(ctx context.Context, org core.OrganizationID, page core.Page) (core.List[Note], error) {
	return list(page, func(n Note) string { return n.ID }, func(before string, limit int) ([]Note, error) {
		return s.store.Notes(ctx, org, before, limit)
	})
}

// AddNote writes a note of the context's actor. Only the operators' audit says so:
// what operators write to one another is not the organization's.
func (s *Service) AddNote(ctx context.Context, org core.OrganizationID, text string) (Note, error) {
	if err := checkText("/text", text, MaxNote); err != nil {
		return Note{}, err
	}
	actor := core.ActorFrom(ctx)
	n := Note{ID: core.NewID("note"), AuthorID: actor.ID, Author: actor.Name, Text: text, CreatedAt: s.clock()}
	return n, s.store.Tx(ctx, func(tx Tx) error {
		name, err := tx.Live(ctx, org)
		if err != nil {
			return err
		}
		if err := tx.InsertNote(ctx, org, &n); err != nil {
			return err
		}
		return tx.Record(ctx, "", ofOrganization("note.create", org, name, map[string]any{"note": n.ID}))
	})
}

// DeleteNote deletes a note on an organization.
func (s *Service) DeleteNote(ctx context.Context, org core.OrganizationID, id string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.DeleteNote(ctx, org, id); err != nil {
			return err
		}
		return tx.Record(ctx, "", ofOrganization("note.delete", org, "", map[string]any{"note": id}))
	})
}

// ofOrganization is a line of the operators' audit alone about an organization.
func ofOrganization(action string, org core.OrganizationID, name string, detail any) core.Change {
	return core.Change{Action: action, ResourceType: "organization", ResourceID: string(org), ResourceName: name, Detail: detail}
}
