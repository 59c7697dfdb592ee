package clickhouse

import (
	"context"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/whatsapplink/cloud/pipeline"
)

// table says how rows of one type become columns of one table.
type table[T any] struct {
	name    string
	columns []column[T]
	sum     func(rows []T) uint64 // tells one set of rows from another, for the token
}

// column is one column: its name and type as the migrations have them, and how the rows' values are appended.
type column[T any] struct {
	name, kind string
	append     func(into driver.BatchColumn, rows []T) error
}

// values makes a column of type V, a type clickhouse-go appends without converting it row by row.
func values[T, V any](name, kind string, value func(*T) V) column[T] {
	return column[T]{name: name, kind: kind, append: func(into driver.BatchColumn, rows []T) error {
		all := make([]V, len(rows))
		for i := range rows {
			all[i] = value(&rows[i])
		}
		return into.Append(all)
	}}
}

func (t *table[T]) sql() string {
	sql := "INSERT INTO " + t.name + " ("
	for i, c := range t.columns {
		if i > 0 {
			sql += ", "
		}
		sql += "`" + c.name + "`"
	}
	return sql + ")"
}

// target inserts each batch as one INSERT under one deduplication token.
type target[T any] struct {
	db    *DB
	table table[T]
	sql   string
	types []ch.ColumnNameAndType // spares a DESCRIBE per insert over HTTP
}

func newTarget[T any](db *DB, t table[T]) *target[T] {
	types := make([]ch.ColumnNameAndType, len(t.columns))
	for i, c := range t.columns {
		types[i] = ch.ColumnNameAndType{Name: c.name, Type: c.kind}
	}
	return &target[T]{db: db, table: t, sql: t.sql(), types: types}
}

// rows are what one INSERT takes: the same at every call but for what was deleted since, some at a time.
type rows[T any] interface {
	chunks(yield func([]T) error) error
}

// whole is rows that are all there.
type whole[T any] []T

func (w whole[T]) chunks(yield func([]T) error) error { return yield(w) }

// Write inserts the rows.
func (t *target[T]) Write(ctx context.Context, span pipeline.Span, all []T) error {
	if len(all) == 0 {
		return nil
	}
	return t.insert(ctx, t.token(span, all), whole[T](all))
}

// insert tries until the rows are acknowledged. A clickhouse-go batch counts as sent even when sending failed, perhaps
// after the server had committed; so every try builds the batch anew from the rows, under the same token, and ClickHouse
// keeps it once.
func (t *target[T]) insert(ctx context.Context, token string, all rows[T]) error {
	effect := "insert into " + t.table.name
	return pipeline.Retry(ctx, t.db.retry, effect, func(ctx context.Context) error {
		return t.send(ctx, effect, token, all)
	})
}

// token names the rows: where they came from, and their sum, so that a topic made anew, whose offsets start over, does
// not look like a repeat.
func (t *target[T]) token(span pipeline.Span, all []T) string {
	return fmt.Sprintf("%s/%s/%d/%d-%d/%016x", t.table.name, span.Topic, span.Partition, span.First, span.Next, t.table.sum(all))
}

func (t *target[T]) send(ctx context.Context, effect, token string, all rows[T]) error {
	ctx, cancel := context.WithTimeout(ctx, insertBound)
	defer cancel()
	ctx = ch.Context(ctx, ch.WithColumnNamesAndTypes(t.types), ch.WithSettings(ch.Settings{
		"insert_deduplication_token":      token,
		"max_partitions_per_insert_block": 0, // late events of many months in one batch are no fault
	}))
	batch, err := t.db.conn.PrepareBatch(ctx, t.sql, driver.WithReleaseConnection())
	if err != nil {
		return classify(effect, err)
	}
	defer batch.Close()
	err = all.chunks(func(some []T) error {
		for i, c := range t.table.columns {
			if err := c.append(batch.Column(i), some); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = batch.Send()
	}
	if err != nil {
		return classify(effect, err)
	}
	return nil
}
