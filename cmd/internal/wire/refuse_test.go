package wire

import (
	"context"
	"errors"
	"testing"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
)

// Goal: no binary works on topics that would keep content longer than promised, and it says which setting. Method: each
// setting changed by hand, one deployment each, the binary that would meet it.
func TestSettingsThatKeepContentAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for setting, c := range map[string]struct{ topic, value, binary string }{
		"retention.ms":           {"keys.3s", "86400000", "validate"},
		"segment.ms":             {"keys.60s", "604800000", "validate"},
		"message.timestamp.type": {"keys.3s", "CreateTime", "custody"},
		"file.delete.delay.ms":   {"keys.3s", "60000", "custody"},
		"cleanup.policy":         {"delivered.3s", "compact", "redact"},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			d := deploy(t)
			if err := d.cluster.AlterConfigs(within(t), c.topic, map[string]string{setting: c.value}); err != nil {
				t.Fatal(err)
			}
			var run func(context.Context) error
			switch c.binary {
			case "validate":
				run = binary[ValidateConfig](d, "validate", Validate).Run
			case "custody":
				run = binary[CustodyConfig](d, "custody", Custody, "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run
			case "redact":
				run = binary[RedactConfig](d, "redact", Redact, "WL_KEYS_URL", "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run
			}
			var problem boot.Problem
			if err := run(within(t)); !errors.As(err, &problem) || problem.Variable != c.topic || problem.Hint != "wlctl setup --apply" {
				t.Errorf("%s ran with %s=%s of %s: %v", c.binary, setting, c.value, c.topic, err)
			}
		})
	}
}

// Goal: tiered storage, which the broker of these tests does not have, is refused on whatever holds content. Method: the
// settings as a broker would tell them.
func TestTieredStorageIsRefused(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{Requests, RoutedT, "delivered.24h"} {
		actual := map[string]string{"cleanup.policy": "delete", "remote.storage.enable": "true"}
		if p := outlives(topic, actual, nil); p == nil || p.Variable != topic {
			t.Errorf("%s: %v", topic, p)
		}
		actual["remote.storage.enable"] = "false"
		if p := outlives(topic, actual, nil); p != nil {
			t.Errorf("%s as planned: %v", topic, p)
		}
	}
}
