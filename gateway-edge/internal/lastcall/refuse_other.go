//go:build !linux

package lastcall

import "errors"

func refuse(int) error { return errors.ErrUnsupported }
