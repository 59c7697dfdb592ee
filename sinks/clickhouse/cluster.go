package clickhouse

import (
	"regexp"
	"strings"
)

var (
	created = regexp.MustCompile("^(CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW|DATABASE IF NOT EXISTS) `?\\w+`?)")
	engine  = regexp.MustCompile(`(?m)^ENGINE = ((?:Replacing)?MergeTree)`)
)

// onCluster turns a statement of a migration into that of a cluster of one shard: made on every host, its table
// replicated. The path in Keeper and the replica's name are the server's defaults, as are the macros they use.
func onCluster(cluster, sql string) string {
	if cluster == "" {
		return sql
	}
	sql = created.ReplaceAllString(sql, "${1} ON CLUSTER `"+strings.ReplaceAll(cluster, "`", "")+"`")
	sql = engine.ReplaceAllString(sql, "ENGINE = Replicated${1}")
	return strings.ReplaceAll(sql, "non_replicated_deduplication_window", "replicated_deduplication_window")
}
