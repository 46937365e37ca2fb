package disklog

import (
	"os"
	"syscall"
)

// datasync flushes data and size, without other metadata.
func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
