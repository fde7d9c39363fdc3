package dev

import "syscall"

// ownGroup puts a child into a process group of its own, so that Ctrl-C in the
// console reaches the parent only.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
