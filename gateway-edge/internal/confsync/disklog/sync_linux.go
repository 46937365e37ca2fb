package disklog

import (
	"os"
	"syscall"
)

// datasync flushes data and size, without other metadata.
func datasync(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = syscall.Fdatasync(int(fd)) }); cerr != nil {
		return cerr // it was closed meanwhile
	}
	return err
}
