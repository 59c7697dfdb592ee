package schemas

import "time"

// Filled examples of every record: golden bytes, Java and round trips start from them. A map has one entry at most, so
// that their bytes do not depend on Go's map order.

var (
	exampleTime = time.Date(2026, 11, 26, 8, 30, 15, 123456000, time.UTC)
	exampleRef  = []byte("0123456789abcdef")
	exampleSeed = SeedRef{Topic: "keys.24h", SeedID: []byte("seed-id-16-bytes"), AppendedAt: exampleTime}
)

func exampleIdentity() Identity {
	return Identity{TenantID: "acme", MessageID: "01KB0000000000000000000000", AcceptedAt: exampleTime}
}

func exampleSource() Coordinates {
	return Coordinates{Topic: "requests", Partition: 11, Offset: 1<<40 + 7}
}

func exampleClear() Clear {
	return Clear{
		Category: Utility, ContentType: "template", SizeClass: "256", Country: "DE", TemplateRef: exampleRef,
		RecipientRefs: [][]byte{exampleRef, []byte("fedcba9876543210")}, Window: "72h",
		Labels: map[string]string{"campaign": "autumn"}, PolicyVersion: "2026-11",
	}
}

func exampleRoute() Route {
	return Route{Sender: "106540352242922", WABA: "102290129340398", Region: "eu", Processor: "meta", TransferBasis: "same_region"}
}

func exampleSealed() Sealed {
	return Sealed{
		Version: 1, Family: "24h", SeedID: []byte("seed-id-16-bytes"), OffsetHint: 42,
		Nonce: []byte("nonce-12byte"), Ciphertext: []byte("ciphertext and tag"),
	}
}

func exampleValidated() Validated {
	return Validated{
		Identity: exampleIdentity(), Source: exampleSource(), SenderID: "106540352242922", ExpiresAt: exampleTime.Add(time.Hour),
		Clear: exampleClear(), Payload: exampleSealed(), Seed: exampleSeed,
	}
}

func exampleRequest(content Content) MessageRequest {
	return MessageRequest{
		MessageID: "01KB0000000000000000000000", TenantID: "acme", SenderID: "106540352242922",
		Recipient: Recipient{Phone: "+4915112345678", UserID: "DE.13491208655302741918"}, Category: Utility, Content: content,
		ReplyTo: "wamid.HBgLMTU1NTAzMTk1NDkV", CreatedAt: exampleTime.Truncate(time.Millisecond),
		ExpiresAt: exampleTime.Add(time.Hour).Truncate(time.Millisecond), DiagnosticWindow: "24h",
		Labels: map[string]string{"campaign": "autumn"},
	}
}

// exampleContents has one of every branch, every field filled.
func exampleContents() []Content {
	media := Media{Kind: Document, ID: "1037543291543636", Link: "https://example.com/a.pdf", Caption: "die Rechnung", Filename: "a.pdf", Voice: true}
	location := Location{Latitude: 52.52, Longitude: 13.405, Name: "Büro", Address: "Hauptstraße 1"}
	return []Content{
		Text{Body: "Grüße 👋 from https://example.com", PreviewURL: true}, media, location,
		Contacts{Contacts: []Contact{{
			Name:      ContactName{FormattedName: "Dr. Ada M. Byron III", FirstName: "Ada", LastName: "Byron", MiddleName: "M.", Suffix: "III", Prefix: "Dr."},
			Phones:    []ContactPhone{{Phone: "+49 151 12345678", Type: "WORK", WaID: "4915112345678"}, {Phone: "+1 555 0100"}},
			Emails:    []ContactEmail{{Email: "ada@example.com", Type: "HOME"}},
			Addresses: []ContactAddress{{Street: "Hauptstraße 1", City: "Berlin", State: "BE", Zip: "10115", Country: "Deutschland", CountryCode: "de", Type: "WORK"}},
			Org:       &ContactOrg{Company: "Acme", Department: "R&D", Title: "Countess"}, URLs: []ContactURL{{URL: "https://example.com", Type: "WORK"}},
			Birthday: "1815-12-10",
		}}},
		Reaction{MessageID: "wamid.HBgLMTU1NTAzMTk1NDkV", Emoji: "👍"},
		Template{Name: "order_update", Language: "en_US", Components: []TemplateComponent{
			{Type: "header", Parameters: []TemplateParameter{{Type: "document", Media: &media}, {Type: "location", Location: &location}}},
			{Type: "body", Parameters: []TemplateParameter{
				{Type: "text", Name: "order", Text: "4711"},
				{Type: "currency", Currency: &TemplateMoney{FallbackValue: "€12.50", Code: "EUR", Amount1000: 12500}},
			}},
			{Type: "button", SubType: "flow", Index: "0", Parameters: []TemplateParameter{{Type: "action", ActionJSON: `{"flow_token":"t"}`}}},
		}},
		Interactive{
			Type: "list", Header: &InteractiveHeader{Text: "Hello", Media: &media}, Body: "Choose", Footer: "Thanks",
			Buttons: []InteractiveButton{{ID: "yes", Title: "Yes"}}, ListButton: "Open",
			Sections:   []InteractiveSection{{Title: "One", Rows: []InteractiveRow{{ID: "r1", Title: "Row", Description: "First"}}, Products: []string{"sku-1", "sku-2"}}},
			ActionName: "flow", ParametersJSON: `{"flow_id":"1"}`, CatalogID: "194836987003835", ProductID: "sku-1",
		},
		Raw{Type: "order_details", JSON: `{"reference_id":"1"}`},
	}
}

