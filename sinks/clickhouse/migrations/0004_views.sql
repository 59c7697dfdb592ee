-- What analysts ask. Each view takes each fact once: messages FINAL, and of the roll-up the latest refresh of each hour.
CREATE OR REPLACE VIEW message_status
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    message_id        String COMMENT 'ULID or UUID chosen by the producer',
    accepted_at       DateTime64(6, 'UTC') COMMENT 'Broker append time of the request',
    state             LowCardinality(String) COMMENT 'Latest state: accepted, routed, parked, claimed (open); repeated; rejected, unknown, expired, suppressed, sent, failed, delivered, read, played',
    final             Bool COMMENT 'Whether the state ends the message',
    final_at          Nullable(DateTime64(6, 'UTC')) COMMENT 'When the first final state was reached',
    routed_at         Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was routed',
    claimed_at        Nullable(DateTime64(6, 'UTC')) COMMENT 'When the first attempt was claimed',
    sent_at           Nullable(DateTime64(6, 'UTC')) COMMENT 'When Meta accepted it',
    delivered_at      Nullable(DateTime64(6, 'UTC')) COMMENT 'When it reached the device, in whole seconds',
    read_at           Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was read, in whole seconds',
    redacted_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'When its diagnostic copy was stripped',
    attempts          UInt16 COMMENT 'Attempts to send',
    parked            UInt16 COMMENT 'How often it was parked',
    reason            LowCardinality(String) COMMENT 'Why, from a closed list; empty for none',
    error_code        Int32 COMMENT 'Error code as Meta numbers it; 0 for none',
    sender_id         LowCardinality(String) COMMENT 'Phone number id of the sender',
    region            LowCardinality(String) COMMENT 'Region of the sender',
    transfer_basis    LowCardinality(String) COMMENT 'Legal basis on which the data crossed a border',
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 country of the recipient; empty when unknown',
    category          LowCardinality(String) COMMENT 'Message category as Meta names it',
    content_type      LowCardinality(String) COMMENT 'Kind of content: text, image, template, …',
    size_class        LowCardinality(String) COMMENT 'Upper bound of the payload size: 64, 256, 1k, 4k, 64k (bytes)',
    window            LowCardinality(String) COMMENT 'Diagnostic window, a Go duration',
    pricing_category  LowCardinality(String) COMMENT 'Category that Meta charges for',
    billable          Nullable(Bool) COMMENT 'Whether Meta charges for it; null until Meta says so',
    labels            Map(LowCardinality(String), String) COMMENT 'Labels of the producer',
    refreshed_at      DateTime64(6, 'UTC') COMMENT 'When this was computed; late callbacks restate it for up to 7 days'
)
AS SELECT tenant_id, message_id, accepted_at, state, final, final_at, routed_at, claimed_at, sent_at, delivered_at, read_at,
    redacted_at, attempts, parked, reason, error_code, sender_id, region, transfer_basis, country, category, content_type,
    size_class, window, pricing_category, billable, labels, refreshed_at
FROM messages FINAL
COMMENT 'One row a message: its latest state and when it passed each hop';

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

CREATE OR REPLACE VIEW latency_hourly
(
    hour              DateTime('UTC') COMMENT 'Hour of acceptance',
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    hop               String COMMENT 'From one step to the next: accepted_to_routed, routed_to_claimed, claimed_to_sent, sent_to_delivered, due_to_redacted',
    messages          UInt64 COMMENT 'Number of messages',
    p50_us            Nullable(Float64) COMMENT 'Median, in microseconds',
    p95_us            Nullable(Float64) COMMENT '95th percentile, in microseconds',
    p99_us            Nullable(Float64) COMMENT '99th percentile, in microseconds'
)
AS SELECT hour, tenant_id, step.1 AS hop, step.2 AS messages, step.3[1] AS p50_us, step.3[2] AS p95_us, step.3[3] AS p99_us
FROM
(
    SELECT hour, tenant_id, arrayJoin([
        ('accepted_to_routed', count(routing), quantiles(0.50, 0.95, 0.99)(routing)),
        ('routed_to_claimed', count(claiming), quantiles(0.50, 0.95, 0.99)(claiming)),
        ('claimed_to_sent', count(sending), quantiles(0.50, 0.95, 0.99)(sending)),
        ('sent_to_delivered', count(delivering), quantiles(0.50, 0.95, 0.99)(delivering)),
        ('due_to_redacted', count(redacting), quantiles(0.50, 0.95, 0.99)(redacting))]) AS step
    FROM
    (
        SELECT toStartOfHour(toDateTime(accepted_at, 'UTC')) AS hour, tenant_id,
            dateDiff('microsecond', accepted_at, routed_at) AS routing,
            dateDiff('microsecond', routed_at, claimed_at) AS claiming,
            dateDiff('microsecond', claimed_at, sent_at) AS sending,
            dateDiff('microsecond', sent_at, delivered_at) AS delivering,
            dateDiff('microsecond', redaction_due_at, redacted_at) AS redacting
        FROM messages FINAL
    )
    GROUP BY hour, tenant_id
)
WHERE messages > 0
COMMENT 'Time between hops in microseconds, by hour of acceptance; sent_to_delivered can be negative, as Meta gives whole seconds';

