package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// tenantsFile is tenants.yaml; unknown fields are refused, so that no name, e-mail or company can slip in.
type tenantsFile struct {
	Tenants []schemas.Tenant `yaml:"tenants"`
}

func readTenants(path string) ([]schemas.Tenant, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	var file tenantsFile
	if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(&file); err != nil {
		return nil, fmt.Errorf("%s has a field that is not one of a tenant's, or is no YAML", path)
	}
	for i := range file.Tenants {
		t := &file.Tenants[i]
		if t.Status == "" {
			t.Status = "active"
		}
		if t.OnUnknown == "" {
			t.OnUnknown = "report"
		}
		if !tenantID.MatchString(t.TenantID) || sevenDigits.MatchString(t.TenantID) {
			return nil, fmt.Errorf("tenant %d of %s has a tenant_id that is none: 3 to 64 of a-z, 0-9, _ and -, fewer than 7 digits in a row", i+1, path)
		}
		if err := checkTenant(t); err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.TenantID, err)
		}
	}
	return file.Tenants, distinct(file.Tenants)
}

var (
	tenantID    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{2,63}$`)
	sevenDigits = regexp.MustCompile(`\d{7}`)
	metaID      = regexp.MustCompile(`^\d{1,20}$`)
)

// distinct refuses a tenant named twice, and a number or an account of two tenants: callbacks find their tenant by them.
func distinct(tenants []schemas.Tenant) error {
	named, owner := map[string]bool{}, map[string]string{}
	for _, t := range tenants {
		if named[t.TenantID] {
			return fmt.Errorf("tenant %s is named twice", t.TenantID)
		}
		named[t.TenantID] = true
		for _, s := range t.Senders {
			for _, id := range []string{"number " + s.PhoneNumberID, "account " + s.WABA} {
				if other, ok := owner[id]; ok && other != t.TenantID {
					return fmt.Errorf("%s is both tenant %s's and tenant %s's", id, other, t.TenantID)
				}
				owner[id] = t.TenantID
			}
		}
	}
	return nil
}

// checkTenant refuses what no stage could work with.
func checkTenant(t *schemas.Tenant) error {
	switch {
	case !slices.Contains([]string{"active", "suspended", "closed"}, t.Status):
		return fmt.Errorf("status is none of active, suspended, closed")
	case t.OnUnknown != "report" && t.OnUnknown != "resend":
		return fmt.Errorf("on_unknown is neither report nor resend")
	case len(t.Senders) == 0:
		return fmt.Errorf("has no sender")
	}
	for _, s := range t.Senders {
		if !metaID.MatchString(s.PhoneNumberID) || !metaID.MatchString(s.WABA) {
			return fmt.Errorf("has a sender without phone_number_id and waba_id, Meta's ids, digits only")
		}
	}
	for _, key := range t.LabelKeys {
		if !clickhouse.LabelKey(key) {
			return fmt.Errorf("has a label key that is none: at most 48 letters, digits, _ - . and :, no 7 digits in a row")
		}
	}
	for _, w := range []string{t.DeliveryWindow, t.DiagnosticWindow} {
		if w == "" {
			continue
		}
		if _, err := seal.ParseWindow(w); err != nil {
			return fmt.Errorf("has a window that is none: whole hours, as 24h")
		}
	}
	if o := t.RetentionOverride; o != nil {
		if _, err := seal.ParseWindow(o.Window); err != nil || o.Reason == "" || o.Requester == "" || o.Until.IsZero() {
			return fmt.Errorf("has a retention_override without window, reason, requester and until")
		}
	}
	if t.SettleAfter != "" {
		if d, err := time.ParseDuration(t.SettleAfter); err != nil || d <= 0 || d > 24*time.Hour {
			return fmt.Errorf("settle_after is not a duration of at most 24h")
		}
	}
	return nil
}
