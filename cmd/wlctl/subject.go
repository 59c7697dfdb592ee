package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/stages/validate"
	"github.com/whatsapplink/cloud/stages/validate/phone"
)

type subjectCmd struct {
	Delete subjectDeleteCmd `cmd:"" help:"Delete a person's rows from ClickHouse, on a tenant's instruction."`
}

type subjectDeleteCmd struct {
	Tenant string `required:"" help:"Tenant on whose instruction it is done."`
	File   string `help:"File of the person's phone numbers and user ids, one a line; standard input without." type:"existingfile"`
	Apply  bool   `help:"Do it; without, only print the plan."`
}

// Run deletes what was accepted for a person until now. Objections stay, as do receipts and audit, which name nobody;
// content ends by its window. No identifier is an argument or is printed.
func (c *subjectDeleteCmd) Run(ctx context.Context, s streams) error {
	return c.run(ctx, s, clickhouse.DeletionSettles)
}

func (c *subjectDeleteCmd) run(ctx context.Context, s streams, wait time.Duration) error {
	in := s.in
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	subject := clickhouse.Subject{TenantID: c.Tenant, Through: time.Now().UTC()}
	if subject.Refs, err = o.refsOf(ctx, c.Tenant, in); err != nil {
		return err
	}
	db, err := o.clickHouse()
	if err != nil {
		return err
	}
	sends, err := db.SubjectSends(ctx, subject)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "delete %d messages of tenant %s, known by %d refs: their events, messages and counts\n", sends, c.Tenant, len(subject.Refs))
	if !c.Apply {
		_, err = fmt.Fprintln(s.out, "run again with --apply")
		return err
	}
	if err := o.auditOf(ctx, schemas.AuditRecord{Action: "subject_deleted", TenantID: c.Tenant, Purpose: "rights"}); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.err, "waiting %s for what is being inserted\n", wait)
	if err := db.DeleteSubject(ctx, subject, wait); err != nil {
		return fmt.Errorf("not finished, run it again: %w", err)
	}
	_, err = fmt.Fprintln(s.out, "deleted; the bytes leave the disk with the old parts (8 minutes unless old_parts_lifetime says otherwise)")
	return err
}

// refsOf turns identifiers, one a line, into the refs of a tenant: one for each spelling that stands for the same account.
// An error names a line by its number only.
func (o *operator) refsOf(ctx context.Context, tenant string, in io.Reader) (all [][]byte, err error) {
	tenants, err := o.tenants(ctx)
	if err != nil {
		return nil, err
	}
	if _, known := tenants[tenant]; !known {
		return nil, fmt.Errorf("no tenant %q is registered (wlctl tenant list)", tenant)
	}
	if o.cfg.RefsURL == "" {
		return nil, boot.NotSet("WL_REFS_URL")
	}
	keeper, err := seal.OpenKeeper(o.cfg.RefsURL, "")
	if err != nil {
		return nil, boot.Problem{Variable: "WL_REFS_URL", What: "is not a keeper URL that can be used"}
	}
	refs := seal.NewRefs(keeper, func(id string) ([]byte, bool) { return tenants[id].RefsKey, true })
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		id := strings.TrimSpace(lines.Text())
		if id == "" {
			continue
		}
		kind, spellings, ok := identifier(id)
		if !ok {
			return nil, fmt.Errorf("line %d is neither a phone number with its plus nor a user id", n)
		}
		for _, spelling := range spellings {
			ref, err := refs.Ref(ctx, tenant, kind, spelling)
			if err != nil {
				return nil, err
			}
			all = append(all, ref)
		}
	}
	if lines.Err() != nil {
		return nil, errors.New("the identifiers cannot be read") // the cause may quote them
	}
	if len(all) == 0 {
		return nil, errors.New("no identifier was given: one a line, on standard input or in --file")
	}
	return all, nil
}

// identifier reads a phone number or a user id, and returns all spellings under which the account may be known.
func identifier(id string) (kind seal.RefKind, spellings []string, ok bool) {
	if number, ok := phone.Parse(id); ok {
		return seal.RefPhone, phone.Aliases(number.E164), true
	}
	_, ok = validate.UserIDCountry(id)
	return seal.RefUserID, []string{id}, ok
}
