package validate

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

type registryOf string

func (r registryOf) SchemaByID(context.Context, int) (string, error) { return string(r), nil }

// Goal: every reason of the closed list has a case that is rejected for it, and no case is rejected for another. Method:
// walk the list over the golden cases; bytes go through the decoder, requests through the step, the panic through the
// loop.
func TestEveryReasonHasAGoldenCase(t *testing.T) {
	t.Parallel()
	shop := acme()
	shop.TenantID = "acme-shop"
	s := newStage(append(validatetest.Tenants(shop), shop)...)
	s.Suppressed = func(_ string, _ [][]byte, c schemas.Category) bool { return c == schemas.Marketing }
	decode := Decode(schemas.MessageRequests.WithRegistry(registryOf(`"string"`)))
	good := validatetest.Good(ulidID, "+4915112345678")
	good.CreatedAt = accepted
	value, err := schemas.MessageRequests.Encode(&good)
	if err != nil {
		t.Fatal(err)
	}
	values := validatetest.Values(value)
	values[schemas.ReasonIncompatibleSchema] = binary.BigEndian.AppendUint32([]byte{0}, 7)
	foreign := Request{MessageRequest: good, AcceptedAt: accepted, Bound: "other"}
	got := map[string]string{pipeline.ReasonPanic: panicReason(t), ReasonTenantMismatch: reasonOf(s, foreign)}
	for reason, value := range values {
		_, err := decode(pipeline.Record{Value: value})
		r, _ := pipeline.AsRejection(err)
		got[reason] = r.Reason
	}
	for reason, r := range validatetest.Requests(good) {
		got[reason] = reasonOf(s, Request{MessageRequest: r, AcceptedAt: accepted})
		_, err := schemas.MessageRequests.Encode(&r)
		if unencodable := slices.Contains(validatetest.Unencodable, reason); (err != nil) != unencodable {
			t.Errorf("the request of %s: encoding says %v, listed as unencodable: %t", reason, err, unencodable)
		}
	}
	for _, reason := range Reasons {
		if got[reason] != reason {
			t.Errorf("the golden case of %s is rejected for %q", reason, got[reason])
		}
		if Meaning(reason) == "" {
			t.Errorf("%s has no meaning", reason)
		}
		delete(got, reason)
	}
	for reason := range got {
		t.Errorf("%s is not in Reasons", reason)
	}
	if sorted := slices.Sorted(slices.Values(Reasons)); len(slices.Compact(sorted)) != len(Reasons) {
		t.Error("a reason stands twice in Reasons")
	}
}

// panicReason has the loop run a stage that panics.
func panicReason(t *testing.T) string {
	log := pipelinetest.NewLog(func() time.Time { return accepted })
	log.Create("requests", 1)
	r := welcome()
	value, err := schemas.MessageRequests.Encode(&r.MessageRequest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), []pipeline.Output{{Topic: "requests", Value: value}}); err != nil {
		t.Fatal(err)
	}
	s := newStage()
	s.Tenant = func(string) (schemas.Tenant, bool) { panic("a defect") }
	ctx, stop := context.WithCancel(t.Context())
	var reason string
	loop := pipeline.Batch[Request, Accepted]{
		Name: "validate", Decode: Decode(schemas.MessageRequests), Step: s.Step,
		Target: &pipelinetest.Recorder[Accepted]{},
		DeadLetters: pipeline.TargetFunc[pipeline.DeadLetter[Request]](
			func(_ context.Context, _ pipeline.Span, dead []pipeline.DeadLetter[Request]) error {
				reason = dead[0].Reason
				stop()
				return nil
			}),
	}
	if err := loop.Run(ctx, log.Source("requests", 0, "wl.validate")); err != nil {
		t.Fatal(err)
	}
	return reason
}
