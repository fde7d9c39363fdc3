//go:build unix

package dev

import "syscall"

// ownGroup puts a child into a process group of its own, so that Ctrl-C in the
// terminal reaches the parent only.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
