package webui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

// Section is a part of the documentation's navigation.
type Section struct {
	Title string `json:"title"`
	Pages []Page `json:"pages"`
}

// Page is one entry of the navigation.
type Page struct {
	Path  string `json:"path"` // of the Markdown file
	Title string `json:"title"`
}

// URL is where the page is served.
func (p Page) URL() string { return "/docs/" + slug(p.Path) }

// slug is a page's address below /docs/: index pages stand for their folder.
func slug(file string) string {
	s := strings.TrimSuffix(file, ".md")
	if path.Base(s) == "index" {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "index"), "/")
	}
	return s
}

// documentation is every page, rendered.
type documentation struct {
	nav   []Section
	pages map[string]page
}

type page struct {
	title string
	body  template.HTML
}

func (d *documentation) add(slug, title string, body template.HTML) {
	d.pages[slug] = page{title, body}
}

// localLink is a link from one Markdown page to another.
var localLink = regexp.MustCompile(`href="([^":]*)\.md(#[^"]*)?"`)

// renderDocs renders every Markdown page of the navigation. Entries whose page is
// not written are left out, so that no link of the navigation is dead.
func renderDocs(files fs.FS) (*documentation, error) {
	raw, err := fs.ReadFile(files, "nav.json")
	if err != nil {
		return nil, fmt.Errorf("read navigation: %w", err)
	}
	var sections []Section
	if err := json.Unmarshal(raw, &sections); err != nil {
		return nil, fmt.Errorf("decode navigation: %w", err)
	}
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	d := &documentation{pages: map[string]page{}}
	for _, section := range sections {
		kept := Section{Title: section.Title}
		for _, p := range section.Pages {
			ok, err := d.renderPage(md, files, p)
			if err != nil {
				return nil, err
			}
			if ok || p.Path == "api.md" {
				kept.Pages = append(kept.Pages, p)
			}
		}
		if len(kept.Pages) > 0 {
			d.nav = append(d.nav, kept)
		}
	}
	return d, nil
}

func (d *documentation) renderPage(md goldmark.Markdown, files fs.FS, p Page) (ok bool, err error) {
	text, err := fs.ReadFile(files, p.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read documentation: %w", err)
	}
	var b bytes.Buffer
	ids := parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{map[string]int{}})))
	if err := md.Convert(text, &b, ids); err != nil {
		return false, fmt.Errorf("render %s: %w", p.Path, err)
	}
	dir := path.Dir(p.Path)
	html := localLink.ReplaceAllStringFunc(b.String(), func(link string) string {
		m := localLink.FindStringSubmatch(link)
		return `href="/docs/` + slug(path.Join(dir, m[1])+".md") + m[2] + `"`
	})
	d.add(slug(p.Path), p.Title, template.HTML(html)) //nolint:gosec // our own pages; goldmark drops raw HTML
	return true, nil
}

// doc serves a page of the documentation.
func (s *Server) doc(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.PathValue("page"), "/")
	if clean := strings.TrimSuffix(name, ".md"); clean != name {
		http.Redirect(w, r, "/docs/"+slug(name), http.StatusMovedPermanently)
		return
	}
	p, ok := s.docs.pages[name]
	if !ok && name == "" && len(s.docs.nav) > 0 && len(s.docs.nav[0].Pages) > 0 {
		http.Redirect(w, r, s.docs.nav[0].Pages[0].URL(), http.StatusFound)
		return
	}
	if !ok {
		s.missing(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	s.render(w, http.StatusOK, "", view{Title: p.title, Nav: s.docs.nav, Current: "/docs/" + name, Body: p.body}, nil)
}
