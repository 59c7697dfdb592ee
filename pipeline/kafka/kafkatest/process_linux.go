package kafkatest

import "syscall"

// dieWithParent makes the kernel end the broker when the process that started it ends, however it ends.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
