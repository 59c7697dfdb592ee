package wire

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// BenchmarkDeliver takes messages from routed to their copies and events: broker, seals and a Cloud API over HTTP, all in
// this process, one tenant, so one partition. It reports messages a second.
func BenchmarkDeliver(b *testing.B) {
	d := deploy(b)
	tenant := d.tenant(deliverTenant)
	tenant.Senders[0].Rate = 1e6
	d.put(TenantsT, []byte(deliverTenant), encode(b, schemas.Tenants, tenant))
	meta := d.door(simulator.Config{Unlimited: true})
	d.route(b.N)
	service := binary[DeliverConfig](d, "deliver", Deliver)
	b.ResetTimer()
	start := time.Now()
	d.start(service.Run)
	eventually(b, "all are sent, copied, told and committed", func() bool {
		offsets, err := d.cluster.GroupOffsets(within(b), "wl.deliver", RoutedT)
		committed := int64(0)
		for _, next := range offsets[RoutedT] {
			committed += next
		}
		return err == nil && committed >= int64(b.N) && meta.Counts().Accepted >= b.N // some may come back from a lane
	})
	if c := meta.Counts(); c.Accepted != b.N || c.Doubles > 0 {
		reasons := map[string]int{}
		for _, a := range decodeAll(d, Attempts, schemas.Attempts) {
			reasons[string(a.Class)+" "+a.Reason]++
		}
		b.Errorf("%d sent of %d, %d doubles: %v", c.Accepted, b.N, c.Doubles, reasons)
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "msg/s")
}
