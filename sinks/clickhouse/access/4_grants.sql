-- One statement a role, which replaces all it had before: what was granted by hand since is gone. matrix.csv says the
-- same cell by cell. Nothing here reaches url, s3, remote or file, nor any system table that names users or statements.

-- record: inserts only, and as wl_refresher what its refreshes compute from.
GRANT INSERT ON events, INSERT ON progress, INSERT ON receipts, INSERT ON audit, INSERT ON suppression_history,
    INSERT ON policy_history, INSERT ON rights_requests, INSERT ON tombstones
TO wl_writer WITH REPLACE OPTION;

GRANT SELECT ON events, SELECT ON repeats, SELECT ON messages, SELECT ON refreshes, SELECT ON tombstones, SELECT ON schema_migrations,
    INSERT ON repeats, INSERT ON messages, INSERT ON delivery_hourly, INSERT ON refreshes
TO wl_refresher WITH REPLACE OPTION;

-- What the views read from.
GRANT SELECT ON messages, SELECT ON delivery_hourly, SELECT ON progress, SELECT ON refreshes
TO wl_views WITH REPLACE OPTION;

GRANT SELECT ON message_status, SELECT ON funnel_hourly, SELECT ON latency_hourly, SELECT ON errors_hourly, SELECT ON senders,
    SELECT ON retention, SELECT ON transfers, SELECT ON freshness
TO wl_analyst WITH REPLACE OPTION;

GRANT SELECT ON message_status, SELECT ON funnel_hourly, SELECT ON latency_hourly, SELECT ON errors_hourly, SELECT ON senders,
    SELECT ON retention, SELECT ON transfers, SELECT ON freshness, SELECT ON message_refs
TO wl_analyst_refs WITH REPLACE OPTION;

-- The privacy officer: finds a person's rows by ref, removes them and waits until they are gone, keeps the requests.
GRANT SELECT ON message_status, SELECT ON funnel_hourly, SELECT ON latency_hourly, SELECT ON errors_hourly, SELECT ON senders,
    SELECT ON retention, SELECT ON transfers, SELECT ON freshness, SELECT ON message_refs,
    SELECT ON events, SELECT ON messages, SELECT ON receipts, SELECT ON audit, SELECT ON suppression_history,
    SELECT ON policy_history, SELECT ON rights_requests, SELECT ON repeats, SELECT ON delivery_hourly, SELECT ON tombstones,
    SELECT ON system.mutations,
    INSERT ON rights_requests, INSERT ON tombstones, INSERT ON delivery_hourly,
    ALTER DELETE ON events, ALTER DELETE ON messages, ALTER DELETE ON repeats, ALTER DELETE ON delivery_hourly
TO wl_privacy WITH REPLACE OPTION;

-- The auditor: evidence, but no row of a single message.
GRANT SELECT ON retention, SELECT ON transfers, SELECT ON freshness, SELECT ON receipts, SELECT ON audit, SELECT ON policy_history,
    SELECT ON rights_requests, SELECT ON schema_migrations
TO wl_auditor WITH REPLACE OPTION;

GRANT SELECT ON message_status, SELECT ON funnel_hourly, SELECT ON latency_hourly, SELECT ON errors_hourly, SELECT ON senders,
    SELECT ON retention, SELECT ON transfers, SELECT ON freshness
TO wl_tenant WITH REPLACE OPTION;
