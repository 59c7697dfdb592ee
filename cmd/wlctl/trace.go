package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

type traceCmd struct {
	MessageID string `arg:"" help:"Message id."`
	Tenant    string `required:"" help:"Tenant id."`
	JSON      bool   `help:"JSON lines." name:"json"`
}

// Run prints what happened to a message, with the wait before each step. Metadata only.
func (c *traceCmd) Run(ctx context.Context, s streams) error {
	o, err := newOperator(s)
	if err != nil {
		return err
	}
	defer o.close()
	db, err := o.clickHouse()
	if err != nil {
		return err
	}
	steps, err := db.Trace(ctx, c.Tenant, c.MessageID)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		return errors.New("nothing is recorded of this message of this tenant (yet? wlctl lag)")
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		for _, step := range steps {
			if err := encoder.Encode(step); err != nil {
				return err
			}
		}
		return nil
	}
	return printTrace(s.out, steps)
}

func printTrace(w io.Writer, steps []clickhouse.Step) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "AT (UTC)\tWAIT\tKIND\tSTAGE\tATTEMPT\tSENDER\tREASON\tCODE")
	for _, s := range steps {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.At.UTC().Format("15:04:05.000"), round(s.Wait), s.Kind, s.Stage,
			number(int64(s.Attempt)), s.SenderID, s.Reason, number(int64(s.ErrorCode)))
	}
	return table.Flush()
}

// number leaves zero out: it stands for none.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// round keeps three digits or so.
func round(d time.Duration) time.Duration {
	switch {
	case d.Abs() < time.Millisecond:
		return d.Round(time.Microsecond)
	case d.Abs() < time.Second:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Millisecond)
}
