//go:build !unix

package edge

import "time"

// maxFiles is not known here.
func maxFiles() int { return 0 }

// processorTime is not known here.
func processorTime() time.Duration { return 0 }

// residentBytes is not known here.
func residentBytes() uint64 { return 0 }
