// Command listen takes status callbacks over HTTP, verifies and reduces them.
package main

import (
	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

func main() { boot.Main[wire.ListenConfig]("listen", wire.Listen) }
