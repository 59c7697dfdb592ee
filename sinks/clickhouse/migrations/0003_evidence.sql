CREATE TABLE IF NOT EXISTS receipts
(
    lane              LowCardinality(String) COMMENT 'Topic of the copies: delivered.<window>',
    partition         Int32 COMMENT 'Partition of the lane',
    bucket            DateTime64(6, 'UTC') COMMENT 'Start of the bucket of due times',
    state             Enum8('expired' = 1, 'erased' = 2) COMMENT 'expired: reading is over and the copies are stripped; erased: the bytes of every seed are gone from every replica',
    first_offset      Int64 COMMENT 'First offset of the bucket in the lane',
    last_offset       Int64 COMMENT 'Last offset of the bucket in the lane',
    count             Int64 COMMENT 'Number of copies',
    deadline          DateTime64(6, 'UTC') COMMENT 'Latest due time in the bucket',
    observed_at       DateTime64(6, 'UTC') COMMENT 'When the state was observed',
    `seeds.topic`     Array(LowCardinality(String)) COMMENT 'Key topics of the seeds of the copies',
    `seeds.seed_id`   Array(FixedString(16)) COMMENT 'Seeds of the copies',
    `seeds.appended_at` Array(DateTime64(6, 'UTC')) COMMENT 'When the seeds were appended',
    policy_version    LowCardinality(String) COMMENT 'Version of the privacy policy in force',
    retain_until      DateTime('UTC') DEFAULT toDateTime(deadline, 'UTC') + toIntervalDay(730) COMMENT 'The row is removed after this'
)
ENGINE = ReplacingMergeTree(count)
PARTITION BY toYYYYMM(bucket)
ORDER BY (lane, partition, bucket, state, first_offset)
TTL retain_until DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Evidence of redaction: one row per lane, partition, bucket and state (read with FINAL)';

CREATE TABLE IF NOT EXISTS audit
(
    audit_id          String COMMENT 'ULID of the record',
    action            LowCardinality(String) COMMENT 'What was done, from a closed list',
    actor             LowCardinality(String) COMMENT 'Id of who did it',
    tenant_id         LowCardinality(String) COMMENT 'Tenant concerned; empty for none',
    message_id        String COMMENT 'Message concerned; empty for none',
    control_id        String COMMENT 'ULID of the control that asked for it; empty for none',
    purpose           LowCardinality(String) COMMENT 'debug, support, legal or empty',
    incident_id       LowCardinality(String) COMMENT 'Incident it belongs to; empty for none',
    detail            LowCardinality(String) COMMENT 'More, from a closed vocabulary',
    at                DateTime64(6, 'UTC') COMMENT 'When',
    read_to           Int64 COMMENT 'Offset of the audit log up to which its writer had read',
    read_hash         FixedString(32) COMMENT 'SHA-256 chain of the log before read_to',
    policy_version    LowCardinality(String) COMMENT 'Version of the privacy policy in force',
    retain_until      DateTime('UTC') DEFAULT toDateTime(at, 'UTC') + toIntervalDay(400) COMMENT 'The row is removed after this'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (at, audit_id)
TTL retain_until DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Privileged actions, each once (read with FINAL)';

CREATE TABLE IF NOT EXISTS suppression_history
(
    tenant_id         LowCardinality(String) COMMENT 'Tenant that must not send',
    scope             LowCardinality(String) COMMENT 'What is suppressed: recipient',
    recipient_ref     FixedString(16) COMMENT 'Keyed pseudonym of the recipient, per tenant',
    category          LowCardinality(String) COMMENT 'marketing or all',
    state             Enum8('stop' = 1, 'resume' = 2) COMMENT 'Objection, or its end',
    effective_at      DateTime64(6, 'UTC') COMMENT 'From when',
    source            LowCardinality(String) COMMENT 'tenant, preference, keyword, error or rights',
    retain_until      DateTime('UTC') DEFAULT toDateTime(effective_at, 'UTC') + toIntervalDay(730) COMMENT 'The row is removed after this'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(effective_at)
ORDER BY (tenant_id, scope, recipient_ref, category, state, effective_at, source)
TTL retain_until DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Objections and their ends, each once (read with FINAL)';

CREATE TABLE IF NOT EXISTS policy_history
(
    object            LowCardinality(String) COMMENT 'What changed: window, processor, region, class, tenant',
    object_id         LowCardinality(String) COMMENT 'Which one',
    setting           LowCardinality(String) COMMENT 'Name of the setting',
    value             LowCardinality(String) COMMENT 'Its value from effective_at on, from a closed vocabulary or a duration',
    policy_version    LowCardinality(String) COMMENT 'Version of the privacy policy that brings it',
    effective_at      DateTime64(6, 'UTC') COMMENT 'From when',
    retain_until      DateTime('UTC') DEFAULT toDateTime(effective_at, 'UTC') + toIntervalDay(730) COMMENT 'The row is removed after this'
)
ENGINE = ReplacingMergeTree
ORDER BY (object, object_id, setting, effective_at)
TTL retain_until DELETE
COMMENT 'What held when: windows, processors, regions, classes (read with FINAL)';

CREATE TABLE IF NOT EXISTS rights_requests
(
    request_id        String COMMENT 'ULID of the request',
    tenant_id         LowCardinality(String) COMMENT 'Tenant on whose instruction it is carried out',
    kind              Enum8('access' = 1, 'correction' = 2, 'deletion' = 3, 'portability' = 4, 'objection' = 5, 'restriction' = 6) COMMENT 'Which right',
    law               LowCardinality(String) COMMENT 'gdpr, ccpa, lgpd or pipeda',
    state             Enum8('received' = 1, 'running' = 2, 'waiting' = 3, 'done' = 4, 'refused' = 5) COMMENT 'How far it is',
    reason            LowCardinality(String) COMMENT 'Why it waits or was refused, from a closed list',
    received_at       DateTime64(6, 'UTC') COMMENT 'When it came in',
    due_at            DateTime64(6, 'UTC') COMMENT 'When the law wants it done',
    at                DateTime64(6, 'UTC') COMMENT 'When it reached the state; the latest counts',
    retain_until      DateTime('UTC') DEFAULT toDateTime(received_at, 'UTC') + toIntervalDay(730) COMMENT 'The row is removed after this'
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (tenant_id, request_id)
TTL retain_until DELETE
COMMENT 'Rights requests and their due dates (read with FINAL)';
