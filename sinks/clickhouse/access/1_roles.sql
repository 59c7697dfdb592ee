-- Roles are made once and kept, as users hold them by their inner id. What each may do stands in 4_grants.sql.
CREATE ROLE IF NOT EXISTS wl_writer;
CREATE ROLE IF NOT EXISTS wl_refresher;
CREATE ROLE IF NOT EXISTS wl_analyst;
CREATE ROLE IF NOT EXISTS wl_analyst_refs;
CREATE ROLE IF NOT EXISTS wl_privacy;
CREATE ROLE IF NOT EXISTS wl_auditor;
CREATE ROLE IF NOT EXISTS wl_tenant;

-- In whose name the views read their tables. Nobody can log in as it: no host is allowed, and no password has this hash.
CREATE USER IF NOT EXISTS wl_views IDENTIFIED WITH sha256_hash BY '0000000000000000000000000000000000000000000000000000000000000000' HOST NONE;
