package httpapi

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/tollgate/tollgate/portal/internal/gen"
)

// wantsPage says whether a person looks at the answer: a provider has sent a
// browser to our callback. Everything else is called by programs.
func wantsPage(r *http.Request) bool {
	op := callOf(r.Context()).op
	return op != nil && op.ID == "finishLogin" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// problemPage shows a problem without script or style of its own, which the
// policy would refuse.
var problemPage = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Signing in did not work · Tollgate</title>
</head>
<body>
<main>
<h1>Signing in did not work</h1>
<p>{{if .Detail}}{{.Detail}}{{else}}{{.Title}}{{end}}.</p>
<p><a href="/login">Back to the sign-in page</a></p>
<p>Request {{.RequestID}}</p>
</main>
</body>
</html>
`))

func writePage(w http.ResponseWriter, p gen.Problem) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	_ = problemPage.Execute(w, struct{ Title, Detail, RequestID string }{p.Title, value(p.Detail), p.RequestID}) // the asker is gone
}
