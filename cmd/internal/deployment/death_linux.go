package deployment

import "syscall"

// dieWithParent makes the kernel end a process when the one that started it ends, however it ends.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
