//go:build !linux

package deployment

import "syscall"

// dieWithParent is Linux's; elsewhere a process outlives a killed test.
func dieWithParent() *syscall.SysProcAttr { return nil }
