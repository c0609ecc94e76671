package stream

import "golang.org/x/sys/windows"

// freeBytes is what this user may still write.
func freeBytes(dir string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return free, nil
}

// syncDir does nothing: Windows keeps directory entries by itself and can't
// open a directory for writing.
func syncDir(string) error { return nil }
