package wire

import (
	"sync"

	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

// owners tells which tenant a phone number id or a WABA belongs to: an index over the register, made anew when it changes.
type owners struct {
	tenants *kafka.Table[schemas.Tenant]

	mu       sync.Mutex
	changed  <-chan struct{}
	byNumber map[string]string
	byWABA   map[string]string
}

// ofNumber returns the tenant of a phone number id.
func (o *owners) ofNumber(phoneNumberID string) (tenant string, ok bool) {
	numbers, _ := o.index()
	tenant, ok = numbers[phoneNumberID]
	return tenant, ok
}

// ofAccount returns the tenant of a WABA.
func (o *owners) ofAccount(waba string) (tenant string, ok bool) {
	_, accounts := o.index()
	tenant, ok = accounts[waba]
	return tenant, ok
}

func (o *owners) index() (byNumber, byWABA map[string]string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.changed:
	default:
		if o.changed != nil {
			return o.byNumber, o.byWABA
		}
	}
	o.changed = o.tenants.Changed() // taken first: a change while the index is made makes it anew
	o.byNumber, o.byWABA = map[string]string{}, map[string]string{}
	for id, t := range o.tenants.All() {
		for _, s := range t.Senders {
			o.byNumber[s.PhoneNumberID] = id
			o.byWABA[s.WABA] = id
		}
	}
	return o.byNumber, o.byWABA
}
