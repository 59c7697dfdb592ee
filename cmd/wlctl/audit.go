package main

import (
	"context"
	"os/user"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/schemas"
)

// audit records a privileged action before it takes effect.
func (o *operator) audit(ctx context.Context, action, tenant string) error {
	actor := "unknown"
	if u, err := user.Current(); err == nil {
		actor = u.Username
	}
	return wire.NewAuditor(o.process.Cluster).Append(ctx, schemas.AuditRecord{
		AuditID: ulid.Make().String(), Action: action, Actor: actor, TenantID: tenant, At: time.Now().UTC(), PolicyVersion: wire.PolicyVersion,
	})
}
