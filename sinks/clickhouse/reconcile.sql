-- Figures by hour that differ: of messages from events FINAL, of delivery_hourly from messages FINAL. An hour moves while
-- one of its events may have come after the last refresh that wrote down how far it got.
WITH
    (SELECT max(through) FROM refreshes) AS refreshed,
    of_events AS
    (
        SELECT toStartOfHour(toDateTime(accepted_at, 'UTC')) AS hour, count() AS messages, countIf(delivered) AS delivered, countIf(redacted) AS redacted
        FROM
        (
            SELECT accepted_at, countIf(kind IN ('delivered', 'read', 'played')) > 0 AS delivered, countIf(kind = 'redacted') > 0 AS redacted
            FROM events FINAL
            WHERE accepted_at >= toStartOfHour(?) AND kind NOT IN ('suspended', 'stopped', 'resumed')
            GROUP BY tenant_id, message_id, accepted_at
            HAVING countIf(kind NOT IN ('redacted', 'erased', 'held', 'granted', 'released', 'shown')) > 0
        )
        GROUP BY hour
    ),
    of_messages AS
    (
        SELECT toStartOfHour(toDateTime(accepted_at, 'UTC')) AS hour, count() AS messages,
            countIf(sent_at IS NOT NULL OR state IN ('sent', 'delivered', 'read', 'played')) AS sent,
            countIf(delivered_at IS NOT NULL OR state IN ('delivered', 'read', 'played')) AS delivered,
            countIf(read_at IS NOT NULL OR state IN ('read', 'played')) AS read,
            countIf(redacted_at IS NOT NULL) AS redacted, sum(m.attempts) AS attempts, countIf(m.billable) AS billable
        FROM messages AS m FINAL WHERE accepted_at >= toStartOfHour(?) GROUP BY hour
    ),
    of_hours AS
    (
        SELECT hour, sum(h.messages) AS messages, sum(h.sent) AS sent, sum(h.delivered) AS delivered, sum(h.read) AS read,
            sum(h.redacted) AS redacted, sum(h.attempts) AS attempts, sum(h.billable) AS billable
        FROM delivery_hourly AS h FINAL
        WHERE hour >= toStartOfHour(?) AND (h.hour, h.refreshed_at) IN (SELECT hour, max(refreshed_at) FROM delivery_hourly GROUP BY hour)
        GROUP BY hour
    ),
    figures AS
    (
        SELECT hour, 'messages' AS table, figure.1 AS name, figure.2 AS have, figure.3 AS want
        FROM of_events AS e FULL JOIN of_messages AS m USING (hour)
        ARRAY JOIN [('messages', toInt64(m.messages), toInt64(e.messages)), ('delivered', toInt64(m.delivered), toInt64(e.delivered)),
            ('redacted', toInt64(m.redacted), toInt64(e.redacted))] AS figure
        UNION ALL
        SELECT hour, 'delivery_hourly' AS table, figure.1 AS name, figure.2 AS have, figure.3 AS want
        FROM of_messages AS m FULL JOIN of_hours AS h USING (hour)
        ARRAY JOIN [('messages', toInt64(h.messages), toInt64(m.messages)), ('sent', toInt64(h.sent), toInt64(m.sent)),
            ('delivered', toInt64(h.delivered), toInt64(m.delivered)), ('read', toInt64(h.read), toInt64(m.read)),
            ('redacted', toInt64(h.redacted), toInt64(m.redacted)), ('attempts', toInt64(h.attempts), toInt64(m.attempts)),
            ('billable', toInt64(h.billable), toInt64(m.billable))] AS figure
    )
SELECT hour, table, name, have, want, hour IN
    (
        SELECT toStartOfHour(toDateTime(accepted_at, 'UTC')) FROM events
        WHERE accepted_at >= toStartOfHour(?) AND inserted_at + 60 >= refreshed
    ) AS moving
FROM figures WHERE have != want
ORDER BY hour, table, name
