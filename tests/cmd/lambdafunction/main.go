// Command lambdafunction is a Lambda function for tests, made with AWS's own library
// for Go: it reads the proxy event of either version with AWS's types, and answers
// with what it read. The query's "do" makes it misbehave.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// seen is what the function makes of an event of either version.
type seen struct {
	Version    string            `json:"version"`
	Route      string            `json:"route"`
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Query      map[string]string `json:"query"`
	Headers    map[string]string `json:"headers"`
	Cookies    []string          `json:"cookies"`
	Parameters map[string]string `json:"parameters"`
	Stage      string            `json:"stage"`
	Client     string            `json:"client"`
	RequestID  string            `json:"request_id"`
	Principal  any               `json:"principal"`
	Body       string            `json:"body"`
	Encoded    bool              `json:"encoded"`
}

func read(event json.RawMessage) (s seen, err error) {
	var head struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(event, &head); err != nil {
		return s, err
	}
	if head.Version == "2.0" {
		var e events.APIGatewayV2HTTPRequest
		err = json.Unmarshal(event, &e)
		c := e.RequestContext
		s = seen{
			"2.0", e.RouteKey, c.HTTP.Method, e.RawPath, e.QueryStringParameters, e.Headers, e.Cookies, e.PathParameters, c.Stage, c.HTTP.SourceIP, c.RequestID, nil, e.Body, e.IsBase64Encoded,
		}
		if c.Authorizer != nil {
			s.Principal = c.Authorizer.Lambda["principalId"]
		}
		return s, err
	}
	var e events.APIGatewayProxyRequest
	err = json.Unmarshal(event, &e)
	c := e.RequestContext
	s = seen{
		"1.0", e.Resource, e.HTTPMethod, e.Path, e.QueryStringParameters, e.Headers, e.MultiValueHeaders["Cookie"], e.PathParameters, c.Stage, c.Identity.SourceIP, c.RequestID, c.Authorizer["principalId"], e.Body, e.IsBase64Encoded,
	}
	return s, err
}

func main() { lambda.Start(handle) }

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	s, err := read(event)
	if err != nil {
		return nil, err
	}
	what := s.Query["do"]
	switch what {
	case "crash":
		os.Exit(3)
	case "panic":
		panic("on purpose")
	case "error":
		return nil, errors.New("on purpose")
	case "slow":
		<-ctx.Done()
		time.Sleep(time.Minute)
	case "malformed":
		return json.RawMessage(`{"statusCode":"200","body":"x"}`), nil
	case "inferred":
		return map[string]string{"hello": "world"}, nil
	case "big":
		return respond(s, 200, strings.Repeat("x", 6<<20), false), nil
	case "image":
		return respond(s, 200, base64.StdEncoding.EncodeToString([]byte{0x89, 'P', 'N', 'G', 0xff}), true), nil
	case "stream", "broken":
		return streamed(what), nil
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return respond(s, 200, string(b), false), nil
}

// respond answers in the form of the event's version.
func respond(s seen, status int, body string, encoded bool) any {
	kind := "application/json"
	if encoded {
		kind = "image/png"
	}
	if s.Version == "2.0" {
		return events.APIGatewayV2HTTPResponse{
			StatusCode: status, Headers: map[string]string{"Content-Type": kind}, Cookies: []string{"a=1; Path=/", "b=2"}, Body: body, IsBase64Encoded: encoded,
		}
	}
	return events.APIGatewayProxyResponse{
		StatusCode: status, Headers: map[string]string{"Content-Type": kind, "X-Many": "lost"},
		MultiValueHeaders: map[string][]string{"X-Many": {"1", "2"}, "Set-Cookie": {"a=1; Path=/", "b=2"}}, Body: body, IsBase64Encoded: encoded,
	}
}

// streamed says three things with pauses between them; a broken one fails then.
func streamed(what string) any {
	r, w := io.Pipe()
	go func() {
		for _, p := range []string{"one\n", "two\n", "three\n"} {
			_, _ = io.Copy(w, bytes.NewReader([]byte(p)))
			time.Sleep(500 * time.Millisecond)
		}
		if what == "broken" {
			w.CloseWithError(errors.New("on purpose"))
			return
		}
		w.Close()
	}()
	return &events.APIGatewayProxyStreamingResponse{
		StatusCode: 201, Headers: map[string]string{"Content-Type": "text/event-stream"}, Cookies: []string{"a=1"}, Body: r,
	}
}
