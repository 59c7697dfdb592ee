package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

type tenantCmd struct {
	Put     tenantPutCmd     `cmd:"" help:"Register or change tenants from a YAML file; fields as in the Tenant record."`
	List    tenantListCmd    `cmd:"" help:"List tenants."`
	Suspend tenantSuspendCmd `cmd:"" help:"Stop a tenant's sends within a minute."`
	Resume  tenantResumeCmd  `cmd:"" help:"Let a suspended tenant send again."`
}

type tenantPutCmd struct {
	File  string `arg:"" help:"tenants.yaml" type:"existingfile"`
	Own   bool   `help:"Give each tenant an ingress topic of its own, requests.<tenant>."`
	Apply bool   `help:"Do it; without, only print the plan."`
}

// Run registers the tenants of a file.
func (c *tenantPutCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	if !c.Apply {
		tenants, err := readTenants(c.File)
		if err != nil {
			return err
		}
		for _, t := range tenants {
			_, _ = fmt.Fprintf(s.out, "put tenant %s: %s, %d senders\n", t.TenantID, t.Status, len(t.Senders))
		}
		_, err = fmt.Fprintln(s.out, "run again with --apply")
		return err
	}
	if c.Own {
		tenants, err := readTenants(c.File)
		if err != nil {
			return err
		}
		for _, t := range tenants {
			if err := o.tenantTopics(ctx, t.TenantID, false, true); err != nil {
				return err
			}
		}
	}
	return putTenants(ctx, o, c.File, s.out)
}

// putTenants gives each tenant its topics and a refs key, keeps the key it has, and appends its record.
func putTenants(ctx context.Context, o *operator, path string, out io.Writer) error {
	tenants, err := readTenants(path)
	if err != nil {
		return err
	}
	if o.cfg.RefsURL == "" {
		return boot.NotSet("WL_REFS_URL")
	}
	keeper, err := seal.OpenKeeper(o.cfg.RefsURL, "")
	if err != nil {
		return boot.Problem{Variable: "WL_REFS_URL", What: "is not a keeper URL that can be used"}
	}
	registered, err := o.tenants(ctx)
	if err != nil {
		return err
	}
	if err := distinct(merged(registered, tenants)); err != nil {
		return err
	}
	if err := checkOwners(tenants, registered); err != nil {
		return err
	}
	for _, t := range tenants {
		if err := o.tenantTopics(ctx, t.TenantID, t.Outcomes, false); err != nil {
			return err
		}
		if t.RefsKey, err = refsKey(ctx, keeper, registered[t.TenantID]); err != nil {
			return err
		}
		if err := o.audit(ctx, "tenant_put", t.TenantID); err != nil {
			return err
		}
		if err := o.putTenant(ctx, t); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "tenant %s: %s, %d senders\n", t.TenantID, t.Status, len(t.Senders))
	}
	return nil
}

// refsKey is the key that a registered tenant has, or a new one. A keeper that cannot open it would stop every stage that
// makes refs, and a new key would part a recipient's old refs from the new.
func refsKey(ctx context.Context, keeper seal.Keeper, registered schemas.Tenant) ([]byte, error) {
	if len(registered.RefsKey) == 0 {
		return seal.NewRefsKey(ctx, keeper)
	}
	if _, err := keeper.Unwrap(ctx, registered.RefsKey); err != nil {
		return nil, boot.Problem{Variable: "WL_REFS_URL", What: "cannot open the refs key of tenant " + registered.TenantID, Hint: "it was registered under another key, or the keeper does not answer"}
	}
	return registered.RefsKey, nil
}

// merged is the register as it will be: what is registered, less what is closed, with the changed ones changed.
func merged(registered map[string]schemas.Tenant, changed []schemas.Tenant) []schemas.Tenant {
	all := slices.Clone(changed)
	for id, t := range registered {
		if t.Status != "closed" && !slices.ContainsFunc(changed, func(c schemas.Tenant) bool { return c.TenantID == id }) {
			all = append(all, t)
		}
	}
	return all
}

