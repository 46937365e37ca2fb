package webui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/tollgate/tollgate/portal/api"
	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

//go:embed templates/*.html assets/*
var files embed.FS

// Config is what New needs.
type Config struct {
	Tenants    *tenant.Service
	Operations *authz.Operations
	Logger     *slog.Logger
	// Docs holds nav.json and the Markdown pages.
	Docs fs.FS
	// Web holds the built web portal; see portal/web.
	Web fs.FS
	// Actor says who sends a request, for throttles and the audit log.
	Actor func(*http.Request) core.Actor
}

// Server serves the pages.
type Server struct {
	tenants *tenant.Service
	log     *slog.Logger
	actor   func(*http.Request) core.Actor
	pages   *template.Template
	docs    *documentation
	web     *spa
	mux     *http.ServeMux
}

// New makes the server, renders the documentation once and reads the web build.
func New(cfg Config) (*Server, error) {
	pages, err := template.ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse page templates: %w", err)
	}
	s := &Server{tenants: cfg.Tenants, log: cfg.Logger, actor: cfg.Actor, pages: pages, mux: http.NewServeMux()}
	if s.docs, err = renderDocs(cfg.Docs); err != nil {
		return nil, err
	}
	reference, err := s.renderReference(cfg.Operations)
	if err != nil {
		return nil, err
	}
	s.docs.add("api", "Management API", reference)
	if s.web, err = loadWeb(cfg.Web); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

// routes says what is where.
func (s *Server) routes() {
	s.mux.HandleFunc("GET /docs/{page...}", s.doc)
	s.mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
	s.mux.HandleFunc("GET /static/{file}", s.static)
	s.mux.HandleFunc("GET /openapi.yaml", s.openapi)
	s.mux.HandleFunc("GET /assets/{file}", s.webFile("", "public, max-age=31536000, immutable"))
	for _, name := range []string{"scheme.js", "icon.svg"} {
		s.mux.HandleFunc("GET /"+name, s.webFile(name, "public, max-age=3600"))
	}
	portal := s.page(s.web.portal)
	s.mux.HandleFunc("GET /{$}", portal)
	for _, name := range pages {
		if f := forms["/"+name]; f != nil {
			s.mux.HandleFunc("POST "+f.Path, s.takeForm(f))
			if s.web.portal == nil { // the plain form does without the web portal
				s.mux.HandleFunc("GET "+f.Path, s.showForm(f))
				continue
			}
		}
		s.mux.HandleFunc("GET /"+name, portal)
		s.mux.HandleFunc("GET /"+name+"/{rest...}", portal)
	}
	developer := s.page(s.web.developer)
	s.mux.HandleFunc("GET /p/{label}", developer)
	s.mux.HandleFunc("GET /p/{label}/{rest...}", developer)
	s.mux.HandleFunc("/", s.missing)
}

// ServeHTTP answers one request for a page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// view is what the layout shows.
type view struct {
	Title   string
	Nav     []Section
	Current string        // path of the page in the documentation
	Body    template.HTML // made by us: rendered Markdown or a template's output
}

// render writes a page: a template inside the layout.
func (s *Server) render(w http.ResponseWriter, status int, name string, v view, data any) {
	if name != "" {
		var b bytes.Buffer
		if err := s.pages.ExecuteTemplate(&b, name, data); err != nil {
			s.fail(w, err)
			return
		}
		v.Body = template.HTML(b.String()) //nolint:gosec // escaped by the template
	}
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, "layout.html", v); err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := b.WriteTo(w); err != nil {
		s.log.Debug("page was not sent", "error", err)
	}
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	s.log.Error("page can't be made", "error", err)
	http.Error(w, "The page can't be made at the moment.", http.StatusInternalServerError)
}

func (s *Server) missing(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusNotFound, "message.html", view{Title: "Not found"}, message{
		Title: "There is no such page", Text: "The address may be mistyped, or the page may have moved.",
	})
}

// message is a page that only says something.
type message struct{ Title, Text string }

func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeFileFS(w, r, files, "assets/"+r.PathValue("file"))
}

func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "public, max-age=300")
	if _, err := w.Write(api.Document); err != nil {
		s.log.Debug("document was not sent", "error", err)
	}
}
