package shed

import (
	"bufio"
	"errors"
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// headroom is the share of a memory limit that is left to what the runtime does not
// count: threads, the kernel's buffers, mapped files.
const headroom = 0.9

// Limit finds the memory that the process may use and makes the collector keep to
// it. configured is the operator's, in bytes, 0 for none. Where the environment has a
// GOMEMLIMIT, that stands; else it is nine tenths of what is configured, or of the
// least limit of the control groups under root (the root directory's files). With
// none of them the machine's memory is the limit, and the collector is left alone.
// The answer is what Config.MemoryLimit should be; 0: nothing is known.
func Limit(configured int64, root fs.FS) int64 {
	if own := debug.SetMemoryLimit(-1); own != math.MaxInt64 {
		return own
	}
	limit := configured
	if limit == 0 {
		limit = cgroupLimit(root)
	}
	all := physical(root)
	if limit > 0 && (all == 0 || limit < all) {
		limit = int64(float64(limit) * headroom)
		debug.SetMemoryLimit(limit)
		return limit
	}
	return int64(float64(all) * headroom)
}

// cgroupLimit is the least memory limit of the control groups that the process is
// in, version 2 or 1; 0: none.
func cgroupLimit(root fs.FS) (least int64) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		dir, file := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[0] == "0" && parts[1] == "":
		case parts[1] == "memory":
			dir, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// A container sees its own group as the root: the path may lead nowhere.
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			if n := number(root, path.Join(dir, at, file)); n > 0 && (least == 0 || n < least) {
				least = n
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}

// number reads a file with one number; 0: there is none, or it means no limit.
func number(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 || n >= 1<<60 {
		return 0
	}
	return n
}

// physical is the machine's memory in bytes, 0 where it can't be told.
func physical(root fs.FS) int64 {
	f, err := root.Open("proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// errBytes is what a size looks like.
var errBytes = errors.New("want a number of bytes such as 512MiB or 2GiB")

// ParseBytes reads a size: a number with B, KiB, MiB, GiB or TiB behind it, as
// GOMEMLIMIT is written.
func ParseBytes(text string) (int64, error) {
	unit := int64(1)
	digits := text
	for i, suffix := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if rest, ok := strings.CutSuffix(text, suffix); ok && (i > 0 || !strings.HasSuffix(rest, "i")) {
			if n := len(rest); n > 0 && rest[n-1] >= '0' && rest[n-1] <= '9' {
				unit, digits = 1<<(10*i), rest
			}
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, errBytes
	}
	return n * unit, nil
}
