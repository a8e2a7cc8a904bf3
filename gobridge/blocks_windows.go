package gobridge

import (
	"syscall"
	"unsafe"
)

var (
	kernel32     = syscall.NewLazyDLL("kernel32.dll")
	virtualAlloc = kernel32.NewProc("VirtualAlloc")
	virtualFree  = kernel32.NewProc("VirtualFree")
)

func mapMemory(nbytes int) ([]byte, error) {
	const commitAndReserve, readWrite = 0x3000, 0x04
	address, _, err := virtualAlloc.Call(0, uintptr(nbytes), commitAndReserve, readWrite)
	if address == 0 {
		return nil, err
	}
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), nbytes), nil
}

func unmapMemory(memory []byte) {
	const release = 0x8000
	_, _, _ = virtualFree.Call(uintptr(unsafe.Pointer(unsafe.SliceData(memory))), 0, release)
}
