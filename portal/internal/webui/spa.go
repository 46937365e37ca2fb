package webui

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/portal/web"
)

// pages are the first segments of the addresses that the web portal shows; what
// follows them is its own matter. A test holds them to its router.
var pages = []string{
	"signup", "login", "forgot", "reset", "verify", "join", "device", "welcome", "guide", "gateways", "new-gateway", "organization", "billing", "operator", "account",
}

// contentPolicy is for the pages of the web portal: scripts only from our own
// files, styles also from elements that carry the response's nonce.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-%s'; img-src 'self' data: blob:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// spa is the built web portal, ready to be sent.
type spa struct {
	portal, developer []byte // pages; nil without a build
	files             map[string]*file
}

// file is one file as it goes out. Without packed forms, plain holds it.
type file struct {
	contentType   string
	plain, br, gz []byte
}

// loadWeb reads the build. A portal without one has no page, which is no error.
func loadWeb(files fs.FS) (*spa, error) {
	s := &spa{files: map[string]*file{}}
	var err error
	if s.portal, err = optional(files, "index.html"); err != nil {
		return nil, err
	}
	if s.developer, err = optional(files, "developer.html"); err != nil {
		return nil, err
	}
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, ".") || path.Ext(name) == ".html" {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		s.add(name, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the web build: %w", err)
	}
	return s, nil
}

func optional(files fs.FS, name string) ([]byte, error) {
	b, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the web build: %w", err)
	}
	return b, nil
}

func (s *spa) add(name string, b []byte) {
	plain := strings.TrimSuffix(strings.TrimSuffix(name, ".br"), ".gz")
	f := s.files[plain]
	if f == nil {
		f = &file{contentType: contentType(plain)}
		s.files[plain] = f
	}
	switch path.Ext(name) {
	case ".br":
		f.br = b
	case ".gz":
		f.gz = b
	default:
		f.plain = b
	}
}

// contentType does not ask the machine's own table, which differs from one to
// the next.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// page sends one of the two pages with a nonce of its own.
func (s *Server) page(html []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if html == nil {
			s.unbuilt(w)
			return
		}
		nonce := rand.Text()
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", fmt.Sprintf(contentPolicy, nonce))
		if _, err := w.Write(bytes.ReplaceAll(html, []byte(web.Nonce), []byte(nonce))); err != nil {
			s.log.Debug("page was not sent", "error", err)
		}
	}
}

// unbuilt stands where the web portal would be.
func (s *Server) unbuilt(w http.ResponseWriter) {
	s.render(w, http.StatusServiceUnavailable, "unbuilt.html", view{Title: "Tollgate"}, nil)
}

// webFile sends a file of the build. Those below /assets/ carry a hash of their
// content in the name and never change.
func (s *Server) webFile(name, cache string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := name
		if name == "" {
			name = "assets/" + r.PathValue("file")
		}
		f := s.web.files[name]
		if f == nil {
			s.missing(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("Cache-Control", cache)
		body := f.plain
		if body == nil {
			h.Add("Vary", "Accept-Encoding")
			if body = f.packed(h, r.Header.Values("Accept-Encoding")); body == nil {
				s.sendUnpacked(w, f)
				return
			}
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if _, err := w.Write(body); err != nil {
			s.log.Debug("file was not sent", "error", err)
		}
	}
}

// packed chooses the form that the client takes; nil for neither.
func (f *file) packed(h http.Header, accept []string) []byte {
	switch {
	case f.br != nil && takes(accept, "br"):
		h.Set("Content-Encoding", "br")
		return f.br
	case f.gz != nil && takes(accept, "gzip"):
		h.Set("Content-Encoding", "gzip")
		return f.gz
	}
	return nil
}

// takes says whether an Accept-Encoding names a coding without refusing it.
func takes(accept []string, coding string) bool {
	for _, item := range strings.Split(strings.Join(accept, ","), ",") {
		name, q, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q = strings.ReplaceAll(q, " ", "")
			return strings.Trim(strings.TrimPrefix(q, "q="), "0.") != "" || q == ""
		}
	}
	return false
}

func (s *Server) sendUnpacked(w http.ResponseWriter, f *file) {
	z, err := gzip.NewReader(bytes.NewReader(f.gz))
	if err != nil {
		s.fail(w, err)
		return
	}
	if _, err := io.Copy(w, z); err != nil { //nolint:gosec // our own file
		s.log.Debug("file was not sent", "error", err)
	}
}
