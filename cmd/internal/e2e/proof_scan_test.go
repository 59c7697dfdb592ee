package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
)

// clean notes canaries in something that must hold none.
func (p *proof) clean(where string, b []byte) {
	if hits := p.canaries.In(b); len(hits) > 0 {
		p.leaks = append(p.leaks, fmt.Sprintf("%s holds %v", where, hits))
	}
}

// tight fails the test for every leak.
func (p *proof) tight() {
	for _, leak := range p.leaks {
		p.t.Error(leak)
	}
}

// found sees that the scan finds what was published while it is there.
func (p *proof) found() {
	found, err := p.canaries.Files(shared.DataDir(), p.prefix())
	p.must(err)
	if len(found.Hits) == 0 {
		p.t.Fatal("the scan does not find the canaries in requests: it would find nothing later either")
	}
}

// record looks for canaries in a record's every part.
func (p *proof) record(r pipeline.Record) {
	parts := [][]byte{r.Key, r.Value}
	for _, h := range r.Headers {
		parts = append(parts, []byte(h.Key), h.Value)
	}
	p.clean(r.Position.String(), slices.Concat(parts...))
}

// files scans a folder, in which nothing may be found.
func (p *proof) files(what, dir, prefix string) {
	found, err := p.canaries.Files(dir, prefix)
	p.must(err)
	for file, hits := range found.Hits {
		p.leaks = append(p.leaks, fmt.Sprintf("in the files of %s: %s holds %v", what, file, hits))
	}
	p.must(unless(found.Files > 0, "no file of %s was scanned", what))
	p.log("%s: %d KB in %d files scanned, %d columns decompressed", what, found.Bytes>>10, found.Files, found.Columns)
}

// metrics scans what every process that runs tells of itself.
func (p *proof) metrics() {
	for name, process := range p.processes {
		for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
			r, err := http.NewRequestWithContext(p.ctx, http.MethodGet, "http://"+process.HTTP+path, nil)
			p.must(err)
			answer, err := http.DefaultClient.Do(r)
			p.must(err)
			body, err := io.ReadAll(answer.Body)
			p.must(err)
			_ = answer.Body.Close()
			p.must(unless(path != "/metrics" || strings.Contains(string(body), "go_goroutines"), "%s tells no metrics", name))
			p.clean(path+" of "+name, body)
		}
	}
}

// database scans every column of every table, as ClickHouse tells it and as it lies on the disk.
func (p *proof) database() {
	tables, err := p.db.Query(p.ctx, "SELECT name, arrayJoin(data_paths) FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'")
	p.must(err)
	p.must(unless(len(tables.Values) >= 5, "only %d tables", len(tables.Values)))
	rows, columns := 0, 0
	for _, t := range tables.Values {
		dump, err := p.db.Query(p.ctx, "SELECT * FROM `"+t[0]+"`")
		p.must(err)
		for _, values := range dump.Values {
			p.clean("table "+t[0], []byte(strings.Join(values, "\x00")))
		}
		found, err := p.canaries.Files(strings.TrimSuffix(t[1], "/"), "")
		p.must(err)
		for file, hits := range found.Hits {
			p.leaks = append(p.leaks, fmt.Sprintf("in the parts of table %s: %s holds %v", t[0], file, hits))
		}
		rows, columns = rows+len(dump.Values), columns+found.Columns
	}
	p.must(unless(rows >= p.requests && columns > 0, "only %d rows and %d files of columns", rows, columns))
	p.log("ClickHouse: %d rows of %d tables scanned, %d files of columns decompressed", rows, len(tables.Values), columns)
}

// may says whether a topic may hold content in clear.
func may(topic string) bool {
	return topic == wire.Requests || strings.HasPrefix(topic, wire.Requests+".")
}
