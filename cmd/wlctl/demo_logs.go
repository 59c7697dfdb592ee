package main

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
)

// logBuffer keeps what every service logs, to be scanned and, after a failure, shown.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func (l *logBuffer) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(string(l.bytes())), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n") + "\n(" + strconv.Itoa(len(all)) + " lines of log in all)"
}
