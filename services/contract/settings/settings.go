package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const prefix = "TOLLGATE_"

// Values are the settings that a process was given.
type Values struct {
	m   map[string]string
	set map[string]bool
	// oidc are the settings of sign-in providers, whose names the operator chooses.
	oidc map[string]string
	// otel are OpenTelemetry's own variables, which have its names.
	otel map[string]string
	// Args are the arguments that are no flags.
	Args []string
	// Help is true when -h or --help was given.
	Help bool
}

// Load reads the settings called names from args (flags win) and environ
// (KEY=value lines, as os.Environ gives them), with more as settings of this one
// process. Every mistake is reported at once.
func Load(names []string, args, environ []string, more ...Setting) (*Values, error) {
	v := &Values{m: map[string]string{}, set: map[string]bool{}, oidc: map[string]string{}, otel: map[string]string{}}
	known := map[string]Setting{}
	for _, n := range names {
		s, ok := lookup(n)
		if !ok {
			return nil, fmt.Errorf("setting %q is not in the table", n)
		}
		known[n] = s
	}
	for _, s := range more {
		known[s.Name] = s
	}
	for n, s := range known {
		v.m[n] = s.Default
	}
	errs := v.readEnv(known, environ)
	errs = append(errs, v.readFlags(known, args)...)
	return v, errors.Join(errs...)
}

func (v *Values) readEnv(known map[string]Setting, environ []string) (errs []error) {
	for _, line := range environ {
		key, value, _ := strings.Cut(line, "=")
		if strings.HasPrefix(key, "OTEL_") {
			v.otel[key] = value
		}
		name, ok := strings.CutPrefix(key, prefix)
		if !ok || strings.HasPrefix(name, "TEST_") {
			continue
		}
		if s, here := known[name]; here && !s.FlagOnly {
			v.m[name], v.set[name] = value, true
			continue
		}
		if _, _, ok := cutOIDC(name); ok {
			v.oidc[name] = value
			continue
		}
		if _, other := lookup(name); other {
			continue // another role's
		}
		errs = append(errs, fmt.Errorf("%s is not a setting of Tollgate; did you mean %s?", key, prefix+closest(name, tableNames())))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

func (v *Values) readFlags(known map[string]Setting, args []string) (errs []error) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			v.Args = append(v.Args, args[i+1:]...)
			break
		}
		if a == "-h" || a == "--help" || a == "-help" {
			v.Help = true
			continue
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			v.Args = append(v.Args, a)
			continue
		}
		flag, value, given := strings.Cut(strings.TrimLeft(a, "-"), "=")
		name := strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		s, ok := known[name]
		_, _, oidc := cutOIDC(name)
		if !ok && !oidc {
			errs = append(errs, fmt.Errorf("unknown flag --%s; did you mean --%s?", flag, flagName(closest(name, keys(known)))))
			continue
		}
		switch {
		case given:
		case s.Bool:
			value = "true"
		case i+1 < len(args):
			i++
			value = args[i]
		default:
			errs = append(errs, fmt.Errorf("--%s needs a value: %s", flag, s.Help))
			continue
		}
		if oidc {
			v.oidc[name] = value
			continue
		}
		v.m[name], v.set[name] = value, true
	}
	return errs
}

func flagName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }

// String returns a setting's value, "" when it was neither set nor has a default.
func (v *Values) String(name string) string { return v.m[name] }

// Set gives a setting another value, as `up` does for what it makes itself.
func (v *Values) Set(name, value string) { v.m[name], v.set[name] = value, true }

// Environment returns one of OpenTelemetry's variables, OTEL_…; "" where it is not
// set.
func (v *Values) Environment(name string) string { return v.otel[name] }

// Given says whether the operator set it.
func (v *Values) Given(name string) bool { return v.set[name] }

// Require returns an error that names every one of names that has no value.
func (v *Values) Require(names ...string) error {
	var errs []error
	for _, n := range names {
		if v.m[n] == "" {
			s, _ := lookup(n)
			errs = append(errs, fmt.Errorf("%s%s must be set: %s", prefix, n, s.Help))
		}
	}
	return errors.Join(errs...)
}

// Bool reads a truth value.
func (v *Values) Bool(name string) (bool, error) {
	b, err := strconv.ParseBool(v.m[name])
	if err != nil {
		return false, fmt.Errorf("%s%s is %q, want true or false", prefix, name, v.m[name])
	}
	return b, nil
}

// Count reads a number above 0; one that is not set is 0.
func (v *Values) Count(name string) (int, error) {
	text := v.m[name]
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s%s is %q, want a number above 0", prefix, name, text)
	}
	return int(n), nil
}

// Duration reads a duration that is not negative.
func (v *Values) Duration(name string) (time.Duration, error) {
	d, err := time.ParseDuration(v.m[name])
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s%s is %q, want a duration such as 30s", prefix, name, v.m[name])
	}
	return d, nil
}

// List reads a comma-separated list.
func (v *Values) List(name string) []string {
	var out []string
	for p := range strings.SplitSeq(v.m[name], ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// Logger makes the process's logger on standard error as LOG_FORMAT says.
func (v *Values) Logger() (*slog.Logger, error) {
	switch f := v.m[LogFormat]; f {
	case "json", "":
		return slog.New(slog.NewJSONHandler(os.Stderr, nil)), nil
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, nil)), nil
	default:
		return nil, fmt.Errorf("%s%s is %q, want json or text", prefix, LogFormat, f)
	}
}

// Usage describes the settings called names, one a line, for --help.
func Usage(names []string, more ...Setting) string {
	var b strings.Builder
	write := func(s Setting) {
		fmt.Fprintf(&b, "  --%-26s %s", flagName(s.Name), s.Help)
		if s.Default != "" {
			fmt.Fprintf(&b, " (default %s)", s.Default)
		}
		b.WriteByte('\n')
	}
	for _, s := range more {
		write(s)
	}
	for _, s := range table {
		if slices.Contains(names, s.Name) {
			write(s)
		}
	}
	b.WriteString("\nEach flag can be given as an environment variable too: --edge-addr is TOLLGATE_EDGE_ADDR.\n")
	return b.String()
}

func tableNames() []string {
	var out []string
	for _, s := range table {
		out = append(out, s.Name)
	}
	return out
}

func keys(m map[string]Setting) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// closest returns the candidate with the smallest edit distance.
func closest(name string, candidates []string) string {
	best, dist := "", 1<<30
	for _, c := range candidates {
		if d := distance(name, c); d < dist {
			best, dist = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := prev
			if a[i-1] != b[j-1] {
				cost++
			}
			prev = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
