// Command custody answers controls: who may see content, when, and with what audit record.
package main

import (
	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

func main() { boot.Main[wire.CustodyConfig]("custody", wire.Custody) }
