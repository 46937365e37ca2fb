package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// attrEmail names a member: whoever is invited has no id yet.
const attrEmail = "email"

func memberKind() *kind {
	return &kind{
		name: "member", input: "InvitationInput", output: "Invitation", key: attrEmail, global: true, nameless: true,
		doc: "Somebody of the organization, by address and role. Who is not yet there is invited by mail, and is a member once the invitation " +
			"is accepted; both are the same resource.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			if who, err := findMember(ctx, c, at.key); err == nil && who.member {
				return setRole(ctx, c, who, body)
			}
			return read(c.CreateInvitationWithBody(ctx, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			who, err := findMember(ctx, c, at.key)
			if err != nil {
				return answer{}, err
			}
			if who.member {
				return setRole(ctx, c, who, body)
			}
			// An invitation can't be changed: another takes its place.
			if _, err := read(c.DeleteInvitation(ctx, who.id, nil)); err != nil {
				return answer{}, err
			}
			return read(c.CreateInvitationWithBody(ctx, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			who, err := findMember(ctx, c, at.key)
			return answer{body: who.body}, err
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			who, err := findMember(ctx, c, at.key)
			if err != nil {
				return answer{}, err
			}
			if who.member {
				return read(c.DeleteMember(ctx, who.id, nil))
			}
			return read(c.DeleteInvitation(ctx, who.id, nil))
		},
	}
}

// person is a member, or somebody who is invited.
type person struct {
	id     string
	member bool
	body   shape.Schema
}

func findMember(ctx context.Context, c *client.ClientWithResponses, email string) (person, error) {
	p, err := findPerson(email, func(cursor *string) (*http.Response, error) {
		return c.ListMembers(ctx, &client.ListMembersParams{Cursor: cursor})
	})
	if p.member = p.id != ""; p.member || err != nil {
		return p, err
	}
	p, err = findPerson(email, func(cursor *string) (*http.Response, error) {
		return c.ListInvitations(ctx, &client.ListInvitationsParams{Cursor: cursor})
	})
	if p.id == "" && err == nil {
		err = &client.Error{Problem: client.Problem{Code: codeNotFound, Title: "Nobody has that address", Status: http.StatusNotFound}}
	}
	return p, err
}

func findPerson(email string, list func(cursor *string) (*http.Response, error)) (person, error) {
	var cursor *string
	for {
		got, err := read(list(cursor))
		if err != nil {
			return person{}, err
		}
		items, _ := got.body["items"].([]any)
		for _, i := range items {
			who, _ := i.(shape.Schema)
			address, _ := who[attrEmail].(string)
			if id, ok := who[attrID].(string); ok && strings.EqualFold(address, email) {
				return person{id: id, body: who}, nil
			}
		}
		next, _ := got.body["next_cursor"].(string)
		if next == "" {
			return person{}, nil
		}
		cursor = &next
	}
}

// setRole gives a member the role of a body.
func setRole(ctx context.Context, c *client.ClientWithResponses, who person, body io.Reader) (answer, error) {
	var in struct {
		Role client.Role `json:"role"`
	}
	if err := json.NewDecoder(body).Decode(&in); err != nil {
		return answer{}, err
	}
	raw, err := json.Marshal(client.MemberInput{Role: in.Role})
	if err != nil {
		return answer{}, err
	}
	return read(c.UpdateMemberWithBody(ctx, who.id, nil, mediaJSON, bytes.NewReader(raw)))
}
