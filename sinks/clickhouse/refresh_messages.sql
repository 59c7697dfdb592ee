-- Messages that the events of a part of a slice tell of, each from all its events. The state follows from the set of events, not
-- from their order: the highest rank wins, else the latest open state. So sent < delivered < read < played,
-- failed counts only while nothing says delivered, and evidence of a send settles unknown. A rejection by validate does
-- not count beside accepted; a send all of whose requests repeated events name by their coordinates is repeated. A repeated
-- event carries the time of the first claim: the request it names is one of that message within the horizon (at most 24 h).
-- What is being deleted is left out, so that a refresh that began before its events went does not bring it back.
INSERT INTO messages (tenant_id, message_id, accepted_at, state, final, final_at, routed_at, claimed_at, sent_at, delivered_at,
    read_at, redacted_at, redaction_due_at, attempts, parked, repeats, reason, error_code, latency_us, sender_id, region,
    processor, transfer_basis, country, category, content_type, size_class, template_ref, recipient_ref, window,
    pricing_category, billable, labels, copies, retain_until, refreshed_at)
WITH new AS
(
    SELECT tenant_id, accepted_at, message_id, kind, detail FROM events
    WHERE inserted_at >= ? AND inserted_at < ? AND accepted_at >= toDateTime64(?, 6, 'UTC')
        AND accepted_at < toDateTime64(?, 6, 'UTC') AND kind NOT IN ('suspended', 'stopped', 'resumed')
),
touched AS
(
    SELECT tenant_id, accepted_at, message_id FROM new
    UNION DISTINCT
    SELECT tenant_id, accepted_at, message_id FROM events
    WHERE kind = 'accepted' AND message_id IN (SELECT message_id FROM new WHERE kind = 'repeated')
        AND (tenant_id, message_id, detail) IN (SELECT tenant_id, message_id, detail FROM new WHERE kind = 'repeated')
        AND accepted_at >= (SELECT min(accepted_at) - INTERVAL 25 HOUR FROM new WHERE kind = 'repeated')
        AND accepted_at <= (SELECT max(accepted_at) + INTERVAL 25 HOUR FROM new WHERE kind = 'repeated')
),
events_of AS
(
    SELECT *, multiIf(
        kind = 'played', 10, kind = 'read', 9, kind = 'delivered', 8, kind = 'failed', 7, kind = 'sent', 6,
        kind = 'suppressed', 5, kind = 'expired', 4, kind = 'unknown', 3,
        kind = 'rejected' AND stage != 'validate', 2, kind = 'rejected', 1, 0) AS rank
    FROM events FINAL
    WHERE kind NOT IN ('suspended', 'stopped', 'resumed')
        AND (tenant_id, accepted_at, message_id) IN (SELECT tenant_id, accepted_at, message_id FROM touched)
),
repeats_of AS
(
    SELECT tenant_id, message_id, groupUniqArray(coordinates) AS repeated FROM repeats
    WHERE (tenant_id, message_id) IN (SELECT tenant_id, message_id FROM touched)
    GROUP BY tenant_id, message_id
),
sends AS
(
    SELECT tenant_id, message_id, accepted_at,
        countIf(kind = 'accepted') AS accepted,
        max(rank) AS highest,
        argMaxIf((toString(kind), reason, error_code), (rank, at, attempt), rank > 0) AS ended,
        argMaxIf(toString(kind), (at, kind), kind IN ('accepted', 'routed', 'parked', 'claimed')) AS open,
        groupUniqArrayIf(detail, kind = 'accepted') AS coordinates,
        groupUniqArrayIf(detail, kind = 'repeated') AS named,
        minOrNullIf(at, rank > 1) AS ended_at,
        minOrNullIf(at, rank = 1) AS rejected_at,
        minOrNullIf(at, kind = 'routed') AS routed_at,
        minOrNullIf(at, kind = 'claimed') AS claimed_at,
        minOrNullIf(at, kind = 'sent') AS sent_at,
        minOrNullIf(at, kind = 'delivered') AS delivered_at,
        minOrNullIf(at, kind = 'read') AS read_at,
        minOrNullIf(at, kind = 'redacted') AS redacted_at,
        maxIf(due_at, rank > 2 AND e.window != '0s' OR kind = 'redacted') AS redaction_due_at,
        maxIf(attempt, kind = 'claimed') AS attempts,
        uniqExactIf(detail, kind = 'parked') AS parked,
        argMaxIf(error_code, (at, attempt), kind = 'failed') AS failed_code,
        argMaxIf(e.latency_us, (at, attempt), kind = 'sent') AS latency_us,
        argMaxIf(e.sender_id, (at, attempt), e.sender_id != '') AS sender_id,
        argMaxIf(e.region, (at, attempt), e.region != '') AS region,
        argMaxIf(e.processor, (at, attempt), e.processor != '') AS processor,
        argMaxIf(e.transfer_basis, (at, attempt), e.transfer_basis != '') AS transfer_basis,
        argMaxIf(e.country, at, e.country != '') AS country,
        argMaxIf(e.category, at, e.category != '') AS category,
        argMaxIf(e.content_type, at, e.content_type != '') AS content_type,
        argMaxIf(e.size_class, at, e.size_class != '') AS size_class,
        max(e.template_ref) AS template_ref,
        argMaxIf(e.recipient_ref, (-toUnixTimestamp64Micro(at), e.recipient_ref), e.recipient_ref != toFixedString('', 16)) AS recipient_ref,
        argMaxIf(e.window, at, e.window != '') AS window,
        argMaxIf(e.pricing_category, at, e.pricing_category != '') AS pricing_category,
        argMaxIf(e.billable, at, e.billable IS NOT NULL) AS billable,
        argMaxIf(e.labels, at, notEmpty(e.labels)) AS labels,
        uniqExactIf((copy_topic, copy_partition, copy_offset), copy_topic != '') AS copies,
        max(e.retain_until) AS retain_until
    FROM events_of AS e
    GROUP BY tenant_id, message_id, accepted_at
),
told AS
(
    SELECT *, if(highest = 1 AND accepted > 0, 0, highest) AS top FROM sends LEFT JOIN repeats_of USING (tenant_id, message_id)
)
SELECT tenant_id, message_id, accepted_at,
    multiIf(
        top > 0, ended.1,
        open = '' AND notEmpty(named), 'repeated',
        notEmpty(coordinates) AND hasAll(repeated, coordinates), 'repeated',
        open) AS state,
    top > 0 AS final,
    multiIf(top > 1, ended_at, top = 1, rejected_at, NULL) AS final_at,
    routed_at, claimed_at, sent_at, delivered_at, read_at, redacted_at, redaction_due_at, attempts, parked,
    length(arrayIntersect(coordinates, repeated)) AS repeats,
    if(top BETWEEN 1 AND 7 AND top != 6, ended.2, '') AS reason,
    if(top BETWEEN 1 AND 7 AND top != 6, ended.3, failed_code) AS error_code,
    latency_us, sender_id, region, processor, transfer_basis, country, category, content_type, size_class, template_ref,
    recipient_ref, window, pricing_category, billable, labels, copies, retain_until, now64(6) AS refreshed_at
FROM told
WHERE (open != '' OR top > 0 OR notEmpty(named))
    AND (tenant_id, message_id, accepted_at) NOT IN (SELECT tenant_id, message_id, accepted_at FROM tombstones WHERE message_id != '')