func exampleEvent() Event {
	billable := true
	return Event{
		Identity: exampleIdentity(), Kind: KindRedacted, Attempt: 2, Detail: "delivered.72h/3/99", At: exampleTime, Stage: "redact", Reason: "window_over",
		SenderID: "106540352242922", Region: "eu", Processor: "meta", TransferBasis: "same_region", Country: "DE", Category: "utility",
		ContentType: "template", SizeClass: "256", TemplateRef: exampleRef, RecipientRef: exampleRef, ProviderRef: exampleRef, ErrorCode: 131026,
		LatencyUS: 123456, Window: "72h", DueAt: exampleTime.Add(72 * time.Hour), PricingCategory: "utility", Billable: &billable,
		Labels: map[string]string{"campaign": "autumn"}, Copy: &Copy{Topic: "delivered.72h", Partition: 3, Offset: 99, SeedID: exampleRef}, PolicyVersion: "2026-11",
	}
}

func exampleOutcome() Outcome {
	return Outcome{
		TenantID: "acme", MessageID: "01KB0000000000000000000000", State: KindFailed, Reason: "undeliverable", ErrorCode: 131026, Attempt: 1,
		At: exampleTime, Labels: map[string]string{"campaign": "autumn"},
	}
}

func exampleTenant() Tenant {
	return Tenant{
		TenantID: "acme", Status: "active", Region: "eu",
		Senders:        []Sender{{PhoneNumberID: "106540352242922", WABA: "102290129340398", Region: "eu", Rate: 80}},
		DeliveryWindow: "24h", DiagnosticWindow: "72h", LabelKeys: []string{"campaign"}, SettleAfter: "1h", OnUnknown: "report", Outcomes: true,
		AllowedCountries:  []string{"DE", "AT"},
		RetentionOverride: &Retention{Window: "168h", Reason: "audit", Requester: "dpo", Until: exampleTime.Add(24 * time.Hour)},
		RefsKey:           []byte("wrapped key"), PolicyVersion: "2026-11", EffectiveAt: exampleTime,
	}
}

func exampleAttempt() Attempt {
	return Attempt{
		Identity: exampleIdentity(), Source: exampleSource(), Attempt: 2, ClaimID: "c1a1m", SenderID: "106540352242922", RecipientRef: exampleRef,
		Class: OutcomeRetry, Reason: "rate_limited", ErrorCode: 130429, ProviderRef: exampleRef, RetryAt: exampleTime.Add(time.Minute),
		LearnedRate: 79.5, Window: "72h", LatencyUS: 250000, Evidence: "answer",
	}
}

func exampleStatus() Status {
	billable := false
	return Status{
		Identity: exampleIdentity(), Attempt: 1, Status: "delivered", At: exampleTime.Truncate(time.Second), SenderID: "106540352242922",
		ProviderRef: exampleRef, ErrorCode: 131000, PricingCategory: "service", Billable: &billable, Category: Service, Country: "BR",
		ContentType: "text", Window: "0s",
	}
}

func exampleDelivered() Delivered {
	content, diagnostics := exampleSealed(), exampleSealed()
	return Delivered{
		Identity: exampleIdentity(), Source: exampleSource(), Route: exampleRoute(), Clear: exampleClear(), Outcome: OutcomeSent, Reason: "late",
		ErrorCode: 1, Attempt: 1, ProviderRef: exampleRef, OutcomeAt: exampleTime, DueAt: exampleTime.Add(72 * time.Hour),
		Seeds: []SeedRef{exampleSeed, exampleSeed}, Content: &content, Diagnostics: &diagnostics,
	}
}

func exampleRedacted() Redacted {
	return Redacted{
		Identity: exampleIdentity(), Source: exampleSource(), Route: exampleRoute(), Clear: exampleClear(), Outcome: OutcomeFailed, Reason: "undeliverable",
		ErrorCode: 131026, Attempt: 1, ProviderRef: exampleRef, OutcomeAt: exampleTime, DueAt: exampleTime.Add(72 * time.Hour),
		Copy: Copy{Topic: "delivered.72h", Partition: 3, Offset: 99, SeedID: exampleRef},
	}
}

// subject is one record with its codec, its type left behind.
type subject struct {
	name        string
	schema      string
	fingerprint uint64
	example     any
	encode      func() ([]byte, error)            // the example
	decode      func(b []byte) (any, error)       //
	reencode    func(b []byte) ([]byte, error)    // decode, then encode
	encodeAny   func(v any) (out []byte, e error) // v is a *T
}

