package clickhouse

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Rows is an answer as text: times in UTC as RFC 3339 with microseconds, null as "".
type Rows struct {
	Columns []string
	Values  [][]string
}

// Query runs a statement and returns its whole answer; args bind to ? in it. It is for the operator's tool and for
// reports: what it returns is at most some thousand rows.
func (d *DB) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	rows, err := d.conn.Query(ctx, sql, args...)
	if err != nil {
		return Rows{}, classify("query", err)
	}
	defer rows.Close()
	out := Rows{Columns: rows.Columns()}
	types := rows.ColumnTypes()
	for rows.Next() {
		into := make([]any, len(types))
		for i, t := range types {
			into[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(into...); err != nil {
			return Rows{}, classify("query", err)
		}
		values := make([]string, len(into))
		for i, v := range into {
			values[i] = text(reflect.ValueOf(v).Elem())
		}
		out.Values = append(out.Values, values)
	}
	if err := rows.Err(); err != nil {
		return Rows{}, classify("query", err)
	}
	return out, nil
}

func text(v reflect.Value) string {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if t, ok := v.Interface().(time.Time); ok {
		return t.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	if v.Kind() == reflect.String {
		return strings.TrimRight(v.String(), "\x00") // FixedString is padded
	}
	return fmt.Sprint(v.Interface())
}
