-- Those who read change nothing but the settings of their own statements, and those within bounds. readonly = 2, because
-- clients send settings with each statement, which readonly = 1 refuses.
CREATE SETTINGS PROFILE OR REPLACE wl_reader SETTINGS
    readonly = 2,
    max_execution_time = 60 MIN 1 MAX 300,
    max_memory_usage = 4000000000 MIN 1 MAX 8000000000,
    max_result_rows = 1000000 MIN 1 MAX 10000000
TO wl_analyst, wl_analyst_refs, wl_auditor, wl_tenant;

-- Batching anew on the server would break the token by which a repeated insert is told.
CREATE SETTINGS PROFILE OR REPLACE wl_inserts SETTINGS async_insert = 0 CONST, insert_deduplicate = 1 CONST
TO wl_writer, wl_refresher;

-- An hour of one person's time of execution in an hour; a dashboard of 20 panels, asked once a minute, needs 1,200 statements.
CREATE QUOTA OR REPLACE wl_reader KEYED BY user_name FOR INTERVAL 1 hour MAX queries = 3600, execution_time = 3600
TO wl_analyst, wl_analyst_refs, wl_auditor;

CREATE QUOTA OR REPLACE wl_tenant KEYED BY user_name FOR INTERVAL 1 hour MAX queries = 1200, execution_time = 600
TO wl_tenant;
