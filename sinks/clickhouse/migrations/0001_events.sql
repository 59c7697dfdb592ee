-- Events, each once in effect. The sorting key is the identity of an event and holds no time of processing, nor does the
-- partition, so that repeats collapse wherever they meet; among repeats the earliest `at` wins (version falls as at rises).
-- accepted_at stands before message_id, whose order is random: so what is inserted together lies together, and neither a
-- merge, nor FINAL, nor a refresh of what is recent walks the whole table. A message is found by the index on its id.
CREATE TABLE IF NOT EXISTS events
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends; unknown where a rejected request named none that exists',
    message_id        String COMMENT 'ULID or UUID chosen by the producer, with the tenant the identity of a message; derived from coordinates or unknown where there is none' CODEC(ZSTD(1)),
    accepted_at       DateTime64(6, 'UTC') COMMENT 'Broker append time of the request of the send; tells sends of one id apart. 1970 where the event tells of no message' CODEC(Delta, ZSTD(1)),
    kind              Enum8('accepted' = 1, 'repeated' = 2, 'rejected' = 3, 'routed' = 4, 'parked' = 5, 'claimed' = 6, 'sent' = 7, 'delivered' = 8, 'read' = 9, 'played' = 10, 'failed' = 11, 'unknown' = 12, 'expired' = 13, 'suppressed' = 14, 'redacted' = 15, 'erased' = 16, 'held' = 17, 'granted' = 18, 'released' = 19, 'shown' = 20, 'suspended' = 21, 'stopped' = 22, 'resumed' = 23) COMMENT 'What happened',
    attempt           UInt16 COMMENT 'Number of the send attempt, from 1; 0 where none is meant' CODEC(ZSTD(1)),
    detail            String COMMENT 'Tells events of one kind apart: coordinates, due time, claim id, copy or control id; empty for most' CODEC(ZSTD(1)),
    at                DateTime64(6, 'UTC') COMMENT 'When it happened; the earliest among repeats' CODEC(Delta, ZSTD(1)),
    stage             LowCardinality(String) COMMENT 'Stage that tells it',
    reason            LowCardinality(String) COMMENT 'Why, from the closed list of the stage; empty for none',
    sender_id         LowCardinality(String) COMMENT 'Phone number id of the sender; empty before routing',
    region            LowCardinality(String) COMMENT 'Region of the sender',
    processor         LowCardinality(String) COMMENT 'Who got the data',
    transfer_basis    LowCardinality(String) COMMENT 'Legal basis on which the data crossed a border',
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 country of the recipient; empty when unknown',
    category          LowCardinality(String) COMMENT 'Message category as Meta names it',
    content_type      LowCardinality(String) COMMENT 'Kind of content: text, image, template, …',
    size_class        LowCardinality(String) COMMENT 'Upper bound of the payload size: 64, 256, 1k, 4k, 64k (bytes)',
    template_ref      FixedString(16) COMMENT 'Keyed pseudonym of the template name, per tenant; zeros for none' CODEC(ZSTD(1)),
    recipient_ref     FixedString(16) COMMENT 'Keyed pseudonym of the recipient, per tenant; zeros for none' CODEC(ZSTD(1)),
    provider_ref      FixedString(16) COMMENT 'Keyed pseudonym of the WhatsApp message id, per tenant; zeros for none' CODEC(ZSTD(1)),
    error_code        Int32 COMMENT 'Error code as Meta numbers it; 0 for none' CODEC(ZSTD(1)),
    latency_us        Int64 COMMENT 'Duration of the call to Meta in microseconds; 0 without one' CODEC(ZSTD(1)),
    window            LowCardinality(String) COMMENT 'Diagnostic window of the message, a Go duration',
    due_at            Nullable(DateTime64(6, 'UTC')) COMMENT 'When the next step is due' CODEC(ZSTD(1)),
    pricing_category  LowCardinality(String) COMMENT 'Category that Meta charges for',
    billable          Nullable(Bool) COMMENT 'Whether Meta charges for the message; null until Meta says so' CODEC(ZSTD(1)),
    labels            Map(LowCardinality(String), String) COMMENT 'Labels of the producer, checked: values of at most 48 characters with fewer than 7 digits' CODEC(ZSTD(1)),
    copy_topic        LowCardinality(String) COMMENT 'Topic of the copy the event tells of; empty for none',
    copy_partition    Int32 COMMENT 'Partition of the copy' CODEC(ZSTD(1)),
    copy_offset       Int64 COMMENT 'Offset of the copy' CODEC(ZSTD(1)),
    copy_seed_id      FixedString(16) COMMENT 'Seed that seals the copy; zeros for none' CODEC(ZSTD(1)),
    policy_version    LowCardinality(String) COMMENT 'Version of the privacy policy in force',
    inserted_at       DateTime('UTC') DEFAULT now() COMMENT 'When the row was inserted, by the clock of the server; what derived tables are refreshed by' CODEC(ZSTD(1)),
    retain_until      DateTime('UTC') DEFAULT toDateTime(at, 'UTC') + toIntervalDay(400) COMMENT 'The row is removed after this' CODEC(Delta, ZSTD(1)),
    version           UInt64 MATERIALIZED toUInt64(9223372036854775807 - toUnixTimestamp64Micro(at)) COMMENT 'Highest for the earliest at, which therefore wins among repeats' CODEC(Delta, ZSTD(1)),
    INDEX inserted_at_minmax inserted_at TYPE minmax GRANULARITY 1,
    INDEX message_id_bloom message_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX recipient_ref_bloom recipient_ref TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(accepted_at)
ORDER BY (tenant_id, accepted_at, message_id, kind, attempt, detail)
TTL retain_until DELETE
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every event once in effect (read with FINAL); metadata only';

-- Requests that repeated an id, out of events: few, and looked up by message, which events are not ordered by.
CREATE TABLE IF NOT EXISTS repeats
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    message_id        String COMMENT 'Identity of the message, with the tenant' CODEC(ZSTD(1)),
    coordinates       String COMMENT 'Topic, partition and offset of the request that repeated the id' CODEC(ZSTD(1)),
    retain_until      DateTime('UTC') COMMENT 'The row is removed after this' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant_id, message_id, coordinates)
TTL retain_until DELETE
COMMENT 'Requests that repeated an id, for the refreshes (read with FINAL)';

-- How far each partition of events has landed; record writes it after the events.
CREATE TABLE IF NOT EXISTS progress
(
    topic             LowCardinality(String) COMMENT 'Topic, without the prefix',
    partition         Int32 COMMENT 'Its partition',
    next_offset       Int64 COMMENT 'Every record before this offset is in',
    complete_to       DateTime64(6, 'UTC') COMMENT 'Append time of the last record before next_offset',
    retain_until      DateTime('UTC') DEFAULT toDateTime(complete_to, 'UTC') + toIntervalDay(400) COMMENT 'The row is removed after this'
)
ENGINE = ReplacingMergeTree(complete_to)
ORDER BY (topic, partition)
TTL retain_until DELETE
COMMENT 'How far each partition has landed (read with FINAL)';
