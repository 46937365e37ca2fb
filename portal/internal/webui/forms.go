package webui

import (
	"context"
	"errors"
	"net/http"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// form is a page that a mailed link leads to.
type form struct {
	Path, Title, Text, Button string
	Password, Email           bool // fields that it asks for
	done                      string
	act                       func(ctx context.Context, t *tenant.Service, in input) error
}

// input is what a form sends.
type input struct{ token, email, password string }

var forms = map[string]*form{
	"/verify": {
		Path: "/verify", Title: "Confirm your address", Text: "Confirm that this e-mail address is yours.", Button: "Confirm",
		done: "Your address is confirmed.",
		act:  func(ctx context.Context, t *tenant.Service, in input) error { return t.Verify(ctx, in.token, "") },
	},
	"/reset": {
		Path: "/reset", Title: "Set a new password", Text: "All your sessions end when the new password is set.", Button: "Set password", Password: true,
		done: "Your new password is set. You can sign in with it now.",
		act: func(ctx context.Context, t *tenant.Service, in input) error {
			return t.Reset(ctx, in.token, in.password)
		},
	},
	"/join": {
		Path: "/join", Title: "Join an organization", Text: "Make an account with the invited address. If you have one, sign in and send the token to POST /v1/members instead.",
		Button: "Join", Email: true, Password: true,
		done: "You are a member now and can sign in.",
		act: func(ctx context.Context, t *tenant.Service, in input) error {
			_, err := t.Signup(ctx, tenant.SignupInput{Email: in.email, Password: in.password, Invitation: in.token})
			return err
		},
	},
}

// formView is what a form's template shows.
type formView struct {
	*form
	Token, Address string
	Errors         []string
	MinPassword    int
}

// maxForm bounds what a form may send, in bytes.
const maxForm = 16 << 10

func (s *Server) showForm(f *form) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		s.render(w, http.StatusOK, "form.html", view{Title: f.Title}, formView{
			form: f, Token: r.URL.Query().Get("token"), MinPassword: tenant.MinPassword,
		})
	}
}

func (s *Server) takeForm(f *form) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		in := input{token: r.PostFormValue("token"), email: r.PostFormValue("email"), password: r.PostFormValue("password")}
		ctx := core.WithActor(r.Context(), s.actor(r))
		err := f.act(ctx, s.tenants, in)
		if err == nil {
			s.render(w, http.StatusOK, "message.html", view{Title: f.Title}, message{Title: f.Title, Text: f.done})
			return
		}
		status, texts := s.explain(err)
		s.render(w, status, "form.html", view{Title: f.Title}, formView{
			form: f, Token: in.token, Address: in.email, Errors: texts, MinPassword: tenant.MinPassword,
		})
	}
}

// explain turns an error into sentences for a person.
func (s *Server) explain(err error) (status int, texts []string) {
	var e *core.Error
	if !errors.As(err, &e) {
		s.log.Error("form failed", "error", err)
		info := core.CodeInternal.Info()
		return info.Status, []string{info.Title}
	}
	info := e.Code.Info()
	if info.Status >= http.StatusInternalServerError {
		s.log.Error("form failed", "error", err)
	}
	for _, f := range e.Fields {
		texts = append(texts, fieldName(f.Pointer)+" "+f.Detail)
	}
	if len(texts) == 0 {
		texts = []string{info.Title}
		if e.Detail != "" {
			texts = []string{e.Detail}
		}
	}
	return info.Status, texts
}

func fieldName(pointer string) string {
	switch pointer {
	case "/password":
		return "The password"
	case "/email":
		return "The address"
	case "/token", "/invitation":
		return "The link"
	}
	return "The form"
}
