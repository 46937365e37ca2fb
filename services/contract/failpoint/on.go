//go:build chaos

package failpoint

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// On says whether points do anything in this build.
const On = true

// Environment.
const (
	variable = "FP"
	ahead    = "FP_AHEAD"
)

// exitCode is that of the action "exit".
const exitCode = 3

// trap is what happens at one hit of a point.
type trap struct {
	action string
	sleep  time.Duration
	at     int64
}

var (
	traps map[Point][]trap
	hits  = map[Point]*atomic.Int64{} // immutable but for the numbers
	skew  atomic.Int64                // nanoseconds
)

func init() {
	for _, p := range Points {
		hits[p] = new(atomic.Int64)
	}
	var err error
	if traps, err = parse(os.Getenv(variable)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", variable, err)
		os.Exit(2)
	}
	if file := os.Getenv(ahead); file != "" {
		readAhead(file)
		go func() {
			for range time.Tick(50 * time.Millisecond) {
				readAhead(file)
			}
		}()
	}
}

// parse reads "point:action:hit" and more after commas.
func parse(text string) (map[Point][]trap, error) {
	out := map[Point][]trap{}
	if text == "" {
		return out, nil
	}
	var errs []error
	for part := range strings.SplitSeq(text, ",") {
		f := strings.Split(part, ":")
		if len(f) != 3 {
			errs = append(errs, fmt.Errorf("%q: want point:action:hit", part))
			continue
		}
		p := Point(f[0])
		if !slices.Contains(Points, p) {
			errs = append(errs, fmt.Errorf("%q: there is no point %q", part, f[0]))
		}
		t, err := parseTrap(f[1], f[2])
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", part, err))
		}
		out[p] = append(out[p], t)
	}
	return out, errors.Join(errs...)
}

func parseTrap(action, hit string) (t trap, err error) {
	if t.at, err = strconv.ParseInt(hit, 10, 64); err != nil || t.at < 1 {
		return t, fmt.Errorf("the hit is %q, want a number from 1", hit)
	}
	t.action = action
	if ms, ok := strings.CutPrefix(action, "sleep="); ok {
		n, err := strconv.ParseUint(ms, 10, 31)
		t.action, t.sleep = "sleep", time.Duration(n)*time.Millisecond
		if err != nil {
			return t, fmt.Errorf("sleep is %q, want milliseconds", ms)
		}
		return t, nil
	}
	if !slices.Contains([]string{"kill", "exit", "panic"}, action) {
		return t, fmt.Errorf("the action is %q, want kill, exit, panic or sleep=ms", action)
	}
	return t, nil
}

// Hit does what the environment says of a point.
func Hit(p Point) {
	n := hits[p].Add(1)
	for _, t := range traps[p] {
		if t.at != n {
			continue
		}
		fmt.Fprintf(os.Stderr, "failpoint %s: %s at hit %d\n", p, t.action, n)
		switch t.action {
		case "kill":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // no step after it, whatever thread the signal finds first
		case "exit":
			os.Exit(exitCode)
		case "panic":
			panic("failpoint " + string(p))
		case "sleep":
			time.Sleep(t.sleep)
		}
	}
}

// Ahead is how far the wall clock is ahead of the machine's.
func Ahead() time.Duration { return time.Duration(skew.Load()) }

func readAhead(file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		return
	}
	if d, err := time.ParseDuration(strings.TrimSpace(string(b))); err == nil {
		skew.Store(int64(d))
	}
}
