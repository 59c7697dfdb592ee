//go:build !linux

package kafkatest

import "syscall"

// dieWithParent is Linux's; elsewhere a broker outlives a killed test.
func dieWithParent() *syscall.SysProcAttr { return nil }
