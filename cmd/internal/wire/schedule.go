package wire

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// Drift is a setting of a topic that is not as scheduled.
type Drift struct {
	Topic   string `json:"object"`
	Setting string `json:"setting"`
	Want    string `json:"want"`
	Have    string `json:"have"`
	Weakens bool   `json:"weakens"` // it keeps something longer than promised, or lets go of a guard; else it only differs
}

// Drifts compares the settings that topics have with those that are planned for them, in the order of their names.
func Drifts(planned []kafka.TopicSpec, actual map[string]map[string]string) []Drift {
	var all []Drift
	for _, spec := range planned {
		have, there := actual[spec.Name]
		if !there {
			continue
		}
		want := maps.Clone(spec.Configs)
		if f := "remote.storage.enable"; holdsContent(spec) && have[f] != "" {
			want[f] = "false"
		}
		for setting, value := range want {
			if have[setting] != value {
				all = append(all, Drift{spec.Name, setting, value, have[setting], weakens(setting, value, have[setting])})
			}
		}
	}
	slices.SortFunc(all, func(a, b Drift) int { return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Setting, b.Setting)) })
	return all
}

// holdsContent says whether a topic holds content or keys, in clear or sealed: then its files go at once.
func holdsContent(spec kafka.TopicSpec) bool { return spec.Configs["file.delete.delay.ms"] == "0" }

// weakens says whether a setting other than the one wanted keeps bytes longer, or loses what stages rely on.
func weakens(setting, want, have string) bool {
	switch setting {
	case "retention.ms", "segment.ms", "file.delete.delay.ms", "max.compaction.lag.ms":
		return longer(have, want)
	case "cleanup.policy", "message.timestamp.type", "remote.storage.enable", "unclean.leader.election.enable":
		return true
	}
	return false
}

// longer compares milliseconds; -1, and what is no number, is for ever.
func longer(have, want string) bool {
	h, err := strconv.ParseInt(have, 10, 64)
	w, _ := strconv.ParseInt(want, 10, 64)
	return err != nil || h < 0 || h > w
}

// Scheduled lists how the topics that exist are to be: the plan of a deployment with these windows and tenants. What is no
// topic of the contract, or a hold's, is not in it. Partitions and replicas are not the schedule's.
func Scheduled(existing map[string]int) []kafka.TopicSpec {
	plan := Plan{Partitions: 1, Routed: 1, Replication: 1}
	for name := range existing {
		if tenant, ok := strings.CutPrefix(name, RequestsOf("")); ok {
			plan.Tenants = append(plan.Tenants, tenant)
		}
		if tenant, ok := strings.CutPrefix(name, OutcomesOf("")); ok {
			plan.Outcomes = append(plan.Outcomes, tenant)
		}
		if window := WindowOf(name); window > 0 && !slices.Contains(plan.Windows, window) {
			plan.Windows = append(plan.Windows, window)
		}
	}
	var all []kafka.TopicSpec
	for _, spec := range plan.Topics() {
		delete(spec.Configs, "min.insync.replicas")
		if _, there := existing[spec.Name]; there {
			all = append(all, spec)
		}
		if strings.HasPrefix(spec.Name, seal.KeyTopic("")) {
			all = append(all, generations(spec, existing)...)
		}
	}
	return all
}

// generations are the later key topics of a window, keys.<window>.<n>: as the first, but for the time type, since a
// generation is filled with the seeds' own times until it is complete.
func generations(first kafka.TopicSpec, existing map[string]int) []kafka.TopicSpec {
	var all []kafka.TopicSpec
	for name := range existing {
		if strings.HasPrefix(name, first.Name+".") {
			later := kafka.TopicSpec{Name: name, Configs: maps.Clone(first.Configs)}
			delete(later.Configs, "message.timestamp.type")
			all = append(all, later)
		}
	}
	return all
}

// WindowOf is the window that a lane or key topic is named for, 0 for other topics.
func WindowOf(topic string) time.Duration {
	for _, prefix := range []string{"delivered.", seal.KeyTopic("")} {
		if name, ok := strings.CutPrefix(topic, prefix); ok {
			name, _, _ = strings.Cut(name, ".")
			if window, err := seal.ParseWindow(name); err == nil {
				return window
			}
		}
	}
	return 0
}
