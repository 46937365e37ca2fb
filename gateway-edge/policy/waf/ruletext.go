package waf

import (
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// link is one SecRule as it is written, as far as the filter of plain values
// needs it.
type link struct {
	id         int // of the rule, also for what is chained to it
	level      int // paranoia level; 0: runs at every level
	variables  string
	negated    bool
	operator   string
	argument   string
	transforms []string
}

// readLinks reads all rules of a file of the rule set.
func readLinks(files fs.FS, name string) ([]link, error) {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var out []link
	chained := false
	var last link
	for _, line := range strings.Split(strings.ReplaceAll(string(raw), "\\\n", " "), "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "SecRule ") {
			continue
		}
		variables, rest := word(line[len("SecRule "):])
		operator, rest := word(rest)
		actions, _ := word(rest)
		l := readLink(variables, operator, actions)
		if chained {
			l.id, l.level = last.id, last.level
		}
		chained = chains.MatchString(actions)
		last = l
		out = append(out, l)
	}
	return out, nil
}

var (
	chains     = regexp.MustCompile(`(?:^|[,\s])chain(?:$|[,\s])`)
	idOf       = regexp.MustCompile(`(?:^|[,\s])id:'?(\d+)`)
	levelOf    = regexp.MustCompile(`paranoia-level/(\d)`)
	transforms = regexp.MustCompile(`(?:^|[,\s])t:(\w+)`)
)

// word takes a word, which may stand in double quotes, off a line.
func word(s string) (first, rest string) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		first, rest, _ = strings.Cut(s, " ")
		return first, rest
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return strings.ReplaceAll(s[1:i], `\"`, `"`), s[i+1:]
		}
	}
	return s[1:], ""
}

func readLink(variables, operator, actions string) link {
	l := link{variables: variables}
	if m := idOf.FindStringSubmatch(actions); m != nil {
		l.id, _ = strconv.Atoi(m[1])
	}
	if m := levelOf.FindStringSubmatch(actions); m != nil {
		l.level, _ = strconv.Atoi(m[1])
	}
	for _, m := range transforms.FindAllStringSubmatch(actions, -1) {
		if m[1] == "none" {
			l.transforms = nil
			continue
		}
		l.transforms = append(l.transforms, m[1])
	}
	l.negated = strings.HasPrefix(operator, "!")
	operator = strings.TrimPrefix(operator, "!")
	l.operator, l.argument = "rx", operator
	if strings.HasPrefix(operator, "@") {
		l.operator, l.argument, _ = strings.Cut(operator[1:], " ")
	}
	return l
}

// looksAtArguments reports whether the link looks at values or names of
// arguments of a body.
func (l *link) looksAtArguments() bool {
	for _, v := range strings.Split(l.variables, "|") {
		name, _, _ := strings.Cut(v, ":")
		switch name {
		case "ARGS", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES", "&ARGS", "&ARGS_POST", "ARGS_COMBINED_SIZE", "&ARGS_NAMES":
			return true
		}
	}
	return false
}
