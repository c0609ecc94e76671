//go:build unix

package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// resources are the CPU time that the process has used and the most memory
// that it has had.
func resources() (cpuSeconds float64, peakMiB int64) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, 0
	}
	cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	peak := int64(u.Maxrss) * 1024 // kilobytes, but on macOS bytes
	if runtime.GOOS == "darwin" {
		peak /= 1024
	}
	return cpu.Seconds(), peak >> 20
}
