-- What a deletion removed, written before the rows go: a replay of the topic must not bring it back. A row of a recipient
-- (message_id empty) covers what bears the ref, a row of a send (ref of zeros, so that it tells of nobody) what bears none.
CREATE TABLE IF NOT EXISTS tombstones
(
    tenant_id         LowCardinality(String) COMMENT 'Tenant on whose instruction it was deleted',
    recipient_ref     FixedString(16) COMMENT 'Keyed pseudonym of the recipient; zeros in a row of a send' CODEC(ZSTD(1)),
    message_id        String COMMENT 'Identity of the send, with tenant and accepted_at; empty in a row of a recipient' CODEC(ZSTD(1)),
    accepted_at       DateTime64(6, 'UTC') COMMENT 'Of the send; 1970 in a row of a recipient' CODEC(Delta, ZSTD(1)),
    deleted_through   DateTime64(6, 'UTC') COMMENT 'What was accepted until then is deleted; what came later is kept' CODEC(ZSTD(1)),
    written_at        DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When the row was inserted' CODEC(ZSTD(1)),
    retain_until      DateTime('UTC') DEFAULT toDateTime(deleted_through, 'UTC') + toIntervalDay(400) COMMENT 'The row is removed after this: no event it covers outlives that'
)
ENGINE = ReplacingMergeTree(deleted_through)
ORDER BY (tenant_id, recipient_ref, message_id, accepted_at)
TTL retain_until DELETE
COMMENT 'What must not come back after a deletion (read with FINAL)';
