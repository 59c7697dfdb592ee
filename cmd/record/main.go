// Command record lands events, receipts, audit, suppressions and what tenants' records say of policy in ClickHouse.
package main

import (
	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

func main() { boot.Main[wire.RecordConfig]("record", wire.Record) }
