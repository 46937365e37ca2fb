package authz

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Scope says whose data an operation touches.
type Scope string

// Scopes of operations.
const (
	ScopePublic       Scope = "public"       // nobody's
	ScopeUser         Scope = "user"         // the caller's own
	ScopeOrganization Scope = "organization" // one organization's
	ScopeGateway      Scope = "gateway"      // one gateway's, named by the path
	ScopeDeveloper    Scope = "developer"    // a developer's own, at the portal that the path names
	ScopeOperator     Scope = "operator"     // everybody's, for those who run this Tollgate
)

// Operation is what the document says of one operation.
type Operation struct {
	ID         string
	Method     string
	Path       string // as in the document: /v1/gateways/{gateway}
	Permission Permission
	Scope      Scope
	Token      bool // a management token may call it
	Session    bool // a session may call it
	Developer  bool // a developer of the path's portal may call it, and nobody else
	// WhileSuspended: an organization that is suspended may call it, though it
	// changes something.
	WhileSuspended bool
	Item           *openapi3.PathItem
	Spec           *openapi3.Operation
}

// Public says that no credentials are needed.
func (o *Operation) Public() bool { return o.Permission == Public }

// portalPath begins the paths of developer portals.
const portalPath = "/v1/developer/{label}"

// operatorPath begins the paths of the operator's console.
const operatorPath = "/v1/operator/"

// Changes says that the operation changes something of an organization, other
// than what it is paid with: what a suspended organization may not do.
func (o *Operation) Changes() bool {
	if o.Scope != ScopeOrganization && o.Scope != ScopeGateway || o.WhileSuspended {
		return false
	}
	switch o.Permission {
	case BillingWrite, OrganizationExport:
		return false
	}
	return o.Method != http.MethodGet && !strings.HasSuffix(string(o.Permission), ":read")
}

// AtPortal says that the operation belongs to a developer portal.
func (o *Operation) AtPortal() bool {
	return o.Path == portalPath || strings.HasPrefix(o.Path, portalPath+"/")
}

// Operations finds an operation by method and path pattern.
type Operations struct {
	Document *openapi3.T
	list     []*Operation
	byRoute  map[string]*Operation
}

// New reads the operations of a document. The error names every operation that
// lacks a permission, a scope or credentials, or whose words don't fit together.
func New(document []byte) (*Operations, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("read openapi document: %w", err)
	}
	out := &Operations{Document: doc, byRoute: map[string]*Operation{}}
	var errs []error
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(path)
		for method, spec := range item.Operations() {
			o := &Operation{ID: spec.OperationID, Method: method, Path: path, Item: item, Spec: spec}
			if err := o.read(doc); err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", method, path, err))
				continue
			}
			out.list = append(out.list, o)
			out.byRoute[method+" "+path] = o
		}
	}
	slices.SortFunc(out.list, func(a, b *Operation) int { return strings.Compare(a.ID, b.ID) })
	return out, errors.Join(errs...)
}

// List returns all operations by id.
func (o *Operations) List() []*Operation { return o.list }

// Find returns the operation of a method and a path pattern, nil for none.
func (o *Operations) Find(method, path string) *Operation { return o.byRoute[method+" "+path] }

// read fills the operation from its extensions and checks that they fit.
func (o *Operation) read(doc *openapi3.T) error {
	p, _ := o.Spec.Extensions["x-tollgate-permission"].(string)
	s, _ := o.Spec.Extensions["x-tollgate-scope"].(string)
	o.Permission, o.Scope = Permission(p), Scope(s)
	o.WhileSuspended, _ = o.Spec.Extensions["x-tollgate-while-suspended"].(bool)
	security := o.Spec.Security
	if security == nil {
		security = &doc.Security
	}
	for _, requirement := range *security {
		for scheme := range requirement {
			switch scheme {
			case "bearer":
				o.Token = true
			case "session":
				o.Session = true
			case "developer":
				o.Developer = true
			default:
				return fmt.Errorf("security scheme %q is not known", scheme)
			}
		}
	}
	return o.check()
}

func (o *Operation) check() error {
	signedIn := o.Token || o.Session
	if o.Developer && (signedIn || o.Scope != ScopeDeveloper) || o.AtPortal() && signedIn {
		return errors.New("developers of portals and users of Tollgate share no operation")
	}
	if (o.Scope == ScopeOperator) != strings.HasPrefix(o.Path, operatorPath) {
		return errors.New("an operator scope goes with a path under " + operatorPath + ", and the other way round")
	}
	inGateway := strings.HasPrefix(o.Path, "/v1/gateways/{gateway}")
	switch o.Scope {
	case ScopePublic:
		if o.Permission != Public || signedIn {
			return errors.New("a public scope goes with the permission public and without security")
		}
		return nil
	case ScopeUser:
		if o.Permission != Authenticated || !signedIn {
			return errors.New("a user scope goes with the permission authenticated and with security")
		}
		return nil
	case ScopeOperator:
		if o.Permission != OperatorOnly || !o.Session || o.Token {
			return errors.New("an operator scope goes with the permission operator and a session, never with a management token")
		}
		return nil
	case ScopeDeveloper:
		if o.Permission != DeveloperOnly || !o.Developer || !o.AtPortal() {
			return errors.New("a developer scope goes with the permission developer, the developer's credentials and a path under " + portalPath)
		}
		return nil
	case ScopeOrganization, ScopeGateway:
		if !slices.Contains(Permissions(), o.Permission) {
			return fmt.Errorf("x-tollgate-permission %q is missing or not known", o.Permission)
		}
		if !signedIn {
			return errors.New("there is no security")
		}
		if inGateway != (o.Scope == ScopeGateway) {
			return errors.New("a gateway scope goes with a path under /v1/gateways/{gateway}, and the other way round")
		}
		return nil
	}
	return fmt.Errorf("x-tollgate-scope %q is missing or not known", o.Scope)
}
