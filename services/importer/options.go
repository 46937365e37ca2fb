package importer

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Options say what a text leaves open.
type Options struct {
	// Prefix stands before every path of the gateway; backends don't see it.
	Prefix string `json:"prefix,omitempty"`
	// BasePath is what becomes of the path of a server's address: "keep" puts it before
	// the gateway's paths too, "drop" before the backend's alone. Empty: keep, but drop
	// for documents of Amazon API Gateway, where it names a stage.
	BasePath string `json:"base_path,omitempty"`
	// Server chooses one of several servers by its URL or description; empty: the first.
	Server string `json:"server,omitempty"`
	// Upstream takes the place of the servers: a name of the gateway's upstreams, or
	// the address of one, which is made.
	Upstream string `json:"upstream,omitempty"`
	// Mode is "proxy" (default), or "mock": answer with the document's examples.
	Mode string `json:"mode,omitempty"`
	// Validation is "refuse" (default), "report" or "off".
	Validation string `json:"validation,omitempty"`
	// Existing is "keep" (default) or "remove": what becomes of the gateway's routes
	// and upstreams that the text does not have.
	Existing string `json:"existing,omitempty"`
	// OnConflict is "replace" (default), or "refuse": what becomes of the gateway's
	// routes and upstreams that have the name of one of the text and differ.
	OnConflict string `json:"on_conflict,omitempty"`
	// Document is "keep" (default) or "drop": whether the document becomes the
	// gateway's.
	Document string `json:"document,omitempty"`
	// Unsecured is "public" (default) or "refuse": what becomes of operations without
	// security.
	Unsecured string `json:"unsecured,omitempty"`
	// SkipRefused leaves operations out that are refused, instead of the import.
	SkipRefused bool `json:"skip_refused,omitempty"`
	// Schemes are the policies of security schemes, by the scheme's name.
	Schemes map[string]contract.Policy `json:"schemes,omitempty"`
	// AWS says what documents of Amazon API Gateway leave to the account.
	AWS AWS `json:"aws,omitzero"`
}

// AWS is what documents of Amazon API Gateway leave to the account.
type AWS struct {
	// AccessKeyID, SecretAccessKey and SessionToken name secrets of the gateway.
	// Defaults of the first two: aws-access-key-id, aws-secret-access-key.
	AccessKeyID     string `json:"access_key_id,omitempty"`
	SecretAccessKey string `json:"secret_access_key,omitempty"`
	SessionToken    string `json:"session_token,omitempty"`
	// Endpoint is called in the place of the region's.
	Endpoint string `json:"endpoint,omitempty"`
	// Region, Account and Partition stand for ${AWS::Region} and its kin.
	Region    string `json:"region,omitempty"`
	Account   string `json:"account,omitempty"`
	Partition string `json:"partition,omitempty"`
	// StageVariables stand for ${stageVariables.NAME}.
	StageVariables map[string]string `json:"stage_variables,omitempty"`
}

// Check fills in defaults and returns everything that is wrong, with pointers into
// the options.
func (o *Options) Check() (errs contract.FieldErrors) {
	oneOf := func(field *string, at string, values ...string) {
		if *field == "" {
			*field = values[0]
		}
		for _, v := range values {
			if *field == v {
				return
			}
		}
		errs.Add(at, fmt.Sprintf("is one of %s", strings.Join(values, ", ")))
	}
	if o.BasePath != "" {
		oneOf(&o.BasePath, "/base_path", "keep", "drop")
	}
	oneOf(&o.Mode, "/mode", "proxy", "mock")
	oneOf(&o.Validation, "/validation", "refuse", "report", "off")
	oneOf(&o.Existing, "/existing", "keep", "remove")
	oneOf(&o.OnConflict, "/on_conflict", "replace", "refuse")
	oneOf(&o.Document, "/document", "keep", "drop")
	oneOf(&o.Unsecured, "/unsecured", "public", "refuse")
	oneOf(&o.AWS.Partition, "/aws/partition", "aws", "aws-cn", "aws-us-gov")
	if o.AWS.AccessKeyID == "" {
		o.AWS.AccessKeyID = "aws-access-key-id"
	}
	if o.AWS.SecretAccessKey == "" {
		o.AWS.SecretAccessKey = "aws-secret-access-key"
	}
	if o.Prefix != "" {
		canon, err := match.PathString(o.Prefix)
		switch {
		case err != nil:
			errs.Add("/prefix", err.Error())
		case strings.ContainsAny(o.Prefix, "{}*"):
			errs.Add("/prefix", "is a plain path such as /shop")
		default:
			o.Prefix = strings.TrimSuffix(canon, "/")
		}
	}
	if strings.Contains(o.Upstream, "://") {
		if u, err := url.Parse(o.Upstream); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			errs.Add("/upstream", "is the name of an upstream, or an address such as https://api.example.com or https://api.example.com/v1")
		}
	}
	return errs
}
