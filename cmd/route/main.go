// Command route reads validated, chooses sender, region and transfer basis, and writes routed.
package main

import (
	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

func main() { boot.Main[wire.RouteConfig]("route", wire.Route) }
