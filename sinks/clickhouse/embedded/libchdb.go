//go:build linux && amd64

package embedded

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is libchdb's C API. libchdb allows one connection a process, and one query at a time on it.
type library struct {
	setSignalHandlersEnabled func(enabled int32)
	connect                  func(argc int32, argv **byte) *uintptr
	closeConn                func(conn *uintptr)
	queryN                   func(conn uintptr, query *byte, queryLen uintptr, format *byte, formatLen uintptr) uintptr
	resultBuffer             func(result uintptr) *byte
	resultLength             func(result uintptr) uintptr
	resultError              func(result uintptr) string
	destroyResult            func(result uintptr)
}

// loaded remembers the one library of this process: it is never unloaded, as its threads outlive a connection.
var loaded struct {
	sync.Mutex
	path string
	lib  *library
}

// load maps the library at path, or returns the one mapped before.
func load(path string) (*library, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.lib != nil {
		if loaded.path != path {
			return nil, errors.New("load libchdb: another copy is loaded already")
		}
		return loaded.lib, nil
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load libchdb: %w", err)
	}
	lib := new(library)
	for name, f := range map[string]any{
		"chdb_set_signal_handlers_enabled": &lib.setSignalHandlersEnabled,
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_query_n":                     &lib.queryN,
		"chdb_result_buffer":               &lib.resultBuffer,
		"chdb_result_length":               &lib.resultLength,
		"chdb_result_error":                &lib.resultError,
		"chdb_destroy_query_result":        &lib.destroyResult,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("load libchdb: %w", err)
		}
		purego.RegisterFunc(f, symbol)
	}
	lib.setSignalHandlersEnabled(0) // before anything else: its handlers would replace those of Go's runtime
	loaded.path, loaded.lib = path, lib
	return lib, nil
}

// connection is the process's one connection, on one folder. Not safe for concurrent use.
type connection struct {
	lib  *library
	conn *uintptr
}

func (l *library) open(dir string) (*connection, error) {
	args := [][]byte{[]byte("clickhouse\x00"), []byte("--path=" + dir + "\x00")}
	argv := make([]*byte, 0, len(args)+1)
	var pin runtime.Pinner
	defer pin.Unpin()
	for _, a := range args {
		pin.Pin(&a[0])
		argv = append(argv, &a[0])
	}
	argv = append(argv, nil)
	conn := l.connect(int32(len(args)), &argv[0])
	if conn == nil || *conn == 0 {
		return nil, errors.New("open the engine: no connection (is the folder in use?)")
	}
	return &connection{lib: l, conn: conn}, nil
}

func (c *connection) close() { c.lib.closeConn(c.conn) }

// query runs one statement and returns its result in the given format, copied out of the engine's memory.
func (c *connection) query(sql, format string) ([]byte, error) {
	q, f := []byte(sql), []byte(format)
	result := c.lib.queryN(*c.conn, unsafe.SliceData(q), uintptr(len(q)), unsafe.SliceData(f), uintptr(len(f)))
	runtime.KeepAlive(q)
	runtime.KeepAlive(f)
	if result == 0 {
		return nil, newQueryError("Code: 49. the engine gave no result")
	}
	defer c.lib.destroyResult(result)
	if text := c.lib.resultError(result); text != "" {
		return nil, newQueryError(text)
	}
	n := c.lib.resultLength(result)
	if n == 0 {
		return nil, nil
	}
	return append([]byte(nil), unsafe.Slice(c.lib.resultBuffer(result), n)...), nil
}
