// Command deliver reads routed and its lanes and hands each message to the Cloud API once.
package main

import (
	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

func main() { boot.Main[wire.DeliverConfig]("deliver", wire.Deliver) }