func subjectOf[T any](name string, c *Codec[T], example T) subject {
	return subject{
		name: name, schema: c.Schema(), fingerprint: c.Fingerprint(), example: example,
		encode: func() ([]byte, error) { return c.Encode(&example) },
		decode: func(b []byte) (any, error) { return c.Decode(b) },
		reencode: func(b []byte) ([]byte, error) {
			v, err := c.Decode(b)
			if err != nil {
				return nil, err
			}
			return c.Encode(&v)
		},
		encodeAny: func(v any) ([]byte, error) { return c.Encode(v.(*T)) },
	}
}

// subjects are all records, in the order of records.go. message_request stands once per branch of the content union.
func subjects() []subject {
	var all []subject
	for _, content := range exampleContents() {
		all = append(all, subjectOf("message_request."+contentName(content), MessageRequests, exampleRequest(content)))
	}
	return append(all,
		subjectOf("validated", Validateds, exampleValidated()),
		subjectOf("routed", Routeds, Routed{
			Validated: exampleValidated(), Route: exampleRoute(), Verdict: &Verdict{State: "expired", Reason: "deadline"}, Attempt: 1,
			DueAt: exampleTime.Add(time.Minute), InDoubt: "c1a1m", SettleBy: exampleTime.Add(time.Hour), Origin: "retry.1m",
		}),
		subjectOf("attempt", Attempts, exampleAttempt()),
		subjectOf("status", Statuses, exampleStatus()),
		subjectOf("delivered", Delivereds, exampleDelivered()),
		subjectOf("redacted", Redacteds, exampleRedacted()),
		subjectOf("rejected", Rejecteds, Rejected{
			Source: exampleSource(), Stage: "validate", Reason: "unknown_tenant", TenantID: "unknown", MessageID: "requests-11-7",
			AcceptedAt: exampleTime, SizeBytes: 512, Original: exampleSealed(),
		}),
		subjectOf("seed", Seeds, Seed{SeedID: exampleRef, Version: 1, KeeperVersion: "k1", FirstUseAt: exampleTime, Wrapped: []byte("wrapped")}),
		subjectOf("node_list", Nodes, NodeList{Nodes: []Node{{Depth: 0, Node: exampleRef}, {Depth: 104, Prefix: []byte("13-byte-prefi"), Node: exampleRef}}}),
		subjectOf("payload", Payloads, Payload{Recipient: Recipient{Phone: "+4915112345678", UserID: "DE.13491208655302741918"}, Content: exampleContents()[5], ReplyTo: "wamid.x"}),
		subjectOf("diagnostics", DiagnosticsCodec, Diagnostics{WAMID: "wamid.x", WaID: "4915112345678", HTTPStatus: 400, ErrorText: "no", TraceID: "A1"}),
		subjectOf("event", Events, exampleEvent()),
		subjectOf("outcome", Outcomes, exampleOutcome()),
		subjectOf("receipt", Receipts, Receipt{
			State: "expired", Lane: "delivered.72h", Partition: 3, Bucket: exampleTime.Truncate(time.Minute), FirstOffset: 90, LastOffset: 99,
			Count: 10, Deadline: exampleTime, ObservedAt: exampleTime.Add(time.Second), Seeds: []SeedRef{exampleSeed}, PolicyVersion: "2026-11",
		}),
		subjectOf("tenant", Tenants, exampleTenant()),
		subjectOf("suppression", Suppressions, Suppression{
			Scope: "recipient", TenantID: "acme", Ref: exampleRef, Category: "marketing", State: "stop", EffectiveAt: exampleTime, Source: "keyword",
		}),
		subjectOf("stop", Stops, Stop{
			Scope: "number", ID: "106540352242922", Effect: "park", Reason: "rate_limited", Category: "marketing", ErrorCode: 130429,
			SetAt: exampleTime, Until: exampleTime.Add(time.Minute), Source: exampleSource(),
		}),
		subjectOf("control", Controls, Control{
			ControlID: "01KB0000000000000000000001", TenantID: "acme", Verb: "show", MessageID: "01KB0000000000000000000000", Ref: exampleRef,
			Actor: "s17", Purpose: "debug", IncidentID: "INC-1", PublicKey: exampleRef, Scope: "message", Until: exampleTime.Add(time.Hour), At: exampleTime,
		}),
		subjectOf("answer", Answers, Answer{
			ControlID: "01KB0000000000000000000001", Status: "shown", Reason: "ok", Encapsulated: exampleRef, Ciphertext: exampleRef,
			Diagnostics: exampleRef, At: exampleTime,
		}),
		subjectOf("audit_record", AuditRecords, AuditRecord{
			AuditID: "01KB0000000000000000000002", Action: "content_shown", Actor: "s17", TenantID: "acme", MessageID: "01KB0000000000000000000000",
			ControlID: "01KB0000000000000000000001", Purpose: "debug", IncidentID: "INC-1", Detail: "delivered.72h/3/99", At: exampleTime,
			ReadTo: 41, ReadHash: []byte("a hash of thirty-two bytes......"), PolicyVersion: "2026-11",
		}),
	)
}
