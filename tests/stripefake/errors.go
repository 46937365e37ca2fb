package stripefake

import "fmt"

// apiError is an error in Stripe's form.
type apiError struct {
	status                     int
	kind, code, message, param string
	decline                    string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%d %s %s: %s", e.status, e.kind, e.code, e.message)
}

func (e *apiError) view(request string) obj {
	in := obj{"type": e.kind, "message": e.message, "request_log_url": "https://dashboard.stripe.com/test/logs/" + request}
	for name, v := range map[string]string{"code": e.code, "param": e.param, "decline_code": e.decline} {
		if v != "" {
			in[name] = v
		}
	}
	return obj{"error": in}
}

// refuse is a 400 about a parameter; param may be empty.
func refuse(param, code, format string, args ...any) *apiError {
	return &apiError{status: 400, kind: "invalid_request_error", code: code, param: param, message: fmt.Sprintf(format, args...)}
}

// missing: an object that a parameter names is not there.
func missing(what, id, param string) *apiError {
	return refuse(param, "resource_missing", "No such %s: '%s'", what, id)
}

// notFound: the object of the path is not there.
func notFound(what, id string) *apiError {
	e := missing(what, id, "id")
	e.status = 404
	return e
}

func declined() *apiError {
	return &apiError{status: 402, kind: "card_error", code: "card_declined", decline: "generic_decline", message: "Your card was declined."}
}
