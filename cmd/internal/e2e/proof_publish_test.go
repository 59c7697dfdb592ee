package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

const (
	rejectedToo   = 2 // published records of a wave that are rejected
	providerWords = "provider's words"
)

// publish appends a wave: every kind of request, one for an unknown tenant and one that no codec reads.
func (p *proof) publish() {
	requests := p.canaries.requests()
	p.requests += len(requests)
	for i := range requests {
		if p.zero && i%2 == 1 {
			requests[i].DiagnosticWindow = "0s"
			p.none++
		}
	}
	stranger := validatetest.Good(requests[0].MessageID, p.canaries.phone())
	stranger.TenantID, stranger.Content = "nobody", schemas.Text{Body: p.canaries.plant(32)}
	p.append(append(requests, stranger), pipeline.Output{Topic: wire.Requests, Partition: 0, Value: []byte(p.canaries.plant(32))})
}

// append encodes requests and appends them after other records.
func (p *proof) append(requests []schemas.MessageRequest, outputs ...pipeline.Output) {
	for _, r := range requests {
		r.CreatedAt = time.Now()
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		value, err := schemas.MessageRequests.Encode(&r)
		p.must(err)
		outputs = append(outputs, pipeline.Output{Topic: wire.Requests, Partition: pipeline.AnyPartition, Key: []byte(r.Recipient.Phone), Value: value})
	}
	_, err := p.cluster.Log().Append(p.ctx, outputs)
	p.must(err)
}

// simulate starts a Cloud API that refuses some recipients with words that hold a canary.
func (p *proof) simulate() {
	_, err := p.Simulate([]string{"http://" + p.callbacks + callbackIn})
	p.must(err)
	p.await("the simulator answers", 50*time.Millisecond, func() error { _, err := p.Ledger(p.ctx); return err })
	words := p.canaries.plant(32)
	p.canaries.Add(providerWords, words)
	body, err := json.Marshal([]simulator.Fault{{Code: 131026, Recipient: "*[2-5]", Details: "To " + words}})
	p.must(err)
	p.must(unless(p.post(p.Environment["WL_CLOUD_API_URL"]+"/faults", body, nil) == http.StatusNoContent, "the simulator takes no faults"))
}

// callBack brings what Meta also sends to the callback address: a person's words, name and number, and the provider's words
// on a failure. It returns the answer's status for it, and for half of it.
func (p *proof) callBack(word string) (whole, half int) {
	plant, phone := p.canaries.plant, p.canaries.phone()[1:]
	data := schemas.CallbackData{Identity: schemas.Identity{TenantID: tenantID, MessageID: ulid.Make().String(), AcceptedAt: time.Now()},
		Attempt: 1, Category: schemas.Utility, Country: "DE", ContentType: "text", Window: "0s"}
	body := fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{
		"metadata":{"phone_number_id":"1","display_phone_number":"15550001"},"contacts":[{"wa_id":%[1]q,"profile":{"name":%[2]q}}],
		"messages":[{"from":%[1]q,"id":"wamid.%[3]s","timestamp":"%[9]d","type":"text","text":{"body":"STOP %[10]s %[4]s"}}],
		"statuses":[{"id":"wamid.%[5]s","status":"failed","timestamp":"%[9]d","recipient_id":%[1]q,"biz_opaque_callback_data":%[6]q,
		"errors":[{"code":131026,"title":%[7]q,"message":%[7]q,"error_data":{"details":%[8]q}}]}]}}]}]}`,
		phone, plant(32), plant(32), plant(32), plant(32), data.String(), plant(32), plant(32), time.Now().Unix(), word)
	secret, err := os.ReadFile(filepath.Join(p.Dir, "secrets", "app-secret"))
	p.must(err)
	mac := hmac.New(sha256.New, bytes.TrimSpace(secret))
	mac.Write(body)
	signature := http.Header{"Content-Type": {"application/json"}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	url := "http://" + p.callbacks + callbackIn
	return p.post(url, body, signature), p.post(url, body[:len(body)/2], signature)
}

// post returns the status of the answer, 0 for none.
func (p *proof) post(url string, body []byte, header http.Header) int {
	r, err := http.NewRequestWithContext(p.ctx, http.MethodPost, url, bytes.NewReader(body))
	p.must(err)
	if header != nil {
		r.Header = header
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
