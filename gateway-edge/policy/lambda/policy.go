package lambda

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the integration's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "lambda",
	Phase:   policy.PhaseIntegrate,
	Answers: true,
	Request: policy.Need{Mode: policy.NeedWhole, Max: maxPayload},
	New:     New,
}

// Config is the integration's configuration.
type Config struct {
	// Function is a function's name, ARN, or partial ARN; either kind of ARN may end
	// with a version or an alias.
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
	// Region is where the function is; an ARN tells it already.
	Region string `json:"region"`
	// Endpoint stands in the place of the region's own address.
	Endpoint        string          `json:"endpoint"`
	AccessKeyID     endpoint.Secret `json:"access_key_id"`
	SecretAccessKey endpoint.Secret `json:"secret_access_key"`
	SessionToken    endpoint.Secret `json:"session_token"`
	AssumeRole      *AssumeRole     `json:"assume_role"`
	// Payload is the version of event and response: "1.0" or "2.0".
	Payload string `json:"payload_version"`
	// Invocation is "sync", "async" or "stream".
	Invocation string            `json:"invocation"`
	Timeout    contract.Duration `json:"timeout"`
	Retries    int               `json:"retries"`
	// ExplainErrors tells callers which field of the function's answer is bad.
	ExplainErrors    bool              `json:"explain_errors"`
	Stage            string            `json:"stage"`
	StageInPath      bool              `json:"stage_in_path"`
	StageVariables   map[string]string `json:"stage_variables"`
	BinaryMediaTypes []string          `json:"binary_media_types"`
}

// Bounds of a configuration, and of what passes.
const (
	maxPayload   = 6 << 20 // of an event and of an answer: AWS's own
	maxTimeout   = 15 * time.Minute
	maxRetries   = 5
	maxVariables = 50
	maxTypes     = 50
	maxText      = 512
)

const (
	payload1 = "1.0"
	payload2 = "2.0"

	invokeSync   = "sync"
	invokeAsync  = "async"
	invokeStream = "stream"

	defaultStage = "$default"
)

var (
	functionForm  = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]{1,32}):)?(?:(\d{12}):function:)?[A-Za-z0-9_-]{1,64}(?::(?:\$LATEST|[A-Za-z0-9_-]{1,128}))?$`)
	qualifierForm = regexp.MustCompile(`^(?:\$LATEST|[A-Za-z0-9_-]{1,128})$`)
	regionForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{1,31}$`)
	stageForm     = regexp.MustCompile(`^(?:\$default|[A-Za-z0-9_-]{1,128})$`)
	typeForm      = regexp.MustCompile(`^(?:\*|[A-Za-z0-9!#$&^_.+-]+)/(?:\*|[A-Za-z0-9!#$&^_.+-]+)$`)
)

// New makes the integration. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Payload: payload2, Invocation: invokeSync, Timeout: contract.Duration(29 * time.Second), Stage: defaultStage}
	p := &function{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, d, errs) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// function is immutable.
type function struct {
	client     *lambda.Client
	role       *role // nil: the access key itself invokes
	name       string
	qualifier  string
	account    string // of the ARN
	version2   bool
	invocation string
	timeout    time.Duration
	retries    int
	explains   bool
	stage      string
	prefix     string // of paths: "/" and the stage, or ""
	variables  map[string]string
	binary     []string
	key        routeKey
	gateway    string
	wall       func() time.Time
}

var _ policy.Waiter = (*function)(nil)

