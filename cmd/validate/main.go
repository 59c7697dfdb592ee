// Command validate reads requests, checks them, seals recipient and content, and writes validated and rejected.
package main

import (
	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

func main() { boot.Main[wire.ValidateConfig]("validate", wire.Validate) }
