package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// migrate brings the tables up to date, and then who may do what with them.
func (o *operator) migrate(ctx context.Context, out io.Writer) error {
	db, err := o.clickHouse()
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "tables: migrated")
	switch err := db.ApplyAccess(ctx); {
	case errors.Is(err, clickhouse.ErrNoAccessControl):
		_, _ = fmt.Fprintln(out, noRoles)
	case err != nil:
		return err
	default:
		_, _ = fmt.Fprintln(out, "roles: applied")
	}
	return nil
}

const noRoles = "roles: not applied, this ClickHouse keeps no users or roles; whoever reaches it may do everything"

// accessDrift prints how the grants differ from the files and returns in how many places. A ClickHouse that does not
// answer is no drift: topics can be checked without it.
func (o *operator) accessDrift(ctx context.Context, out io.Writer) int {
	db, err := o.clickHouse()
	var drift []string
	if err == nil {
		drift, err = db.AccessDrift(ctx)
	}
	switch {
	case errors.Is(err, clickhouse.ErrNoAccessControl):
		_, _ = fmt.Fprintln(out, noRoles)
	case err != nil:
		_, _ = fmt.Fprintf(out, "roles: not checked: %v\n", err)
	}
	for _, d := range drift {
		_, _ = fmt.Fprintln(out, d)
	}
	return len(drift)
}
