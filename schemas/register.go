package schemas

import "time"

// Sender is one WhatsApp number of a tenant.
type Sender struct {
	PhoneNumberID string  `avro:"phone_number_id" yaml:"phone_number_id" json:"phone_number_id"`
	WABA          string  `avro:"waba_id" yaml:"waba_id" json:"waba_id"`
	Region        string  `avro:"region" yaml:"region" json:"region"`
	Rate          float64 `avro:"rate" yaml:"rate" json:"rate"` // messages a second; 0 means Meta's default of 80
}

// Retention is a longer (or shorter) diagnostic window a tenant asked for, and why.
type Retention struct {
	Window    string    `avro:"window" yaml:"window" json:"window"`
	Reason    string    `avro:"reason" yaml:"reason" json:"reason"`
	Requester string    `avro:"requester" yaml:"requester" json:"requester"`
	Until     time.Time `avro:"until" yaml:"until" json:"until"`
}

// Tenant is a business that sends, and what it may do. The key is the tenant id; compacted.
type Tenant struct {
	TenantID          string     `avro:"tenant_id" yaml:"tenant_id" json:"tenant_id"`
	Status            string     `avro:"status" yaml:"status" json:"status"` // active, suspended, closed
	Region            string     `avro:"region" yaml:"region" json:"region"`
	Senders           []Sender   `avro:"senders" yaml:"senders" json:"senders"`
	DeliveryWindow    string     `avro:"delivery_window,null" yaml:"delivery_window" json:"delivery_window"`
	DiagnosticWindow  string     `avro:"diagnostic_window,null" yaml:"diagnostic_window" json:"diagnostic_window"`
	LabelKeys         []string   `avro:"label_keys" yaml:"label_keys" json:"label_keys"`
	SettleAfter       string     `avro:"settle_after,null" yaml:"settle_after" json:"settle_after"`
	OnUnknown         string     `avro:"on_unknown" yaml:"on_unknown" json:"on_unknown"` // report, resend
	Outcomes          bool       `avro:"outcomes" yaml:"outcomes" json:"outcomes"`
	AllowedCountries  []string   `avro:"allowed_countries" yaml:"allowed_countries" json:"allowed_countries"` // empty: all
	RetentionOverride *Retention `avro:"retention_override,null" yaml:"retention_override" json:"retention_override"`
	RefsKey           []byte     `avro:"refs_key" yaml:"-" json:"-"` // wrapped by the keeper of WL_REFS_URL
	PolicyVersion     string     `avro:"policy_version" yaml:"policy_version" json:"policy_version"`
	EffectiveAt       time.Time  `avro:"effective_at,null" yaml:"effective_at" json:"effective_at"`
}

// Suppression is one objection or its end; readers merge by (EffectiveAt, stop before resume).
type Suppression struct {
	Scope       string    `avro:"scope"` // recipient
	TenantID    string    `avro:"tenant_id"`
	Ref         []byte    `avro:"ref"`
	Category    string    `avro:"category"` // marketing, all
	State       string    `avro:"state"`    // stop, resume
	EffectiveAt time.Time `avro:"effective_at"`
	Source      string    `avro:"source"` // tenant, preference, keyword, error, rights
}

// Stop keeps something from sending. The key is (scope, id); compacted; the last one counts.
type Stop struct {
	Scope     string      `avro:"scope"`         // template number account credential tenant recipient message
	ID        string      `avro:"id"`            // tenant-qualified where the scope is: tenant/ref
	Effect    string      `avro:"effect,null"`   // park, block; "" lifts it
	Reason    string      `avro:"reason"`        //
	Category  string      `avro:"category,null"` // only this category, "" for all
	ErrorCode int32       `avro:"error_code"`    //
	SetAt     time.Time   `avro:"set_at"`        //
	Until     time.Time   `avro:"until,null"`    // zero: until an operator lifts it
	Source    Coordinates `avro:"source"`        // of what caused it
}

// Control is what an operator, a tenant or the law asks.
type Control struct {
	ControlID  string    `avro:"control_id"` // ULID
	TenantID   string    `avro:"tenant_id"`
	Verb       string    `avro:"verb"` // show, hold, approve, release, grant, erase, suspend, …
	MessageID  string    `avro:"message_id,null"`
	Ref        []byte    `avro:"ref,null"`
	Actor      string    `avro:"actor"`
	Purpose    string    `avro:"purpose"` // debug, support, legal
	IncidentID string    `avro:"incident_id,null"`
	PublicKey  []byte    `avro:"public_key,null"` // ephemeral, HPKE X25519; what the answer is sealed to
	Scope      string    `avro:"scope,null"`      // of a hold or grant
	Until      time.Time `avro:"until,null"`
	At         time.Time `avro:"at"`
}

// Answer is custody's reply to a control, sealed to the asker's ephemeral key.
type Answer struct {
	ControlID    string    `avro:"control_id"`
	Status       string    `avro:"status"` // shown, refused
	Reason       string    `avro:"reason,null"`
	Encapsulated []byte    `avro:"encapsulated,null"` // HPKE
	Ciphertext   []byte    `avro:"ciphertext,null"`   // HPKE, of an encoded Payload
	Diagnostics  []byte    `avro:"diagnostics,null"`  // HPKE, of an encoded Diagnostics, same context, second message
	At           time.Time `avro:"at"`
}

// AuditRecord is one privileged action, appended before its effect. (ReadTo, ReadHash) bind the log its writer had read.
type AuditRecord struct {
	AuditID       string    `avro:"audit_id"` // ULID
	Action        string    `avro:"action"`
	Actor         string    `avro:"actor"`
	TenantID      string    `avro:"tenant_id,null"`
	MessageID     string    `avro:"message_id,null"`
	ControlID     string    `avro:"control_id,null"`
	Purpose       string    `avro:"purpose,null"`
	IncidentID    string    `avro:"incident_id,null"`
	Detail        string    `avro:"detail,null"` // closed vocabulary, never free text from outside
	At            time.Time `avro:"at"`
	ReadTo        int64     `avro:"read_to"`   // offset up to which (exclusive) ReadHash runs
	ReadHash      []byte    `avro:"read_hash"` // SHA-256 chain over the raw values of the log before ReadTo
	PolicyVersion string    `avro:"policy_version"`
}
