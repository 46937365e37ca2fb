//go:build unix && !linux

package meter

import "os"

// allocate reserves the blocks of the file's first n bytes by writing them.
func allocate(f *os.File, n int64) error {
	zero := make([]byte, 64<<10)
	for o := int64(0); o < n; o += int64(len(zero)) {
		if _, err := f.WriteAt(zero[:min(int64(len(zero)), n-o)], o); err != nil {
			return err
		}
	}
	return f.Sync()
}

// datasync writes a file's data to the device.
func datasync(f *os.File) error { return f.Sync() }
