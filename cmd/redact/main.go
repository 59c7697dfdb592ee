// Command redact reads the delivered lanes and strips each copy when its window is over.
package main

import (
	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

func main() { boot.Main[wire.RedactConfig]("redact", wire.Redact) }
