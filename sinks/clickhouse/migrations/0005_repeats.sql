-- Repeats are requests: one that was appended in the millisecond of its first shares the first's row, so rows do not count it.
ALTER TABLE messages ADD COLUMN IF NOT EXISTS repeats UInt16 COMMENT 'Requests of this time that repeated an id' AFTER parked;

ALTER TABLE delivery_hourly ADD COLUMN IF NOT EXISTS repeats UInt64 COMMENT 'Requests among these that repeated an id' AFTER billable;

CREATE OR REPLACE VIEW funnel_hourly
(
    hour              DateTime('UTC') COMMENT 'Hour of acceptance',
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    sender_id         LowCardinality(String) COMMENT 'Phone number id of the sender',
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 country of the recipient; empty when unknown',
    category          LowCardinality(String) COMMENT 'Message category as Meta names it',
    content_type      LowCardinality(String) COMMENT 'Kind of content: text, image, template, …',
    messages          UInt64 COMMENT 'Number of messages',
    accepted          UInt64 COMMENT 'Of these, accepted',
    sent              UInt64 COMMENT 'Of these, accepted by Meta',
    delivered         UInt64 COMMENT 'Of these, on the device',
    read              UInt64 COMMENT 'Of these, read',
    redacted          UInt64 COMMENT 'Of these, with the diagnostic copy stripped',
    failed            UInt64 COMMENT 'Of these, refused by Meta for good',
    expired           UInt64 COMMENT 'Of these, past their deadline before they could be sent',
    suppressed        UInt64 COMMENT 'Of these, not sent because of an objection or a suspension',
    unknown           UInt64 COMMENT 'Of these, sent or not: no evidence came',
    rejected          UInt64 COMMENT 'Of these, refused as bad input',
    repeated          UInt64 COMMENT 'Requests that repeated an id, not sent again; one in the millisecond of its first is no message of its own',
    open              UInt64 COMMENT 'Of these, not ended yet',
    refreshed_at      DateTime64(6, 'UTC') COMMENT 'When this was computed; late callbacks restate it for up to 7 days'
)
AS SELECT hour, tenant_id, sender_id, country, category, content_type,
    sum(h.messages) AS messages,
    sumIf(h.messages, h.state NOT IN ('rejected', 'repeated')) AS accepted,
    sum(h.sent) AS sent, sum(h.delivered) AS delivered, sum(h.read) AS read, sum(h.redacted) AS redacted,
    sumIf(h.messages, h.state = 'failed') AS failed,
    sumIf(h.messages, h.state = 'expired') AS expired,
    sumIf(h.messages, h.state = 'suppressed') AS suppressed,
    sumIf(h.messages, h.state = 'unknown') AS unknown,
    sumIf(h.messages, h.state = 'rejected') AS rejected,
    sum(h.repeats) AS repeated,
    sumIf(h.messages, h.state IN ('accepted', 'routed', 'parked', 'claimed')) AS open,
    max(h.refreshed_at) AS refreshed_at
FROM delivery_hourly AS h FINAL
WHERE (h.hour, h.refreshed_at) IN (SELECT hour, max(refreshed_at) FROM delivery_hourly GROUP BY hour)
GROUP BY hour, tenant_id, sender_id, country, category, content_type
COMMENT 'Messages by hour of acceptance and how far they came; late callbacks (up to 7 days) restate past hours';
