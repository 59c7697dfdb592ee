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
	return o.auditOf(ctx, schemas.AuditRecord{Action: action, TenantID: tenant})
}

// auditOf is audit for an action that more is to be said of; who, when and the id are filled in.
func (o *operator) auditOf(ctx context.Context, r schemas.AuditRecord) error {
	r.Actor = "unknown"
	if u, err := user.Current(); err == nil {
		r.Actor = u.Username
	}
	r.AuditID, r.At, r.PolicyVersion = ulid.Make().String(), time.Now().UTC(), wire.PolicyVersion
	return wire.NewAuditor(o.process.Cluster).Append(ctx, r)
}
