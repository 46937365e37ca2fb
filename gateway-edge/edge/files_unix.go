//go:build unix

package edge

import "syscall"

// maxFiles is the number of files that the process may open, 0 where there is no
// bound that matters.
func maxFiles() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur <= 0 || uint64(files.Cur) >= 1<<30 {
		return 0
	}
	return int(files.Cur)
}
