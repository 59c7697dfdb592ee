-- One row a send, recomputed from events FINAL and replaced whole (the latest refresh wins).
CREATE TABLE IF NOT EXISTS messages
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    message_id        String COMMENT 'Identity of the message, with the tenant' CODEC(ZSTD(1)),
    accepted_at       DateTime64(6, 'UTC') COMMENT 'Broker append time of the request' CODEC(Delta, ZSTD(1)),
    state             LowCardinality(String) COMMENT 'Latest state: an open one (accepted, routed, parked, claimed), or repeated, rejected, unknown, expired, suppressed, sent, failed, delivered, read, played',
    final             Bool COMMENT 'Whether the state ends the message (repeated ends a request, not a send)',
    final_at          Nullable(DateTime64(6, 'UTC')) COMMENT 'When the first final state was reached' CODEC(ZSTD(1)),
    routed_at         Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was routed' CODEC(ZSTD(1)),
    claimed_at        Nullable(DateTime64(6, 'UTC')) COMMENT 'When the first attempt was claimed' CODEC(ZSTD(1)),
    sent_at           Nullable(DateTime64(6, 'UTC')) COMMENT 'When Meta accepted it' CODEC(ZSTD(1)),
    delivered_at      Nullable(DateTime64(6, 'UTC')) COMMENT 'When it reached the device' CODEC(ZSTD(1)),
    read_at           Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was read' CODEC(ZSTD(1)),
    redacted_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'When its diagnostic copy was stripped' CODEC(ZSTD(1)),
    redaction_due_at  Nullable(DateTime64(6, 'UTC')) COMMENT 'When its diagnostic window ends' CODEC(ZSTD(1)),
    attempts          UInt16 COMMENT 'Number of the last attempt claimed',
    parked            UInt16 COMMENT 'How often it was parked',
    repeats           UInt16 COMMENT 'Requests of this time that repeated an id; one in the millisecond of its first shares its row',
    reason            LowCardinality(String) COMMENT 'Reason of the state, from a closed list',
    error_code        Int32 COMMENT 'Error code of Meta with the state, else of its last failure; 0 for none' CODEC(ZSTD(1)),
    latency_us        Int64 COMMENT 'Duration of the call that sent it, in microseconds; 0 without one' CODEC(ZSTD(1)),
    sender_id         LowCardinality(String) COMMENT 'Phone number id it went out by',
    region            LowCardinality(String) COMMENT 'Region of the sender',
    processor         LowCardinality(String) COMMENT 'Who got the data',
    transfer_basis    LowCardinality(String) COMMENT 'Legal basis on which the data crossed a border',
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 country of the recipient',
    category          LowCardinality(String) COMMENT 'Message category',
    content_type      LowCardinality(String) COMMENT 'Kind of content',
    size_class        LowCardinality(String) COMMENT 'Upper bound of the payload size',
    template_ref      FixedString(16) COMMENT 'Keyed pseudonym of the template name; zeros for none' CODEC(ZSTD(1)),
    recipient_ref     FixedString(16) COMMENT 'Keyed pseudonym of the recipient; zeros for none' CODEC(ZSTD(1)),
    window            LowCardinality(String) COMMENT 'Diagnostic window, a Go duration',
    pricing_category  LowCardinality(String) COMMENT 'Category that Meta charges for',
    billable          Nullable(Bool) COMMENT 'Whether Meta charges for it' CODEC(ZSTD(1)),
    labels            Map(LowCardinality(String), String) COMMENT 'Labels of the producer' CODEC(ZSTD(1)),
    copies            UInt16 COMMENT 'Copies of the content that events told of',
    retain_until      DateTime('UTC') COMMENT 'The row is removed after this' CODEC(Delta, ZSTD(1)),
    refreshed_at      DateTime64(6, 'UTC') COMMENT 'When the row was computed; the latest wins' CODEC(ZSTD(1)),
    INDEX refreshed_at_minmax refreshed_at TYPE minmax GRANULARITY 1,
    INDEX message_id_bloom message_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(refreshed_at)
PARTITION BY toYYYYMM(accepted_at)
ORDER BY (tenant_id, accepted_at, message_id)
TTL retain_until DELETE
COMMENT 'One row a send: latest state, times, attempts (read with FINAL)';

-- The roll-up. An hour is replaced whole: its rows are those of its latest refresh.
CREATE TABLE IF NOT EXISTS delivery_hourly
(
    hour              DateTime('UTC') COMMENT 'Hour of accepted_at' CODEC(Delta, ZSTD(1)),
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    sender_id         LowCardinality(String) COMMENT 'Phone number id of the sender',
    country           LowCardinality(String) COMMENT 'Country of the recipient',
    category          LowCardinality(String) COMMENT 'Message category',
    content_type      LowCardinality(String) COMMENT 'Kind of content',
    state             LowCardinality(String) COMMENT 'Latest state of the messages',
    reason            LowCardinality(String) COMMENT 'Reason of the state',
    error_code        Int32 COMMENT 'Error code of Meta; 0 for none',
    messages          UInt64 COMMENT 'Number of messages',
    sent              UInt64 COMMENT 'Of these, accepted by Meta',
    delivered         UInt64 COMMENT 'Of these, on the device',
    read              UInt64 COMMENT 'Of these, read',
    redacted          UInt64 COMMENT 'Of these, with the diagnostic copy stripped',
    attempts          UInt64 COMMENT 'Attempts of these messages together',
    billable          UInt64 COMMENT 'Of these, charged for by Meta',
    repeats           UInt64 COMMENT 'Requests among these that repeated an id',
    refreshed_at      DateTime64(6, 'UTC') COMMENT 'When the hour was computed; only rows of its latest refresh count'
)
ENGINE = ReplacingMergeTree(refreshed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, tenant_id, sender_id, country, category, content_type, state, reason, error_code)
TTL hour + toIntervalDay(400) DELETE
COMMENT 'Messages by hour and what decides about them; ask the views, which take the latest refresh of each hour';

-- Up to when the derived tables are complete. One row a refresh.
CREATE TABLE IF NOT EXISTS refreshes
(
    through           DateTime('UTC') COMMENT 'Events inserted before this are in messages and delivery_hourly',
    retain_until      DateTime('UTC') DEFAULT now() + toIntervalDay(2) COMMENT 'The row is removed after this'
)
ENGINE = MergeTree
ORDER BY through
TTL retain_until DELETE
COMMENT 'Refreshes of the derived tables';
