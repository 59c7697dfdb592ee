//go:build !(linux && amd64)

package embedded

import "errors"

var errPlatform = errors.New("load libchdb: the embedded engine exists for linux/amd64 only; name a server instead")

type library struct{}

func load(string) (*library, error) { return nil, errPlatform }

type connection struct{}

func (*library) open(string) (*connection, error) { return nil, errPlatform }

func (*connection) close() {}

func (*connection) query(_, _ string) ([]byte, error) { return nil, errPlatform }
