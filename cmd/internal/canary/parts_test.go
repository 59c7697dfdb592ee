package canary_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/canary"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// Goal: a canary in a part on disk is found whatever compresses its column, in wide and in compact parts, in columns, in
// dictionaries and in the primary key. Method: the real engine writes one row among many alike in each way; that the plain
// bytes hide some of them shows that decompression is what finds them.
func TestCanariesInClickHousePartsAreFound(t *testing.T) {
	db, err := clickhouse.Open(clickhouse.Config{URL: embedded.ForTest(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	hidden := 0
	for name, column := range map[string]string{
		"lz4": "String CODEC(LZ4)", "lz4hc": "String CODEC(LZ4HC)", "zstd": "String CODEC(ZSTD(1))", "none": "String CODEC(NONE)",
		"default": "String", "low": "LowCardinality(String)", "labels": "Map(LowCardinality(String), String) CODEC(ZSTD(1))",
		"several": "String CODEC(LZ4, ZSTD(1))",
	} {
		for kind, wide := range map[string]int{"wide": 0, "compact": 1 << 30} {
			table := name + "_" + kind
			const planted = "k7dw02mzq4xv81bnpl6tr3ysh5ugj9ce"
			value := fmt.Sprintf("if(number = 700, '%s', concat('bnpl6tr-', toString(number), '-mzq4xv8-81b'))", planted)
			if name == "labels" {
				value = "map('k', " + value + ")"
			}
			for _, sql := range []string{
				fmt.Sprintf("CREATE TABLE %s (n UInt64 CODEC(Delta, ZSTD(1)), v %s) ENGINE = MergeTree ORDER BY n SETTINGS min_bytes_for_wide_part = %d", table, column, wide),
				fmt.Sprintf("INSERT INTO %s SELECT number, %s FROM numbers(1000)", table, value),
			} {
				if _, err := db.Query(ctx, sql+settings(sql)); err != nil {
					t.Fatal(err)
				}
			}
			paths, err := db.Query(ctx, fmt.Sprintf("SELECT arrayJoin(data_paths) FROM system.tables WHERE database = currentDatabase() AND name = '%s'", table))
			if err != nil || len(paths.Values) != 1 {
				t.Fatal(paths.Values, err)
			}
			s := canary.New()
			s.Add("planted", planted)
			found, err := s.Files(strings.TrimSuffix(paths.Values[0][0], "/"), "")
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Hits) == 0 {
				t.Errorf("%s: nothing found in %d files, %d of them decompressed", table, found.Files, found.Columns)
			}
			if !s.Plain(t, strings.TrimSuffix(paths.Values[0][0], "/")) {
				hidden++
			}
		}
	}
	if hidden == 0 {
		t.Error("plain bytes show every canary: this test would pass without decompression")
	}
}

// settings lets a column be compressed twice, which the engine thinks odd.
func settings(sql string) string {
	if strings.Contains(sql, "LZ4, ZSTD") {
		return ", allow_suspicious_codecs = 1"
	}
	return ""
}
