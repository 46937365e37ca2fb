package webui

import (
	"bytes"
	"fmt"
	"html/template"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/tollgate/tollgate/portal/internal/authz"
)

// group is one tag of the reference with its operations.
type group struct {
	Name        string
	Description string
	Operations  []operation
}

// operation is one row of the reference.
type operation struct {
	ID, Method, Path, Summary string
	Description               template.HTML
	Permission                string
	Credentials               string
}

// renderReference makes the page of the management API from its document.
func (s *Server) renderReference(ops *authz.Operations) (template.HTML, error) {
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	markdown := func(text string) (template.HTML, error) {
		var b bytes.Buffer
		err := md.Convert([]byte(text), &b)
		return template.HTML(b.String()), err //nolint:gosec // our own document; goldmark drops raw HTML
	}
	intro, err := markdown(ops.Document.Info.Description)
	if err != nil {
		return "", fmt.Errorf("render API description: %w", err)
	}
	var groups []group
	for _, tag := range ops.Document.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, path := range ops.Document.Paths.InMatchingOrder() {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				o := ops.Find(method, path)
				if o == nil || len(o.Spec.Tags) == 0 || o.Spec.Tags[0] != tag.Name {
					continue
				}
				text, err := markdown(o.Spec.Description)
				if err != nil {
					return "", fmt.Errorf("render %s: %w", o.ID, err)
				}
				g.Operations = append(g.Operations, operation{
					ID: o.ID, Method: o.Method, Path: o.Path, Summary: o.Spec.Summary, Description: text,
					Permission: string(o.Permission), Credentials: credentials(o),
				})
			}
		}
		groups = append(groups, g)
	}
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, "reference.html", map[string]any{"Intro": intro, "Groups": groups}); err != nil {
		return "", fmt.Errorf("render API reference: %w", err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // escaped by the template
}

func credentials(o *authz.Operation) string {
	switch {
	case o.Token && o.Session:
		return "token or session"
	case o.Token:
		return "token"
	case o.Session:
		return "session"
	}
	return "none"
}
