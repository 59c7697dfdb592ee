package main

import (
	"fmt"
	"io"
	"strings"
)

// demoQuestion is one to ask ClickHouse first; funnel_hourly has a row for each sender, country, category and kind.
const demoQuestion = "SELECT tenant_id, sum(accepted), sum(sent), sum(delivered), sum(read), sum(failed) FROM funnel_hourly GROUP BY tenant_id FORMAT PrettyCompact"

// addresses says where a newcomer finds what is running, and what to try.
func (w *world) addresses(out io.Writer) {
	_, _ = fmt.Fprintf(out, "\nstill running; stop with Ctrl-C. In another shell:\n")
	for _, name := range []string{
		"WL_KAFKA_BROKERS", "WL_TOPIC_PREFIX", "WL_CLICKHOUSE_URL", "WL_REFS_URL",
		"WL_WINDOWS", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW", "WL_PARTITIONS", "WL_REPLICATION",
	} {
		if w.environment[name] == "" {
			continue
		}
		_, _ = fmt.Fprintf(out, "  export %s=%s\n", name, shellQuote(w.environment[name]))
	}
	_, _ = fmt.Fprintf(out, "  go run ./cmd/wlctl send --sample 10     # publish; then trace, lag, content show\n  kcat -b %s -L     # look at the topics\n", w.environment["WL_KAFKA_BROKERS"])
	if w.engine != nil {
		_, _ = fmt.Fprintf(out, "  curl %s --data-binary %s\n", shellQuote(w.engine.URL()), shellQuote(demoQuestion))
	}
	if w.simulator != nil {
		_, _ = fmt.Fprintf(out, "  curl %s/ledger     # what the simulated Cloud API saw\n", w.environment["WL_CLOUD_API_URL"])
	}
}

func shellQuote(s string) string {
	if strings.ContainsAny(s, " '\"$&;*?=") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
