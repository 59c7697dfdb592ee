-- The record of transfers: to whom data went, where it was sent from, to which countries and on what basis.
CREATE OR REPLACE VIEW transfers
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    processor         LowCardinality(String) COMMENT 'Who got the data',
    region            LowCardinality(String) COMMENT 'Region of the sender',
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 country of the recipient; empty when unknown',
    transfer_basis    LowCardinality(String) COMMENT 'Legal basis on which the data crossed a border',
    messages          UInt64 COMMENT 'Messages of which a send was attempted, whatever its outcome',
    first_at          Nullable(DateTime64(6, 'UTC')) COMMENT 'When the first of them was claimed',
    last_at           Nullable(DateTime64(6, 'UTC')) COMMENT 'When the last of them was claimed'
)
AS SELECT tenant_id, processor, region, country, transfer_basis, count() AS messages, min(claimed_at) AS first_at, max(claimed_at) AS last_at
FROM messages FINAL
WHERE attempts > 0
GROUP BY tenant_id, processor, region, country, transfer_basis
COMMENT 'Where data went, by whom it was taken and on what legal basis, over all messages kept';
