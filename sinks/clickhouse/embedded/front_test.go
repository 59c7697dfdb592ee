package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// do asks as curl does and returns the status, the code of the exception and the body.
func do(t *testing.T, method, address, body string) (status int, code, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("X-ClickHouse-Exception-Code"), string(b)
}

// Goal: a newcomer's curl works: statements in the URL, in the body, in both, with any format. Method: a table of
// requests and what a ClickHouse server answers to them.
func TestCurlIsAnsweredLikeByAServer(t *testing.T) {
	base := ForTest(t)
	root, database, _ := strings.Cut(strings.TrimPrefix(base, "http://"), "/")
	root = "http://" + root
	q := func(sql string) string { return "?query=" + url.QueryEscape(sql) }
	for _, c := range []struct{ method, address, body, want string }{
		{"GET", root + "/ping", "", "Ok.\n"},
		{"GET", root + "/", "", "Ok.\n"},
		{"GET", root + "/" + q("SELECT 1, 'a'"), "", "1\ta\n"},
		{"POST", root + "/", "SELECT 1", "1\n"},
		{"POST", root + "/" + q("SELECT"), "1 + 1", "2\n"},
		{"GET", root + "/" + q("SELECT 1 AS n FORMAT JSONEachRow"), "", "{\"n\":1}\n"},
		{"GET", root + "/" + q("SELECT 1 AS n, 'x' AS s FORMAT CSVWithNames;"), "", "\"n\",\"s\"\n1,\"x\"\n"},
		{"GET", root + "/" + q("SELECT 1 AS n") + "&default_format=JSONEachRow", "", "{\"n\":1}\n"},
		{"GET", root + "/" + q("SELECT currentDatabase()"), "", "whatsapplink\n"},
		{"GET", base + q("SELECT currentDatabase()"), "", database + "\n"},
		{"GET", root + "/" + q("SELECT currentDatabase()") + "&database=default", "", "default\n"},
		{"GET", root + "/" + q("SELECT getSetting('max_threads')") + "&max_threads=1", "", "1\n"},
		{"GET", root + "/" + q("SELECT {a:UInt8} + 1, {b:String}") + "&param_a=4&param_b=" + url.QueryEscape(`it's \n`), "", "5\tit\\'s \\n\n"},
		{"POST", base, "CREATE TABLE t (n UInt8, s String) ENGINE = MergeTree ORDER BY n", ""},
		{"POST", base + q("INSERT INTO t FORMAT TabSeparated"), "1\ta\n2\tb\n", ""},
		{"POST", base, "INSERT INTO t VALUES (3, 'c')", ""},
		{"POST", base + q("INSERT INTO t VALUES"), "(4, 'd')", ""},
		{"POST", base + q("INSERT INTO t FORMAT JSONEachRow"), `{"n":5,"s":"two\n\nlines"}`, ""},
		{"GET", base + q("SELECT count(), sum(n) FROM t"), "", "5\t15\n"},
	} {
		status, code, answer := do(t, c.method, c.address, c.body)
		if status != http.StatusOK || answer != c.want {
			t.Errorf("%s %s %q: got %d %s %q, want %q", c.method, c.address, c.body, status, code, answer, c.want)
		}
	}
}

// Goal: errors are a server's: status 500, the code in a header, the text in the body; and one request's settings are
// not the next one's. Method: a table; then a setting that a failed statement had.
func TestErrorsAreAServersAndSettingsDoNotStay(t *testing.T) {
	base := ForTest(t)
	for query, want := range map[string]string{
		"?query=SELECT+*+FROM+nope": "60", "?query=SELECT+FROM+WHERE": "62", "?query=SELECT+1&database=nope": "81",
		"?query=SELECT+1&no_such_setting=1": "115", "?query=SELECT+1&bad-name=1": "115", "?query=SELECT+1&compress=1": "1001",
	} {
		status, code, body := do(t, "GET", base+query, "")
		if status != http.StatusInternalServerError || code != want || body == "" {
			t.Errorf("%s: got %d, %s, %q", query, status, code, body)
		}
	}
	before := func() string {
		_, _, v := do(t, "GET", base+"?query=SELECT+getSetting('max_block_size')", "")
		return v
	}
	was := before()
	do(t, "GET", base+"?query=SELECT+throwIf(1)&max_block_size=77", "")
	if now := before(); now != was {
		t.Errorf("max_block_size: got %q, want %q", now, was)
	}
}

// Goal: clickhouse-go works unchanged: answers of many blocks and types, inserts with any bytes, exceptions by code, from
// many goroutines. Method: a round trip of rows whose strings hold double newlines and zeros.
func TestTheDriverWorksUnchanged(t *testing.T) {
	options, err := ch.ParseDSN(ForTest(t))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ch.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := t.Context()
	if err := conn.Exec(ctx, "CREATE TABLE t (n UInt64, s String, l LowCardinality(Nullable(String)), at DateTime64(6, 'UTC'), a Array(UInt8)) ENGINE = MergeTree ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 26, 12, 0, 0, 123456000, time.UTC)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO t")
			for i := range uint64(50_000) {
				err = errors.Join(err, batch.Append(g*50_000+i, fmt.Sprintf("a\n\n\x00b%d", i), nil, at, []uint8{1, 2}))
			}
			if err = errors.Join(err, batch.Send()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	rows, err := conn.Query(ctx, "SELECT n, s, l, at, a FROM t ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := uint64(0)
	for ; rows.Next(); n++ {
		var got uint64
		var s string
		var l *string
		var when time.Time
		var a []uint8
		if err := rows.Scan(&got, &s, &l, &when, &a); err != nil {
			t.Fatal(err)
		}
		if got != n || s != fmt.Sprintf("a\n\n\x00b%d", n%50_000) || l != nil || !when.Equal(at) || !bytes.Equal(a, []byte{1, 2}) {
			t.Fatalf("row %d: %d %q %v %v %v", n, got, s, l, when, a)
		}
	}
	if n != 200_000 || rows.Err() != nil {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
	var exception *ch.Exception
	if err := conn.Exec(ctx, "SELECT * FROM nope"); !errors.As(err, &exception) || exception.Code != 60 {
		t.Errorf("got %v", err)
	}
}

// Goal: one engine a process; what it holds outlives it; no data of an insert is left in a file. Method: start on a
// folder, try a second, write, close, start on the folder again.
func TestAnEngineKeepsItsFolder(t *testing.T) {
	ForTest(t)     // skips where there is no engine
	release()      // and ends the shared one, as only one may run
	defer func() { // what ForTest's clean-up expects
		if _, err := acquire(); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	for round, want := range []string{"0\n", "1\n"} {
		e, err := Start(context.Background(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := Start(context.Background(), t.TempDir(), nil); err == nil {
			second.Close()
			t.Error("a second engine started")
		}
		do(t, "POST", e.URL(), "CREATE TABLE IF NOT EXISTS t (n UInt8) ENGINE = MergeTree ORDER BY n")
		if _, _, got := do(t, "POST", e.URL(), "SELECT count() FROM t"); got != want {
			t.Errorf("round %d: got %q, want %q", round, got, want)
		}
		do(t, "POST", e.URL()+"?query=INSERT+INTO+t+FORMAT+TabSeparated", "1\n")
		e.Close()
		e.Close() // twice does no harm
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "bodies")); len(left) != 0 {
		t.Errorf("%d bodies of inserts left", len(left))
	}
}
