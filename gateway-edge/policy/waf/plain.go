package waf

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// plainChars are the characters of texts that the filter judges. None of them
// begins an escape, a comment or an entity: what the rules do to a text before
// they look (t:urlDecodeUni, t:jsDecode and so on) leaves such a text as it is, but
// for the few changes that views makes too.
// A colon would do no harm by the rules, but Coraza finds the phrase ".kube/" in
// ".kube:lftp/".
const plainChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-,@/"

// filter tells values of arguments that can match no rule of a paranoia level.
//
// Every rule that looks at arguments is analysed: most can match in no text of
// plainChars at all; of most others every match holds one of a set of words. A
// value is plain when it holds none of those words, or when the rules whose words
// it holds do not match it. A rule that can't be analysed so makes the filter pass
// nothing.
type filter struct {
	ascii   alphabet
	words   *finder
	checks  []check
	always  []int // checks of rules without a word
	decoded *finder
	decodes bool
	sqli    bool
	xss     bool
}

// check is a rule's expression.
type check struct {
	rule int
	re   *regexp.Regexp
}

// unscored are rules that look at arguments and do nothing by themselves: 921170
// counts names for a rule of level 3; the others compare with variables that stay
// unset (tx.max_num_args and its kin).
var unscored = []int{920360, 920370, 920380, 920390, 921170}

// unchanging are transformations that leave a text of plainChars as it is, or give
// one of its views.
var unchanging = []string{
	"urlDecodeUni", "urlDecode", "utf8toUnicode", "htmlEntityDecode", "jsDecode", "cssDecode", "escapeSeqDecode", "removeNulls",
	"replaceComments", "removeCommentsChar", "compressWhitespace", "lowercase", "cmdLine", "normalizePath", "normalizePathWin", "removeWhitespace", "normalisePath", "normalisePathWin",
}

// newFilter analyses the rules of a level. Its error names the rule that can't be
// analysed.
func newFilter(files fs.FS, level int) (*filter, error) {
	f := &filter{ascii: newAlphabet(plainChars), words: newFinder(), decoded: newFinder()}
	names, err := fs.Glob(files, "@owasp_crs/REQUEST-*.conf")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		links, err := readLinks(files, name)
		if err != nil {
			return nil, err
		}
		for i := range links {
			l := &links[i]
			if l.level > level || !l.looksAtArguments() || slices.Contains(unscored, l.id) {
				continue
			}
			if err := f.add(files, l); err != nil {
				return nil, fmt.Errorf("rule %d: %w", l.id, err)
			}
		}
	}
	return f, nil
}

func (f *filter) add(files fs.FS, l *link) error {
	if l.negated || strings.Contains(l.variables, "&") {
		return fmt.Errorf("%s with @%s is not one that tells by what is there", l.variables, l.operator)
	}
	decodes := slices.Contains(l.transforms, "base64Decode")
	for _, t := range l.transforms {
		if t != "base64Decode" && !slices.Contains(unchanging, t) {
			return fmt.Errorf("transformation %s", t)
		}
	}
	switch l.operator {
	case "rx":
		if decodes {
			if err := f.addDecoded(l); err != nil {
				return err
			}
		}
		return f.addExpression(l)
	case "contains":
		if word := strings.ToLower(l.argument); f.ascii.within(word) {
			f.words.add(word, -1)
		}
	case "pm", "pmFromFile":
		return f.addPhrases(files, l)
	case "detectSQLi":
		f.sqli = true
	case "detectXSS":
		f.xss = true
	case "validateUtf8Encoding": // plainChars are ASCII
	case "validateByteRange":
		return f.inRange(l.argument)
	default:
		return fmt.Errorf("operator %s", l.operator)
	}
	return nil
}

func (f *filter) addExpression(l *link) error {
	n, err := parseNeed(l.argument, &f.ascii)
	if err != nil || n.dead {
		return err
	}
	re, err := regexp.Compile("(?sm)" + l.argument)
	if err != nil {
		return err
	}
	f.checks = append(f.checks, check{l.id, re})
	at := len(f.checks) - 1
	words := n.best()
	if shortest(words) < 2 {
		f.always = append(f.always, at)
		return nil
	}
	for _, w := range words {
		f.words.add(w, at)
	}
	return nil
}

func parseNeed(expression string, a *alphabet) (need, error) {
	re, err := syntax.Parse("(?sm)"+expression, syntax.Perl)
	if err != nil {
		return need{}, err
	}
	return needOf(re.Simplify(), a), nil
}

// addDecoded takes a rule that decodes base64 first. What it decodes to may hold
// anything; without what begins an escape it must hold a word.
func (f *filter) addDecoded(l *link) error {
	a := alphabet{wide: true}
	for c := range 128 {
		a.ascii[c] = c != '%' && c != '\\'
	}
	n, err := parseNeed(l.argument, &a)
	if err != nil {
		return err
	}
	f.decodes = true
	words := n.best()
	if n.dead {
		return nil
	}
	if shortest(words) < 3 {
		return fmt.Errorf("no word is sure to stand in what matches %.40q", l.argument)
	}
	for _, w := range words {
		f.decoded.add(strings.Map(squeezed, w), -1)
	}
	return nil
}