CREATE OR REPLACE VIEW errors_hourly
(
    hour              DateTime('UTC') COMMENT 'Hour of acceptance',
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    sender_id         LowCardinality(String) COMMENT 'Phone number id of the sender',
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 country of the recipient; empty when unknown',
    category          LowCardinality(String) COMMENT 'Message category as Meta names it',
    state             LowCardinality(String) COMMENT 'Latest state: accepted, routed, parked, claimed (open); repeated; rejected, unknown, expired, suppressed, sent, failed, delivered, read, played',
    reason            LowCardinality(String) COMMENT 'Why, from a closed list; empty for none',
    error_code        Int32 COMMENT 'Error code as Meta numbers it; 0 for none',
    messages          UInt64 COMMENT 'Number of messages',
    refreshed_at      DateTime64(6, 'UTC') COMMENT 'When this was computed; late callbacks restate it for up to 7 days'
)
AS SELECT hour, tenant_id, sender_id, country, category, state, reason, error_code, sum(h.messages) AS messages,
    max(h.refreshed_at) AS refreshed_at
FROM delivery_hourly AS h FINAL
WHERE (h.hour, h.refreshed_at) IN (SELECT hour, max(refreshed_at) FROM delivery_hourly GROUP BY hour)
    AND state IN ('failed', 'expired', 'suppressed', 'unknown', 'rejected')
GROUP BY hour, tenant_id, sender_id, country, category, state, reason, error_code
COMMENT 'Messages that were not sent, by hour of acceptance and why';

CREATE OR REPLACE VIEW senders
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    sender_id         LowCardinality(String) COMMENT 'Phone number id of the sender',
    messages          UInt64 COMMENT 'Number of messages',
    sent              UInt64 COMMENT 'Of these, accepted by Meta',
    delivered         UInt64 COMMENT 'Of these, on the device',
    read              UInt64 COMMENT 'Of these, read',
    failed            UInt64 COMMENT 'Of these, refused by Meta for good',
    unknown           UInt64 COMMENT 'Of these, sent or not: no evidence came',
    attempts          UInt64 COMMENT 'Attempts to send',
    last_hour         DateTime('UTC') COMMENT 'Hour of its latest message'
)
AS SELECT tenant_id, sender_id, sum(h.messages) AS messages, sum(h.sent) AS sent, sum(h.delivered) AS delivered, sum(h.read) AS read,
    sumIf(h.messages, h.state = 'failed') AS failed, sumIf(h.messages, h.state = 'unknown') AS unknown, sum(h.attempts) AS attempts,
    max(h.hour) AS last_hour
FROM delivery_hourly AS h FINAL
WHERE (h.hour, h.refreshed_at) IN (SELECT hour, max(refreshed_at) FROM delivery_hourly GROUP BY hour) AND sender_id != ''
GROUP BY tenant_id, sender_id
COMMENT 'Health of each sender over all hours kept';

CREATE OR REPLACE VIEW retention
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    window            LowCardinality(String) COMMENT 'Diagnostic window, a Go duration',
    messages          UInt64 COMMENT 'Number of messages',
    redacted          UInt64 COMMENT 'Of these, with the diagnostic copy stripped',
    overdue           UInt64 COMMENT 'Of these, past their window and not stripped yet',
    latest_ms         Nullable(Int64) COMMENT 'Longest time from due to stripped, in milliseconds',
    oldest_due_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'Due time of the oldest copy not stripped yet; 1970 for none'
)
AS SELECT tenant_id, window, count() AS messages, countIf(redacted_at IS NOT NULL) AS redacted,
    countIf(redacted_at IS NULL AND redaction_due_at < now64(6)) AS overdue,
    max(if(redacted_at IS NULL, NULL, dateDiff('millisecond', redaction_due_at, redacted_at))) AS latest_ms,
    minIf(redaction_due_at, redacted_at IS NULL AND redaction_due_at IS NOT NULL) AS oldest_due_at
FROM messages FINAL
WHERE final AND state NOT IN ('rejected', 'repeated')
GROUP BY tenant_id, window
COMMENT 'Diagnostic windows kept: messages, stripped, overdue, and the latest a copy was stripped after it was due, in milliseconds';

CREATE OR REPLACE VIEW freshness
(
    object            String COMMENT 'events, by partition of the topic, or messages (with the roll-ups)',
    partition         Nullable(Int32) COMMENT 'Partition of the topic events; null for messages',
    complete_to       DateTime64(6, 'UTC') COMMENT 'events: everything the broker appended to the partition before this is in. messages: every event inserted before this counts',
    age_seconds       Int64 COMMENT 'How long ago that is, in seconds; it grows while a partition gets nothing'
)
AS SELECT object, partition, complete_to, dateDiff('second', complete_to, now64(6)) AS age_seconds
FROM
(
    SELECT 'events' AS object, toNullable(partition) AS partition, complete_to FROM progress FINAL WHERE topic = 'events'
    UNION ALL
    SELECT 'messages' AS object, CAST(NULL, 'Nullable(Int32)') AS partition, toDateTime64(max(through), 6, 'UTC') AS complete_to FROM refreshes
) AS objects
COMMENT 'Up to which time the tables are complete';
