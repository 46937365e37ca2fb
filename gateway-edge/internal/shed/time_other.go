//go:build !unix

package shed

import "time"

// processTime is not known here: queues count for overloads once they stand for long.
func processTime() time.Duration { return 0 }
