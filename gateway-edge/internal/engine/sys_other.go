//go:build !unix

package engine

import "syscall"

func sysRead(uintptr, []byte) (int, error)  { return 0, syscall.ENOTSUP }
func sysWrite(uintptr, []byte) (int, error) { return 0, syscall.ENOTSUP }
func peek(uintptr, []byte) (int, error)     { return 0, syscall.EAGAIN }
func hungUp(uintptr) bool                   { return false }