// checkOwners refuses a number or an account that two tenants claim: callbacks name a number, and it must name its tenant.
func checkOwners(tenants []schemas.Tenant, registered map[string]schemas.Tenant) error {
	all := maps.Clone(registered)
	for _, t := range tenants {
		all[t.TenantID] = t
	}
	owner := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		for _, s := range all[id].Senders {
			for _, claimed := range []string{"number " + s.PhoneNumberID, "account " + s.WABA} {
				if other, taken := owner[claimed]; taken && other != id {
					return fmt.Errorf("%s is claimed by the tenants %s and %s", claimed, other, id)
				}
				owner[claimed] = id
			}
		}
	}
	return nil
}

func (o *operator) putTenant(ctx context.Context, t schemas.Tenant) error {
	if t.EffectiveAt.IsZero() {
		t.EffectiveAt = time.Now().UTC()
	}
	t.PolicyVersion = wire.PolicyVersion
	value, err := schemas.Tenants.Encode(&t)
	if err != nil {
		return fmt.Errorf("encode tenant: %w", err)
	}
	_, err = o.process.Cluster.Log().Append(ctx, []pipeline.Output{{
		Topic: wire.TenantsT, Partition: pipeline.AnyPartition, Key: []byte(t.TenantID), Value: value,
	}})
	return err
}

// tenants reads the register to its end.
func (o *operator) tenants(ctx context.Context) (map[string]schemas.Tenant, error) {
	return wire.ReadRegister(ctx, o.process.Cluster, wire.TenantsT, schemas.Tenants.Decode)
}

type tenantListCmd struct {
	JSON bool `help:"JSON lines." name:"json"`
}

// Run lists tenants.
func (c *tenantListCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	tenants, err := o.tenants(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	defer func() { _ = table.Flush() }()
	if !c.JSON {
		_, _ = fmt.Fprintln(table, "TENANT\tSTATUS\tREGION\tSENDERS\tDIAGNOSTIC WINDOW\tOUTCOMES")
	}
	for _, id := range slices.Sorted(maps.Keys(tenants)) {
		t := tenants[id]
		if c.JSON {
			if err := json.NewEncoder(s.out).Encode(t); err != nil {
				return err
			}
			continue
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%t\n", id, t.Status, t.Region, len(t.Senders), t.DiagnosticWindow, t.Outcomes)
	}
	return nil
}

type tenantSuspendCmd struct {
	tenantStatusCmd
}

// Run suspends.
func (c *tenantSuspendCmd) Run(ctx context.Context, s streams) error {
	return c.set(ctx, s, "suspended")
}

type tenantResumeCmd struct {
	tenantStatusCmd
}

// Run resumes.
func (c *tenantResumeCmd) Run(ctx context.Context, s streams) error { return c.set(ctx, s, "active") }

type tenantStatusCmd struct {
	Tenant string `arg:"" help:"Tenant id."`
	Apply  bool   `help:"Do it; without, only print the plan."`
}

func (c *tenantStatusCmd) set(ctx context.Context, s streams, status string) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	tenants, err := o.tenants(ctx)
	if err != nil {
		return err
	}
	t, ok := tenants[c.Tenant]
	if !ok {
		return fmt.Errorf("no tenant %q is registered (wlctl tenant list)", c.Tenant)
	}
	if t.Status == "closed" {
		return fmt.Errorf("tenant %s is closed", c.Tenant)
	}
	_, _ = fmt.Fprintf(s.out, "tenant %s: %s -> %s\n", c.Tenant, t.Status, status)
	if !c.Apply {
		_, err := fmt.Fprintln(s.out, "run again with --apply")
		return err
	}
	if err := o.audit(ctx, "tenant_"+status, c.Tenant); err != nil {
		return err
	}
	t.Status = status
	t.EffectiveAt = time.Now().UTC()
	return o.putTenant(ctx, t)
}
