package validate

import (
	"crypto/sha256"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

var accepted = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

const (
	ulidID = "01KAZ3NDEKTSV4RRFFQ69G5FAV"
	uuidID = "0193a6f0-7c1e-7b3a-8f5d-2c4e6a8b0d1f"
	wamid  = "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"
)

func acme() schemas.Tenant {
	return schemas.Tenant{
		TenantID: "acme", Status: "active", Region: "eu", LabelKeys: []string{"campaign", "team"}, Outcomes: true,
		Senders:        []schemas.Sender{{PhoneNumberID: "106540352242922", Region: "eu"}},
		DeliveryWindow: "12h", DiagnosticWindow: "72h",
	}
}

// fakeRef stands in for the keyed pseudonym: 16 bytes of a hash, told apart by tenant, kind and value.
func fakeRef(tenant, kind, value string) ([]byte, error) {
	sum := sha256.Sum256([]byte(tenant + "\x00" + kind + "\x00" + value))
	return sum[:16], nil
}

func newStage(tenants ...schemas.Tenant) *Stage {
	if len(tenants) == 0 {
		tenants = []schemas.Tenant{acme()}
	}
	return &Stage{
		Tenant: func(id string) (schemas.Tenant, bool) {
			for _, t := range tenants {
				if t.TenantID == id {
					return t, true
				}
			}
			return schemas.Tenant{}, false
		},
		Ref:            fakeRef,
		Windows:        []time.Duration{24 * time.Hour, 72 * time.Hour, 168 * time.Hour},
		DeliveryWindow: 24 * time.Hour, DiagnosticWindow: 72 * time.Hour, PolicyVersion: "2026-11",
	}
}

func requestOf(c schemas.Content) Request {
	return Request{
		MessageRequest: schemas.MessageRequest{
			MessageID: ulidID, TenantID: "acme", Recipient: schemas.Recipient{Phone: "+4915112345678"},
			Category: schemas.Utility, Content: c, CreatedAt: accepted,
		},
		Source:     pipeline.Position{Topic: "requests", Partition: 3, Offset: 41},
		AcceptedAt: accepted,
	}
}

func welcome() Request { return requestOf(schemas.Text{Body: "Your parcel is on its way."}) }

// with returns the plain request, changed.
func with(change func(*Request)) Request {
	r := welcome()
	change(&r)
	return r
}

// reasonOf returns the reason for which a stage rejects, "" when it accepts; any other error is a panic here.
func reasonOf(s *Stage, r Request) string {
	_, err := s.Step(r)
	if err == nil {
		return ""
	}
	rejection, ok := pipeline.AsRejection(err)
	if !ok {
		panic(err)
	}
	return rejection.Reason
}
