package waf

import (
	"fmt"
	"sync"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
)

const (
	maxLevel    = 4
	maxBody     = 1 << 20
	maxDepth    = 64
	maxArgument = 1000 // arguments that are looked at
)

// engine is the rule set at one paranoia level. What a configuration excludes and
// how it scores is applied to what matched, so that all configurations of all
// tenants share four engines at most.
type engine struct {
	waf    coraza.WAF
	filter *filter // nil: the rules of this level can't be analysed
}

// engines are made when a level is used first.
var engines [maxLevel + 1]func() (*engine, error)

func init() {
	for level := range engines {
		engines[level] = sync.OnceValues(func() (*engine, error) { return newEngine(level, true) })
	}
}

// newEngine compiles the rule set. It only detects: what is done about it is the
// policy's decision.
func newEngine(level int, fast bool) (*engine, error) {
	w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(directives(level)))
	if err != nil {
		return nil, fmt.Errorf("compile the rule set: %w", err)
	}
	e := &engine{waf: w}
	// Beyond the first level the filter lets next to nothing pass, and is not shown to
	// hide nothing: everything is looked at.
	if fast && level == 1 {
		if e.filter, err = newFilter(coreruleset.FS, level); err != nil {
			return nil, fmt.Errorf("analyse the rule set: %w", err)
		}
	}
	return e, nil
}

// directives leave out Coraza's own filter of expressions: it hides matches of
// 942220 and 932311 that the rule set's tests want.
func directives(level int) string {
	return fmt.Sprintf(`
SecRxPreFilter Off
Include @coraza.conf-recommended
Include @crs-setup.conf.example
SecRuleEngine DetectionOnly
SecAuditEngine Off
SecDebugLogLevel 0
SecResponseBodyAccess Off
SecRequestBodyLimit %d
SecRequestBodyInMemoryLimit %d
SecRequestBodyJsonDepthLimit %d
SecArgumentsLimit %d
SecRule ARGUMENTS_LIMIT_REACHED "@eq 1" "id:190001,phase:2,pass,log,msg:'More arguments than are looked at',severity:'CRITICAL'"
SecAction "id:190002,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=%d,setvar:tx.detection_paranoia_level=%d"
Include @owasp_crs/*.conf
`, maxBody, maxBody, maxDepth, maxArgument, level, level)
}
