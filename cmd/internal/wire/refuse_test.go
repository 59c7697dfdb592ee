package wire

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

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

// Goal: what the broker of these tests cannot be set to is refused on whatever holds content. Method: the settings as a
// broker would tell them, of a topic, of a key topic's later generation.
func TestSettingsOfOtherBrokersAreRefused(t *testing.T) {
	t.Parallel()
	existing := map[string]int{Requests: 1, RoutedT: 1, "delivered.24h": 1, "keys.24h": 1, "keys.24h.2": 1, EventsT: 1}
	planned := Scheduled(existing)
	found := func(topic, setting, value string) *boot.Problem {
		actual := map[string]map[string]string{}
		for _, spec := range planned {
			actual[spec.Name] = maps.Clone(spec.Configs)
		}
		actual[topic][setting] = value
		drifts := Drifts(planned, actual)
		if len(drifts) != 1 {
			t.Fatalf("%s=%s of %s: %d drifts", setting, value, topic, len(drifts))
		}
		return outlives(drifts[0])
	}
	for _, topic := range []string{Requests, RoutedT, "delivered.24h", "keys.24h", "keys.24h.2"} {
		for _, c := range [][2]string{{"remote.storage.enable", "true"}, {"unclean.leader.election.enable", "true"}, {"cleanup.policy", "compact,delete"}} {
			if p := found(topic, c[0], c[1]); p == nil || p.Variable != topic {
				t.Errorf("%s of %s: %v", c[0], topic, p)
			}
		}
	}
	if p := found("keys.24h.2", "retention.ms", "-1"); p == nil {
		t.Error("a later generation that keeps its seeds for ever")
	}
	if p := found(EventsT, "retention.ms", "-1"); p != nil {
		t.Errorf("a stage would not start for what makes it unready: %v", p)
	}
	for _, spec := range planned {
		if _, fixed := spec.Configs["message.timestamp.type"]; fixed == (spec.Name == "keys.24h.2") {
			t.Errorf("%s: the time type is looked at: %v", spec.Name, fixed)
		}
	}
	if d := Drifts(planned, map[string]map[string]string{EventsT: {"remote.storage.enable": "true"}}); slices.ContainsFunc(d, func(d Drift) bool { return d.Setting == "remote.storage.enable" }) {
		t.Error("tiered storage of metadata is a matter of its retention alone")
	}
}

// Goal: only what lengthens or loosens counts against a deployment. Method: a table.
func TestOnlyWhatLengthensWeakens(t *testing.T) {
	for _, c := range []struct {
		setting, want, have string
		weakens             bool
	}{
		{"retention.ms", "1000", "1001", true}, {"retention.ms", "1000", "999", false}, {"retention.ms", "1000", "-1", true},
		{"retention.ms", "1000", "", true}, {"segment.ms", "1000", "2000", true}, {"file.delete.delay.ms", "0", "60000", true},
		{"max.compaction.lag.ms", "3600000", "9223372036854775807", true}, {"cleanup.policy", "compact", "delete", true},
		{"message.timestamp.type", "LogAppendTime", "CreateTime", true}, {"max.message.bytes", "1", "2", false}, {"min.insync.replicas", "2", "1", false},
	} {
		if got := weakens(c.setting, c.want, c.have); got != c.weakens {
			t.Errorf("%s %s instead of %s: %v", c.setting, c.have, c.want, got)
		}
	}
}

// Goal: a clock that is off is refused. Method: this process's clock moved by an hour either way, against the broker's.
func TestAClockThatIsOffIsRefused(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	g := newGuard(d.process("route"))
	for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
		g.now = func() time.Time { return time.Now().Add(off) }
		var problem boot.Problem
		if err := g.admit(within(t)); errors.As(err, &problem) != (off != 0) || off == 0 && err != nil {
			t.Errorf("off by %v: %v", off, err)
		}
	}
	if n := len(d.read(Notices)); n != 0 {
		t.Errorf("readers of notices see %d markers", n)
	}
}

// Goal: a root key in a variable is for one machine. Method: the three variables, brokers here and elsewhere.
func TestLocalKeysAreRefusedBesideARemoteKafka(t *testing.T) {
	here, there := &boot.Common{Brokers: []string{"127.0.0.1:9092", "[::1]:9092"}}, &boot.Common{Brokers: []string{"127.0.0.1:9092", "kafka.example:9093"}}
	keys, refs := Keys{KeysURL: freshKey(), KeysOldURL: freshKey()}, RefsKeys{RefsURL: freshKey()}
	if p := append(keys.check(here), refs.check(here)...); len(p) > 0 {
		t.Errorf("on one machine: %v", p)
	}
	var variables []string
	for _, p := range append(keys.check(there), refs.check(there)...) {
		variables = append(variables, p.Variable)
	}
	if !slices.Equal(variables, []string{"WL_KEYS_URL", "WL_KEYS_OLD_URL", "WL_REFS_URL"}) {
		t.Errorf("refused: %v", variables)
	}
	if p := (Keys{KeysURL: "hashivault://wl", KeysOldURL: "awskms://old"}).check(there); len(p) > 0 {
		t.Errorf("a keeper's own: %v", p)
	}
}
