package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// AssumeRole has the access key take a role, whose credentials invoke the function.
type AssumeRole struct {
	// Role is the role's ARN.
	Role string `json:"role"`
	// ExternalID is what the role's trust policy asks for, so that nobody else's
	// gateway takes the role; empty: none.
	ExternalID string `json:"external_id"`
	// Session names the sessions in AWS's own logs.
	Session  string            `json:"session_name"`
	Duration contract.Duration `json:"duration"`
	// Endpoint stands in the place of the region's own address of STS.
	Endpoint string `json:"endpoint"`
}

// Bounds of a role's credentials, and of what is asked for them.
const (
	defaultDuration = time.Hour
	minDuration     = 15 * time.Minute
	maxDuration     = 12 * time.Hour
	roleTimeout     = 5 * time.Second
	maxRoleAnswer   = 64 << 10
	maxExternalID   = 1224
	// Credentials are not used in the last part of their life: requests take time.
	roleMargin     = 10 * time.Second
	roleBackoffMin = time.Second
	roleBackoffMax = 30 * time.Second
)

var (
	roleForm     = regexp.MustCompile(`^arn:aws[a-zA-Z-]{0,32}:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}$`)
	externalForm = regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]{2,}$`)
	sessionForm  = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)
)

func (c *AssumeRole) check(errs *contract.FieldErrors) {
	const at = "/assume_role"
	if !roleForm.MatchString(c.Role) {
		errs.Add(at+"/role", "is a role's ARN, such as arn:aws:iam::123456789012:role/invoke-orders")
	}
	if c.ExternalID != "" && (len(c.ExternalID) > maxExternalID || !externalForm.MatchString(c.ExternalID)) {
		errs.Add(at+"/external_id", "has 2 to 1224 letters, digits and characters of _+=,.@:/-")
	}
	if c.Session == "" {
		c.Session = "tollgate"
	}
	if !sessionForm.MatchString(c.Session) {
		errs.Add(at+"/session_name", "has 2 to 64 letters, digits and characters of _+=,.@-")
	}
	if c.Duration == 0 {
		c.Duration = contract.Duration(defaultDuration)
	}
	endpoint.CheckDuration(c.Duration, at+"/duration", minDuration, maxDuration, errs)
	if c.Endpoint != "" {
		endpoint.CheckURL(c.Endpoint, at+"/endpoint", "", "who listens on the way learns the credentials", errs)
	}
}

// role keeps a role's credentials for all requests of a gateway, and renews them
// before they end. It is safe for concurrent use.
type role struct {
	client *sts.Client
	in     *sts.AssumeRoleInput
	life   time.Duration // that is asked for
	arn    string
	wall   func() time.Time
	behind policy.Behind

	mu       sync.Mutex // guards what follows
	creds    aws.Credentials
	fetched  time.Time
	renewAt  time.Time
	expires  time.Time
	renewing chan struct{} // closed when the answer came; nil: nobody asks
	failed   error         // of the last answer
	backoff  time.Duration
	retryAt  time.Time
}

// newRole returns the gateway's credentials of a role, which outlive versions of
// the configuration that name the same one with the same keys.
func newRole(d policy.Deps, region string, c *AssumeRole, k keys) *role {
	o := sts.Options{Region: region, Credentials: k, HTTPClient: roleHTTP(d), Retryer: aws.NopRetryer{}, DefaultsMode: aws.DefaultsModeStandard}
	if c.Endpoint != "" {
		o.BaseEndpoint = &c.Endpoint
	}
	seconds := int32(c.Duration.Std() / time.Second)
	r := &role{
		client: sts.New(o), arn: c.Role, life: c.Duration.Std(), wall: d.Wall, behind: d.Behind,
		in: &sts.AssumeRoleInput{RoleArn: &c.Role, RoleSessionName: &c.Session, DurationSeconds: &seconds},
	}
	if c.ExternalID != "" {
		r.in.ExternalId = &c.ExternalID
	}
	if d.State == nil {
		return r
	}
	print := memo.Print(region, c.Role, c.ExternalID, c.Session, c.Endpoint, fmt.Sprint(seconds), k.id, k.secret, k.token)
	if kept, ok := d.State("lambda/role "+string(print[:]), func() any { return r }).(*role); ok {
		return kept
	}
	return r
}

// roleHTTP has the connections of the gateway's functions, and reads less.
func roleHTTP(d policy.Deps) *http.Client {
	c := *clientOf(d)
	c.Transport = short{c.Transport}
	return &c
}

// short bounds the answers of STS.
type short struct{ t http.RoundTripper }

// RoundTrip is http.RoundTripper.
func (s short) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.t.RoundTrip(r)
	if err == nil {
		resp.Body = &capped{ReadCloser: resp.Body, left: maxRoleAnswer}
	}
	return resp, err
}

// roleError is a role that could not be taken: nothing was invoked.
type roleError struct {
	arn string
	err error
}

func (e *roleError) Error() string { return "assuming the role " + e.arn + ": " + e.err.Error() }
func (e *roleError) Unwrap() error { return e.err }

// Retrieve is aws.CredentialsProvider. Who comes while the credentials are good
// does not wait for new ones.
func (r *role) Retrieve(ctx context.Context) (aws.Credentials, error) {
	for {
		r.mu.Lock()
		now := r.wall()
		good, c := now.Before(r.expires), r.creds
		rests := now.Before(r.retryAt)
		switch {
		case good && (now.Before(r.renewAt) || rests || r.renewing != nil):
			r.mu.Unlock()
			return c, nil
		case !good && rests && r.renewing == nil:
			err := r.failed
			r.mu.Unlock()
			return aws.Credentials{}, &roleError{r.arn, err}
		}
		done, leads := r.renewing, false
		if done == nil {
			done, leads = make(chan struct{}), true
			r.renewing = done
		}
		r.mu.Unlock()
		if leads && (r.behind == nil || !r.behind.Go(r.renew)) {
			r.renew(ctx)
		}
		if good {
			return c, nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return aws.Credentials{}, &roleError{r.arn, ctx.Err()}
		}
	}
}

// renew asks for new credentials, for all who wait.
func (r *role) renew(ctx context.Context) {
	err := errors.New("the call failed") // where it panics
	var c aws.Credentials
	var ends time.Time
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		close(r.renewing)
		r.renewing = nil
		now := r.wall()
		switch {
		case err == nil:
			r.creds, r.fetched, r.failed, r.backoff, r.retryAt = c, now, nil, 0, time.Time{}
			life := min(ends.Sub(now), r.life) // whatever the clocks say
			r.renewAt, r.expires = now.Add(life*4/5), now.Add(life-min(roleMargin, life/10))
		case ctx.Err() == nil: // else it says nothing about the service
			r.backoff = min(max(2*r.backoff, roleBackoffMin), roleBackoffMax)
			r.failed, r.retryAt = err, now.Add(r.backoff)
		}
	}()
	c, ends, err = r.ask(ctx)
}

func (r *role) ask(ctx context.Context) (c aws.Credentials, ends time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, roleTimeout)
	defer cancel()
	out, err := r.client.AssumeRole(ctx, r.in)
	if err != nil {
		return c, ends, err
	}
	got := out.Credentials
	if got == nil || aws.ToString(got.AccessKeyId) == "" || aws.ToString(got.SecretAccessKey) == "" || aws.ToString(got.SessionToken) == "" || got.Expiration == nil {
		return c, ends, errors.New("the answer holds no credentials")
	}
	if ends = *got.Expiration; !r.wall().Before(ends) {
		return c, ends, errors.New("the credentials in the answer have expired already")
	}
	return aws.Credentials{AccessKeyID: *got.AccessKeyId, SecretAccessKey: *got.SecretAccessKey, SessionToken: *got.SessionToken, Source: "tollgate"}, ends, nil
}

// distrustAfter is how old credentials are at least when the service's word does
// away with them: one that refuses all causes no storm.
const distrustAfter = 30 * time.Second

// distrust drops credentials that the service called expired.
func (r *role) distrust() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wall().Sub(r.fetched) >= distrustAfter {
		r.expires = time.Time{}
	}
}
