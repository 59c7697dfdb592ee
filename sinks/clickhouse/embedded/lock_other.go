//go:build !unix

package embedded

import "os"

// tryLock has nothing to guard: there is no library for this platform.
func tryLock(*os.File) (bool, error) { return true, nil }
