package clickhouse

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// accessFiles are the roles, limits, row policies and grants of the contract. Unlike migrations they are edited freely and
// applied anew each time: every statement makes what it names as it says, whatever was there before.
//
//go:embed access/*.sql
var accessFiles embed.FS

// ErrNoAccessControl is what an engine gives that keeps no users and roles: the embedded one, or a server that takes them
// from users.xml alone.
var ErrNoAccessControl = errors.New("clickhouse: no users or roles are kept here")

// ApplyAccess makes roles, quotas, row policies, settings profiles and grants what the embedded files say, on a migrated
// database. Roles belong to the server, so that one holds one deployment. The user needs access_management.
func (d *DB) ApplyAccess(ctx context.Context) error {
	if err := d.keepsAccess(ctx); err != nil {
		return err
	}
	all, err := accessStatements()
	if err != nil {
		return err
	}
	var settings ch.Settings
	if d.cluster != "" { // where Keeper holds the users, all hosts have what one makes
		settings = ch.Settings{"ignore_on_cluster_for_replicated_access_entities_queries": 1}
	}
	for _, s := range all {
		err := d.exec(ctx, "apply access/"+s.file, settings, accessOnCluster(d.cluster, s.sql))
		if isCode(err, codeAccessDenied) {
			return fmt.Errorf("%w (the user needs access_management, all rights with GRANT OPTION)", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepsAccess returns ErrNoAccessControl where there is nowhere to keep a role.
func (d *DB) keepsAccess(ctx context.Context) error {
	var writable uint64
	err := d.row(ctx, "ask where users are kept",
		"SELECT countIf(type IN ('local_directory', 'replicated', 'memory')) FROM system.user_directories", nil, &writable)
	if err == nil && writable == 0 {
		err = ErrNoAccessControl
	}
	return err
}

// AccessDrift lists what roles may do and should not, or should and may not, by the grants as read back.
func (d *DB) AccessDrift(ctx context.Context) ([]string, error) {
	if err := d.keepsAccess(ctx); err != nil {
		return nil, err
	}
	return d.grantDrift(ctx)
}

func (d *DB) grantDrift(ctx context.Context) ([]string, error) {
	want, err := grants()
	if err != nil {
		return nil, err
	}
	rows, err := d.Query(ctx, `SELECT coalesce(role_name, user_name), toString(access_type),
    concat(if(coalesce(database, '*') = currentDatabase(), '', concat(coalesce(database, '*'), '.')), coalesce(table, '*'))
FROM system.grants WHERE (role_name LIKE 'wl\\_%' OR user_name = 'wl_views') AND NOT is_partial_revoke`)
	if err != nil {
		return nil, err
	}
	have := make([]grant, len(rows.Values))
	for i, r := range rows.Values {
		have[i] = grant{role: r[0], privilege: r[1], object: r[2]}
	}
	return difference(want, have), nil
}

// difference says what would make the grants as wanted.
func difference(want, have []grant) (out []string) {
	for _, g := range have {
		if !slices.Contains(want, g) {
			out = append(out, fmt.Sprintf("revoke %s on %s from %s", g.privilege, g.object, g.role))
		}
	}
	for _, g := range want {
		if !slices.Contains(have, g) {
			out = append(out, fmt.Sprintf("grant %s on %s to %s", g.privilege, g.object, g.role))
		}
	}
	return out
}

// accessStatement is one statement of a file under access/.
type accessStatement struct{ file, sql string }

// accessStatements reads the files in the order of their names.
func accessStatements() ([]accessStatement, error) {
	names, err := fs.Glob(accessFiles, "access/*.sql")
	if err != nil {
		return nil, err
	}
	var all []accessStatement
	for _, path := range names {
		text, err := accessFiles.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, sql := range statements(string(text)) {
			all = append(all, accessStatement{strings.TrimPrefix(path, "access/"), sql})
		}
	}
	return all, nil
}

// grant is one cell of the access matrix that says yes.
type grant struct{ role, privilege, object string }

var (
	granted  = regexp.MustCompile(`(?s)^GRANT (.+)\sTO (\w+) WITH REPLACE OPTION$`)
	accessOn = regexp.MustCompile(`^(CREATE (?:ROLE|USER) IF NOT EXISTS \w+|CREATE (?:SETTINGS PROFILE|QUOTA|ROW POLICY) OR REPLACE \w+|GRANT|ALTER TABLE \w+)`)
)

// grants reads the GRANT statements, each element of which names one privilege and one object.
func grants() ([]grant, error) {
	all, err := accessStatements()
	if err != nil {
		return nil, err
	}
	var out []grant
	for _, s := range all {
		m := granted.FindStringSubmatch(s.sql)
		if m == nil {
			continue
		}
		for element := range strings.SplitSeq(m[1], ",") {
			privilege, object, ok := strings.Cut(strings.TrimSpace(element), " ON ")
			if !ok {
				return nil, fmt.Errorf("access/%s: want PRIVILEGE ON object in each element of a GRANT", s.file)
			}
			out = append(out, grant{m[2], privilege, object})
		}
	}
	return out, nil
}

// accessOnCluster makes a statement one for all hosts of a cluster.
func accessOnCluster(cluster, sql string) string {
	if cluster == "" {
		return sql
	}
	return accessOn.ReplaceAllString(sql, "${1} ON CLUSTER `"+strings.ReplaceAll(cluster, "`", "")+"`")
}