// escaped finds what t:urlDecodeUni or t:jsDecode would change.
func escaped(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '\\':
			return true
		case '%':
			if rest := s[i+1:]; rest != "" && (lower(rune(rest[0])) == 'u' || len(rest) > 1 && isHex(rest[0]) && isHex(rest[1])) {
				return true
			}
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func (f *filter) addPhrases(files fs.FS, l *link) error {
	phrases := strings.Fields(l.argument)
	if l.operator == "pmFromFile" {
		phrases = nil
		for _, name := range strings.Fields(l.argument) {
			raw, err := fs.ReadFile(files, "@owasp_crs/"+name)
			if err != nil {
				return err
			}
			for _, line := range strings.Split(string(raw), "\n") {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					phrases = append(phrases, line)
				}
			}
		}
	}
	for _, p := range phrases {
		p = strings.ToLower(p)
		switch {
		case !f.ascii.within(p):
		case len(p) < 2:
			return fmt.Errorf("the phrase %q is too short", p)
		default:
			f.words.add(p, -1)
		}
	}
	return nil
}

// inRange wants every one of plainChars in a list such as "32-36,38-126".
func (f *filter) inRange(list string) error {
	for c := range 128 {
		in := !f.ascii.ascii[c]
		for _, part := range strings.Split(list, ",") {
			from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
			lo, err := strconv.Atoi(from)
			hi := lo
			if err == nil && ranged {
				hi, err = strconv.Atoi(to)
			}
			if err != nil {
				return fmt.Errorf("byte range %q: %w", list, err)
			}
			in = in || c >= lo && c <= hi
		}
		if !in {
			return fmt.Errorf("byte %d is outside of %q", c, list)
		}
	}
	return nil
}

// views are what a plain text may look like to a rule.
type views struct {
	raw, lower, command, squeezed string
}

func (f *filter) viewsOf(s string) (v views, ok bool) {
	if !f.ascii.within(s) {
		return v, false
	}
	v.raw, v.lower = s, strings.ToLower(s)
	v.command, v.squeezed = v.lower, v.lower
	if strings.ContainsAny(s, " ,") {
		v.command = commandLine(v.lower)
		v.squeezed = strings.ReplaceAll(v.lower, " ", "")
	}
	for _, t := range []string{v.lower, v.command, v.squeezed} {
		// What paths and comments are cleaned of.
		if strings.Contains(t, "//") || strings.Contains(t, "/.") || strings.Contains(t, "./") || strings.Contains(t, "--") {
			return v, false
		}
	}
	return v, !strings.Contains(s, "  ")
}

// commandLine is what t:cmdLine makes of a lower-case text of plainChars.
func commandLine(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		space := len(b) > 0 && b[len(b)-1] == ' '
		switch {
		case c == ' ' || c == ',':
			if !space {
				b = append(b, ' ')
			}
		case c == '/' && space:
			b[len(b)-1] = '/'
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// plain reports whether a name or a value of an argument can match no rule.
func (f *filter) plain(s string) bool {
	if s == "" {
		return true
	}
	v, ok := f.viewsOf(s)
	if !ok {
		return false
	}
	texts := []string{v.lower, v.command, v.squeezed}
	if v.command == v.lower {
		texts = texts[:1]
	}
	for _, i := range f.always {
		if f.matches(i, &v) {
			return false
		}
	}
	for _, t := range texts {
		if f.words.each(t, func(i int) bool { return i < 0 || f.matches(i, &v) }) {
			return false
		}
	}
	if f.decodes && (f.suspicious(s) || f.suspicious(strings.ReplaceAll(s, " ", ""))) {
		return false
	}
	if f.xss && libinjection.IsXSS(s) {
		return false
	}
	if f.sqli {
		if bad, _ := libinjection.IsSQLi(s); bad {
			return false
		}
	}
	return true
}

func (f *filter) matches(i int, v *views) bool {
	re := f.checks[i].re
	return re.MatchString(v.raw) || re.MatchString(v.lower) || re.MatchString(v.command) || re.MatchString(v.squeezed) ||
		v.squeezed != v.lower && re.MatchString(strings.ReplaceAll(v.raw, " ", ""))
}

// suspicious judges what t:base64Decode makes of a text: it decodes the beginning
// up to the first character that is none of base64's.
func (f *filter) suspicious(s string) bool {
	n := strings.IndexAny(s, " ._-,@:")
	if n < 0 {
		n = len(s)
	}
	if n%4 == 1 {
		n-- // a single character makes no byte
	}
	if n < 4 {
		return false // less than three bytes match nothing
	}
	out, err := base64.RawStdEncoding.DecodeString(s[:n])
	text := strings.Map(squeezed, lowerASCII(string(out)))
	return err != nil || escaped(string(out)) || escaped(text) || strings.Contains(text, "\u017f") || strings.Contains(text, "\u212a") ||
		f.decoded.each(text, func(int) bool { return true })
}

// lowerASCII leaves bytes that are no ASCII alone.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = byte(lower(rune(c)))
	}
	return string(b)
}

// squeezed drops what t:removeWhitespace drops, and "+", which t:urlDecodeUni
// makes a space of.
func squeezed(r rune) rune {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', '+', 0xA0, 0x85:
		return -1
	}
	return r
}
