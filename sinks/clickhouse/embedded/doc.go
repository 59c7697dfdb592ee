// Package embedded is the ClickHouse engine as a library in this process, behind the HTTP interface of a ClickHouse
// server on a loopback port, so that clickhouse-go and curl work on it unchanged.
//
// Its invariant: one connection a process (libchdb allows no more), one statement at a time on it. It is the real engine
// without what only a server has: users, roles, row policies, quotas, the native protocol. It stands in for a server in
// the demo and in tests, keeps nothing beyond its folder, and imports only libchdb (through purego) and the block codec
// of clickhouse-go.
package embedded
