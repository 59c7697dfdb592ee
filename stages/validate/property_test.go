package validate

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

var errDown = errors.New("registry is down")

type registryDown struct{}

func (registryDown) SchemaByID(context.Context, int) (string, error) { return "", errDown }

// validContent draws content within Meta's limits.
func validContent(t *rapid.T) schemas.Content {
	word := rapid.StringMatching(`[\p{L}\p{N}😀][\p{L}\p{N} 😀]{0,19}`)
	short := func(label string) string { return rapid.StringMatching(`[a-zß-ü0-9]{1,20}`).Draw(t, label) }
	switch rapid.SampledFrom([]string{"text", "media", "location", "contacts", "reaction", "template", "interactive", "raw"}).Draw(t, "kind") {
	case "media":
		m := schemas.Media{Kind: rapid.SampledFrom([]schemas.MediaKind{"image", "video", "audio", "document", "sticker"}).Draw(t, "media"), ID: "9"}
		if mediaParts[m.Kind].caption {
			m.Caption = word.Draw(t, "caption")
		}
		return m
	case "location":
		return schemas.Location{Latitude: rapid.Float64Range(-90, 90).Draw(t, "lat"), Longitude: rapid.Float64Range(-180, 180).Draw(t, "lon")}
	case "contacts":
		return validatetest.ContactOf(func(c *schemas.Contact) { c.Name.FormattedName = word.Draw(t, "name") })
	case "reaction":
		return schemas.Reaction{MessageID: wamid, Emoji: rapid.SampledFrom([]string{"", "👍", "❤️"}).Draw(t, "emoji")}
	case "template":
		return validatetest.TemplateOf(validatetest.BodyOf(rapid.SliceOfN(rapid.StringMatching(`[a-z€😀]{1,30}`), 0, 8).Draw(t, "parameters")...))
	case "interactive":
		return validatetest.ButtonsOf(schemas.InteractiveButton{ID: short("id"), Title: short("title")})
	case "raw":
		return schemas.Raw{Type: "order_details", JSON: `{"reference_id":"` + short("reference") + `"}`}
	}
	return schemas.Text{Body: word.Draw(t, "body")}
}

func validRequest(t *rapid.T) Request {
	r := requestOf(validContent(t))
	r.MessageID = rapid.StringMatching(`[0-7][0-9A-HJKMNP-TV-Z]{25}`).Draw(t, "ulid")
	r.Recipient.Phone = rapid.StringMatching(`\+49151[1-9][0-9]{7}|\+1415555[0-9]{4}|\+55119[6-9][0-9]{7}`).Draw(t, "phone")
	if rapid.Bool().Draw(t, "also user id") {
		r.Recipient.UserID = "US." + rapid.StringMatching(`[0-9]{20}`).Draw(t, "user id")
	}
	r.Category = rapid.SampledFrom([]schemas.Category{schemas.Utility, schemas.Marketing, schemas.Service}).Draw(t, "category")
	r.DiagnosticWindow = rapid.SampledFrom([]string{"", "0s", "24h", "168h"}).Draw(t, "window")
	if d := rapid.Int64Range(0, 1<<30).Draw(t, "expires"); d > 0 {
		r.ExpiresAt = accepted.Add(time.Duration(d) * time.Millisecond)
	}
	if rapid.Bool().Draw(t, "labels") {
		r.Labels = map[string]string{"campaign": rapid.StringMatching(`[a-z_.-]{1,48}`).Draw(t, "label")}
	}
	return r
}

// Goal: valid requests pass, the same way each time, and what leaves can be encoded and holds no recipient or content in
// clear. Method: random valid requests; the clear record is searched for the phone, the user id and the content's words.
func TestValidRequestsPassAndLeaveNothingInClear(t *testing.T) {
	t.Parallel()
	s := newStage()
	rapid.Check(t, func(t *rapid.T) {
		r := validRequest(t)
		out, err := s.Step(r)
		if err != nil {
			t.Fatalf("%v", err)
		}
		again, _ := s.Step(r)
		if !reflect.DeepEqual(out, again) {
			t.Fatal("two steps over one request differ")
		}
		v := out[0].Validated
		clear := encoded(t, v)
		secrets := []string{r.Recipient.Phone[1:], r.Recipient.UserID}
		switch c := r.Content.(type) {
		case schemas.Text:
			secrets = append(secrets, c.Body)
		case schemas.Template:
			secrets = append(secrets, c.Name)
		case schemas.Contacts:
			secrets = append(secrets, c.Contacts[0].Name.FormattedName)
		}
		for _, secret := range secrets {
			if len(secret) >= 8 && bytes.Contains(clear, []byte(secret)) {
				t.Fatalf("the clear record holds %q", secret)
			}
		}
		if len(v.RecipientRefs) == 0 || len(v.RecipientRefs[0]) != 16 || len(v.Country) != 2 || v.Labels == nil ||
			!v.ExpiresAt.After(accepted) || v.ExpiresAt.Sub(accepted) > 12*time.Hour {
			t.Fatalf("clear fields: %+v", v)
		}
	})
}

