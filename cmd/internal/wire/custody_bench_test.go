package wire

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// BenchmarkFind is what one control costs: the copy of a message among 20,000 in its partition, by an id that bears its
// time and by one that bears none, on the in-process broker.
func BenchmarkFind(b *testing.B) {
	d := deploy(b)
	c := d.custodianOf()
	lane := DeliveredLane(testWindows[1])
	copied := d.copyOf(schemas.Routed{Validated: schemas.Validated{
		Identity: schemas.Identity{TenantID: "acme-shop", MessageID: "x", AcceptedAt: time.Now()}, Clear: schemas.Clear{Category: schemas.Utility, Window: "60s"},
	}}, testWindows[1])
	value := encode(b, schemas.Delivereds, copied)
	const others = 20_000
	outputs := make([]pipeline.Output, others)
	for i := range outputs {
		outputs[i] = pipeline.Output{Topic: lane, Partition: i % 2, Key: []byte("0195F7A0-0000-7000-8000-000000000002"), Value: value}
	}
	if _, err := d.cluster.Log().Append(within(b), outputs); err != nil {
		b.Fatal(err)
	}
	for name, id := range map[string]string{"ulid": ulid.MustNew(ulid.Timestamp(time.Now().Add(producersClock)), ulid.DefaultEntropy()).String(), "uuid": "0195F7A0-0000-7000-8000-000000000001"} {
		copied.MessageID = id
		d.put(lane, []byte(id), encode(b, schemas.Delivereds, copied))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if found, err := c.find(b.Context(), "acme-shop", id); err != nil || found == nil {
					b.Fatal(err)
				}
			}
		})
	}
}
