package keystore

import (
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves the blocks of a part of the file and makes it that long.
func allocate(f *os.File, off, n int64) error {
	for {
		if err := unix.Fallocate(int(f.Fd()), 0, off, n); err != unix.EINTR {
			return err
		}
	}
}

func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
