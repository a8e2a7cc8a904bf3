//go:build unix

package gobridge

import "syscall"

func mapMemory(nbytes int) ([]byte, error) {
	return syscall.Mmap(-1, 0, nbytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

func unmapMemory(memory []byte) { _ = syscall.Munmap(memory) }