func (p *function) compile(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	p.name, p.qualifier, p.timeout, p.retries, p.explains = c.Function, c.Qualifier, c.Timeout.Std(), c.Retries, c.ExplainErrors
	p.stage, p.wall, p.gateway, p.invocation, p.version2 = c.Stage, d.Wall, d.Scope.Gateway, c.Invocation, c.Payload == payload2
	p.key = keyOf(d.Scope.Path, d.Scope.Methods)
	region := p.identify(c, errs)
	if !slices.Contains([]string{payload1, payload2}, c.Payload) {
		errs.Add("/payload_version", `is "1.0" or "2.0"`)
	}
	if !slices.Contains([]string{invokeSync, invokeAsync, invokeStream}, c.Invocation) {
		errs.Add("/invocation", "is sync, async or stream")
	}
	endpoint.CheckDuration(c.Timeout, "/timeout", 10*time.Millisecond, maxTimeout, errs)
	if c.Retries < 0 || c.Retries > maxRetries {
		errs.Add("/retries", fmt.Sprintf("is from 0 to %d", maxRetries))
	}
	p.staged(c, errs)
	if len(c.BinaryMediaTypes) > maxTypes {
		errs.Add("/binary_media_types", fmt.Sprintf("has %d types, at most %d are allowed", len(c.BinaryMediaTypes), maxTypes))
	}
	for i, t := range c.BinaryMediaTypes {
		if !typeForm.MatchString(t) || len(t) > maxText {
			errs.Add(contract.Pointer("binary_media_types", i), `is a media type such as "image/png", "image/*" or "*/*"`)
		}
		p.binary = append(p.binary, strings.ToLower(t))
	}
	if c.Endpoint != "" {
		endpoint.CheckURL(c.Endpoint, "/endpoint", "", "who listens on the way reads the requests", errs)
	}
	keys := keys{
		id:     c.AccessKeyID.Value(d.Secret, "/access_key_id", "the secret that holds the access key's id", errs),
		secret: c.SecretAccessKey.Value(d.Secret, "/secret_access_key", "the secret that holds the secret access key", errs),
		token:  c.SessionToken.Value(d.Secret, "/session_token", "", errs),
	}
	var with aws.CredentialsProvider = keys
	if c.AssumeRole != nil {
		if c.AssumeRole.check(errs); len(*errs) == 0 {
			p.role = newRole(d, region, c.AssumeRole, keys)
			with = p.role
		}
	}
	p.client = newClient(d, region, c.Endpoint, with)
}

// identify checks which function is meant and returns its region.
func (p *function) identify(c *Config, errs *contract.FieldErrors) string {
	m := functionForm.FindStringSubmatch(c.Function)
	region := c.Region
	switch {
	case m == nil || m[1] != "" && m[2] == "":
		errs.Add("/function", `is a function's name, such as "orders", or its ARN`)
	default:
		p.account = m[2]
		if m[1] != "" && region == "" {
			region = m[1]
		}
		if m[1] != "" && region != m[1] {
			errs.Add("/region", fmt.Sprintf("the function's ARN says %q", m[1]))
		}
	}
	if !regionForm.MatchString(region) && (m == nil || m[1] == "" || c.Region != "") {
		errs.Add("/region", `is needed: where the function is, such as "eu-central-1"`)
	}
	if c.Qualifier != "" {
		switch {
		case !qualifierForm.MatchString(c.Qualifier):
			errs.Add("/qualifier", "is a version's number, $LATEST, or an alias")
		case m != nil && qualified(c.Function):
			errs.Add("/qualifier", "the function's name has one already")
		}
	}
	return region
}

// qualified reports whether a name or an ARN ends with a version or an alias.
func qualified(function string) bool {
	parts := strings.Split(function, ":")
	switch {
	case parts[0] == "arn":
		return len(parts) == 8
	case len(parts) > 1 && parts[1] == "function":
		return len(parts) == 4
	}
	return len(parts) == 2
}

// staged checks what events say of a stage, which the edge has none of.
func (p *function) staged(c *Config, errs *contract.FieldErrors) {
	if !stageForm.MatchString(c.Stage) {
		errs.Add("/stage", "has letters, digits, underscores and hyphens, at most 128, or is $default")
	}
	if c.StageInPath && c.Stage == defaultStage {
		errs.Add("/stage_in_path", "needs a stage: $default is in no path")
	}
	if c.StageInPath {
		p.prefix = "/" + c.Stage
	}
	if len(c.StageVariables) > maxVariables {
		errs.Add("/stage_variables", fmt.Sprintf("has %d variables, at most %d are allowed", len(c.StageVariables), maxVariables))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.StageVariables)) {
		if name == "" || len(name) > 64 || len(c.StageVariables[name]) > maxText {
			errs.Add("/stage_variables"+contract.Pointer(name), fmt.Sprintf("a name has 1 to 64 bytes, a value at most %d", maxText))
		}
	}
	p.variables = c.StageVariables
}