// Goal: two messages alike in type, size class, template, category, country and labels are alike in clear. Method:
// random valid requests, their letters replaced; clear metadata is compared byte for byte, refs apart.
func TestClearMetadataTellsNothingOfContent(t *testing.T) {
	t.Parallel()
	s := newStage()
	rapid.Check(t, func(t *rapid.T) {
		a, b := validRequest(t), Request{}
		b = a
		b.Recipient.Phone = a.Recipient.Phone[:len(a.Recipient.Phone)-4] + rapid.StringMatching(`[0-9]{4}`).Draw(t, "other digits")
		b.MessageID = uuidID
		b.Content = replaced(a.Content)
		if got, want := clearOf(t, s, b), clearOf(t, s, a); !bytes.Equal(got, want) {
			t.Fatal("clear metadata of two like messages differ")
		}
	})
}

// replaced returns content of the same shape and length with other words.
func replaced(c schemas.Content) schemas.Content {
	other := func(s string) string {
		return strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				return 'z' - (r - 'a')
			}
			return r
		}, s)
	}
	switch c := c.(type) {
	case schemas.Text:
		c.Body = other(c.Body)
		return c
	case schemas.Media:
		c.ID, c.Caption = "8", other(c.Caption)
		return c
	case schemas.Location:
		return schemas.Location{Latitude: -c.Latitude, Longitude: -c.Longitude}
	case schemas.Template:
		return validatetest.TemplateOf(validatetest.BodyOf(func() (values []string) {
			for _, p := range c.Components[0].Parameters {
				values = append(values, other(p.Text))
			}
			return values
		}()...))
	case schemas.Raw:
		return schemas.Raw{Type: "order_summary", JSON: c.JSON}
	}
	return c
}

func clearOf(t *rapid.T, s *Stage, r Request) []byte {
	out, err := s.Step(r)
	if err != nil {
		t.Fatal(err)
	}
	v := out[0].Validated
	v.Identity = schemas.Identity{AcceptedAt: accepted}
	v.RecipientRefs = nil
	return encoded(t, v)
}

// encoded is the record as the target writes it, but for the sealed payload.
func encoded(t interface{ Fatal(...any) }, v schemas.Validated) []byte {
	v.Seed.AppendedAt = accepted
	value, err := schemas.Validateds.Encode(&v)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Goal: whatever the codec lets through, the step decides without a panic, twice alike, with a reason of the list, and
// what it accepts can be encoded. Method: fuzz the bytes of requests of every kind of content.
func FuzzStep(f *testing.F) {
	for _, c := range validatetest.Contents {
		r := requestOf(c)
		if value, err := schemas.MessageRequests.Encode(&r.MessageRequest); err == nil && len(value) < 4096 {
			f.Add(value)
		}
	}
	s := newStage()
	decode := Decode(schemas.MessageRequests)
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := decode(pipeline.Record{Value: value, AppendedAt: accepted})
		if err == nil {
			var out, again []Accepted
			out, err = s.Step(r)
			again, _ = s.Step(r)
			if !reflect.DeepEqual(out, again) {
				t.Fatal("two steps over one request differ")
			}
			for i := range out {
				encoded(t, out[i].Validated)
			}
		}
		if err == nil {
			return
		}
		if r, rejected := pipeline.AsRejection(err); !rejected || Meaning(r.Reason) == "" {
			t.Fatalf("not a rejection of the list: %v", err)
		}
	})
}

func BenchmarkStep(b *testing.B) {
	s := newStage()
	s.Ref = func(string, string, string) ([]byte, error) { return make([]byte, 16), nil }
	text := welcome()
	text.Content = schemas.Text{Body: strings.Repeat("Your parcel is on its way. ", 12)}
	for name, r := range map[string]Request{"text": text, "template": requestOf(validatetest.TemplateOf(validatetest.BodyOf("Ada", "4711", "tomorrow")))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Step(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Goal: longer is only ever for what is accepted afterwards, and shortening applies at once. Method: random records of a
// tenant, before and after the acceptance of one request: the later one never gives more than it would have given, nor
// more than the default, and gives just as little where it asks for less.
func TestNoLaterRecordLengthensAWindow(t *testing.T) {
	t.Parallel()
	names := rapid.SampledFrom([]string{"", "0s", "24h", "72h", "100h", "168h"})
	rapid.Check(t, func(t *rapid.T) {
		tenant := acme()
		tenant.DiagnosticWindow = names.Draw(t, "tenant")
		if rapid.Bool().Draw(t, "override") {
			tenant.RetentionOverride = &schemas.Retention{Window: names.Draw(t, "override"), Until: accepted.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "until")))}
		}
		window := func(effective time.Duration) time.Duration {
			tenant.EffectiveAt = accepted.Add(effective)
			out, err := newStage(tenant).Step(welcome())
			if err != nil {
				t.Fatal(err)
			}
			d, err := time.ParseDuration(out[0].Validated.Window)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		standing, later := window(0), window(1)
		if later > standing || later > 72*time.Hour {
			t.Fatalf("%v, and %v when asked for later", standing, later)
		}
		if ordinary, err := time.ParseDuration(tenant.DiagnosticWindow); err == nil && later > ordinary && tenant.RetentionOverride == nil {
			t.Fatalf("%v of %v", later, ordinary)
		}
	})
}
