package main

import (
	"context"
	"encoding/json"
	"io"
	"reflect"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

type contentCmd struct {
	Show contentShowCmd `cmd:"" help:"Show a message's content within its diagnostic window. Audited before it is shown."`
}

type contentShowCmd struct {
	MessageID string `arg:"" help:"Message id."`
	Tenant    string `required:"" help:"Tenant id."`
	askFlags
}

// Run asks custody and prints what it may show.
func (c *contentShowCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	shown, err := o.show(ctx, *c)
	if err != nil {
		return err
	}
	return printShown(s.out, shown)
}

// shown is what custody let the asker see.
type shown struct {
	Payload     schemas.Payload
	Diagnostics *schemas.Diagnostics
}

// show asks for a message's copy.
func (o *operator) show(ctx context.Context, c contentShowCmd) (s shown, err error) {
	plain, err := o.ask(ctx, c.askFlags, custody.Show, c.Tenant, c.MessageID)
	if err != nil {
		return s, err
	}
	if s.Payload, err = schemas.Payloads.Decode(plain[0]); err != nil {
		return s, err
	}
	if len(plain) > 1 {
		d, err := schemas.DiagnosticsCodec.Decode(plain[1])
		if err != nil {
			return s, err
		}
		s.Diagnostics = &d
	}
	return s, nil
}

// printShown prints JSON: the recipient, the content and the provider's answer.
func printShown(w io.Writer, s shown) error {
	object := payloadObject(s.Payload)
	if s.Diagnostics != nil {
		object["diagnostics"] = plain(reflect.ValueOf(*s.Diagnostics))
	}
	return printObject(w, object)
}

func payloadObject(p schemas.Payload) map[string]any {
	object := plain(reflect.ValueOf(p)).(map[string]any)
	object["content_type"] = p.Content.ContentType()
	return object
}

// printObject prints one JSON value for people.
func printObject(w io.Writer, object any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(object)
}
