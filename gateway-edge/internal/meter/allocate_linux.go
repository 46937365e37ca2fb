package meter

import (
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves the blocks of the file's first n bytes.
func allocate(f *os.File, n int64) error {
	for {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, n); err != unix.EINTR {
			return err
		}
	}
}

// datasync writes a file's data to the device, not its times.
func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
