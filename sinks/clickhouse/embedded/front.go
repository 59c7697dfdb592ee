package embedded

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// request is one statement as ClickHouse's HTTP interface takes it.
type request struct {
	database string
	sql      string
	format   string   // of the answer, unless sql names one
	revision uint64   // of Native answers; 0 leaves them as the engine gives them
	settings []string // name = literal, in force for this statement only
	resets   []string // name = DEFAULT, after it
	params   []string // param_name = literal
	body     string   // file with the data of an insert, "" for none
}

// ServeHTTP answers like a ClickHouse server: the statement in ?query= or the body (or its data in the body), settings and
// param_* in the URL, the database in ?database= or the path; errors are status 500 with X-ClickHouse-Exception-Code.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ping" {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	q, err := e.parse(r)
	if q != nil && q.body != "" {
		defer os.Remove(q.body)
	}
	if err == nil && strings.TrimSpace(q.sql) == "" {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	var answer []byte
	if err == nil {
		answer, err = e.run(q)
	}
	if err == nil && q.revision > 0 && q.format == "Native" {
		answer, err = reencode(answer, q.revision)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("X-ClickHouse-Format", q.format)
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer)
}

// refuse answers with an exception, as a server does.
func refuse(w http.ResponseWriter, err error) {
	var q *QueryError
	if !errors.As(err, &q) {
		q = &QueryError{Code: 1001, Text: "Code: 1001. " + err.Error()} // STD_EXCEPTION
	}
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(q.Code))
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, q.Text+"\n")
}

// Parameters of the HTTP interface that are no settings, or have no meaning without users, sessions and compression.
var reserved = map[string]bool{
	"query": true, "database": true, "default_format": true, "client_protocol_version": true, "user": true,
	"password": true, "query_id": true, "quota_key": true, "session_id": true, "session_timeout": true,
	"session_check": true, "wait_end_of_query": true, "buffer_size": true, "enable_http_compression": true,
}

var (
	name         = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	formatClause = regexp.MustCompile(`(?is)\sFORMAT\s+(\w+)(?:\s+SETTINGS\s[^']*)?\s*;?\s*$`)
	insertClause = regexp.MustCompile(`(?is)^(\s*INSERT\s.*?)\s+FORMAT\s+(\w+)\s*;?\s*$`)
)

func (e *Engine) parse(r *http.Request) (*request, error) {
	values := r.URL.Query()
	q := &request{database: strings.Trim(r.URL.Path, "/"), format: "TabSeparated"}
	if d := first(values.Get("database"), r.Header.Get("X-ClickHouse-Database")); d != "" {
		q.database = d
	}
	if q.database == "" {
		q.database = Database
	}
	if r.Header.Get("Content-Encoding") != "" || values.Get("compress") == "1" || values.Get("decompress") == "1" {
		return q, errors.New("the embedded engine takes and gives nothing compressed")
	}
	q.revision, _ = strconv.ParseUint(values.Get("client_protocol_version"), 10, 64)
	if err := q.addSettings(values); err != nil {
		return q, err
	}
	if err := e.addStatement(q, values.Get("query"), r.Body); err != nil {
		return q, err
	}
	if m := formatClause.FindStringSubmatch(q.sql); m != nil {
		q.format = m[1]
	} else if f := first(values.Get("default_format"), r.Header.Get("X-ClickHouse-Format")); f != "" {
		q.format = f
	}
	return q, nil
}

func (q *request) addSettings(values url.Values) error {
	for k := range values {
		switch {
		case reserved[k]:
		case !name.MatchString(k):
			return &QueryError{Code: 115, Text: "Code: 115. a setting's name is not an identifier"} // UNKNOWN_SETTING
		case strings.HasPrefix(k, "param_"):
			q.params = append(q.params, k+" = "+quote(values.Get(k)))
		default:
			q.settings = append(q.settings, k+" = "+quote(values.Get(k)))
			q.resets = append(q.resets, k+" = DEFAULT")
		}
	}
	return nil
}

// addStatement joins the statement of the URL and the body. The data of an INSERT … FORMAT goes through a file, since
// binary data inside a statement ends at a double newline.
func (e *Engine) addStatement(q *request, sql string, body io.Reader) error {
	m := insertClause.FindStringSubmatch(sql)
	if m == nil {
		b, err := io.ReadAll(body)
		if err != nil {
			return fmt.Errorf("read the statement: %w", err)
		}
		q.sql = strings.TrimSpace(sql + "\n" + string(b))
		return nil
	}
	f, err := os.CreateTemp(e.bodies, "insert-*")
	if err != nil {
		return fmt.Errorf("keep the data of an insert: %w", err)
	}
	q.body = f.Name()
	_, err = io.Copy(f, body)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep the data of an insert: %w", err)
	}
	q.sql = m[1] + " FROM INFILE " + quote(q.body) + " FORMAT " + m[2]
	return nil
}

// run executes the statement with its database and settings, and takes the settings back.
func (e *Engine) run(q *request) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn == nil {
		return nil, errors.New("the engine is closed")
	}
	before := []string{"USE `" + strings.ReplaceAll(q.database, "`", "") + "`"}
	if len(q.params) > 0 {
		before = append(before, "SET "+strings.Join(q.params, ", "))
	}
	if len(q.settings) > 0 {
		before = append(before, "SET "+strings.Join(q.settings, ", "))
		defer func() { _, _ = e.conn.query("SET "+strings.Join(q.resets, ", "), "Null") }()
	}
	for _, sql := range before {
		if _, err := e.conn.query(sql, "Null"); err != nil {
			return nil, err
		}
	}
	return e.conn.query(q.sql, q.format)
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
