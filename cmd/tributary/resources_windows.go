package main

import (
	"time"

	"golang.org/x/sys/windows"
)

// resources are the CPU time that the process has used; Windows keeps the peak
// memory elsewhere, so it is not told.
func resources() (cpuSeconds float64, peakMiB int64) {
	var creation, exit, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &creation, &exit, &kernel, &user); err != nil {
		return 0, 0
	}
	ticks := func(t windows.Filetime) time.Duration { // of 100 ns
		return time.Duration(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime)) * 100
	}
	return (ticks(kernel) + ticks(user)).Seconds(), 0
}
