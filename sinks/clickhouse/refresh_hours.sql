-- One run of hours, replaced whole.
INSERT INTO delivery_hourly (hour, tenant_id, sender_id, country, category, content_type, state, reason, error_code, messages, sent,
    delivered, read, redacted, attempts, billable, repeats, refreshed_at)
SELECT
    toStartOfHour(toDateTime(accepted_at, 'UTC')) AS hour, tenant_id, sender_id, country, category, content_type, state, reason,
    error_code,
    count() AS messages,
    countIf(sent_at IS NOT NULL OR state IN ('sent', 'delivered', 'read', 'played')) AS sent,
    countIf(delivered_at IS NOT NULL OR state IN ('delivered', 'read', 'played')) AS delivered,
    countIf(read_at IS NOT NULL OR state IN ('read', 'played')) AS read,
    countIf(redacted_at IS NOT NULL) AS redacted,
    sum(attempts) AS attempts,
    countIf(billable) AS billable,
    sum(repeats) AS repeats,
    now64(6) AS refreshed_at
FROM messages FINAL
WHERE accepted_at >= ? AND accepted_at < ?
GROUP BY hour, tenant_id, sender_id, country, category, content_type, state, reason, error_code
