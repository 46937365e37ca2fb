package expression

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Bounds of an expression.
const (
	MaxLength = 4096   // bytes
	MaxCost   = 10_000 // units of an evaluation, about half a millisecond
	maxDepth  = 64     // of the parser
	maxLoops  = 2      // comprehensions inside one another
	maxRegex  = 512    // instructions of a regular expression
)

// Facts are what an expression may ask that the exchange does not know.
type Facts struct {
	Country   string // of the client, ISO 3166-1 alpha-2; "" when it is not known
	UsagePlan string // the caller's, by name
	Now       time.Time
}

// Expression is a compiled condition; it may be used by many requests at once.
type Expression struct{ program cel.Program }

// environment is CEL with our variables. It is made once: that takes about a
// millisecond.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	text := cel.MapType(cel.StringType, cel.StringType)
	return cel.NewEnv(
		cel.Variable("request.method", cel.StringType),
		cel.Variable("request.scheme", cel.StringType),
		cel.Variable("request.host", cel.StringType),
		cel.Variable("request.path", cel.StringType),
		cel.Variable("request.query", text),
		cel.Variable("request.headers", text),
		cel.Variable("request.params", text),
		cel.Variable("client.ip", cel.StringType),
		cel.Variable("client.country", cel.StringType),
		cel.Variable("consumer.name", cel.StringType),
		cel.Variable("consumer.usage_plan", cel.StringType),
		cel.Variable("consumer.scopes", cel.ListType(cel.StringType)),
		cel.Variable("consumer.claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("now", cel.TimestampType),
		cel.Function("in_network",
			cel.MemberOverload("string_in_network_string", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType, cel.BinaryBinding(inNetwork))),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateComprehensionNestingLimit(maxLoops), cel.ValidateRegexProgramSizeLimit(maxRegex)),
	)
})

// Compile reads an expression. The error says in the caller's words what is wrong
// and where.
func Compile(text string) (*Expression, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("is empty")
	case len(text) > MaxLength:
		return nil, fmt.Errorf("has %d bytes, at most %d are allowed", len(text), MaxLength)
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, explain(issues)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("gives a value of type %s; it must be true or false", ast.OutputType())
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(MaxCost))
	if err != nil {
		return nil, err
	}
	return &Expression{program}, nil
}

// explain makes one line of what the compiler found first.
func explain(issues *cel.Issues) error {
	e := issues.Errors()[0]
	text, _, _ := strings.Cut(e.Message, "\n")
	if more := len(issues.Errors()) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	if e.Location.Line() < 1 {
		return errors.New(text)
	}
	return fmt.Errorf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, text)
}

// True evaluates the expression for a request. An error is one of the request's
// values, such as a header that is not there and was not asked for first, or the
// cost; the caller decides what it means, and never that access is given.
func (e *Expression) True(x *policy.Exchange, f Facts) (bool, error) {
	v, _, err := e.program.Eval(&facts{x: x, f: f})
	if err != nil {
		return false, err
	}
	return v == types.True, nil
}

// inNetwork is IP.in_network("10.0.0.0/8").
func inNetwork(ip, network ref.Val) ref.Val {
	a, ok := ip.(types.String)
	n, ok2 := network.(types.String)
	if !ok || !ok2 {
		return types.NewErr("in_network takes two strings")
	}
	p, err := netip.ParsePrefix(string(n))
	if err != nil {
		return types.NewErr("%q is no network such as 10.0.0.0/8", string(n))
	}
	addr, err := netip.ParseAddr(string(a))
	return types.Bool(err == nil && p.Contains(addr.Unmap().WithZone("")))
}
