package stack

import "syscall"

// endWithUs makes the kernel end the child when its parent ends.
func endWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
