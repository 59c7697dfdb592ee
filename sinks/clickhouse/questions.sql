-- Questions that analysts ask, each with its answer over the example data of questions_test.go, which asks every one: twenty
-- messages of one tenant. Times are of acceptance; add a condition on hour or accepted_at to look at less.

-- How far did the messages of each hour come?
SELECT formatDateTime(hour, '%H:%i') AS hour_utc, sum(accepted), sum(sent), sum(delivered), sum(read), sum(failed), sum(expired), sum(open)
FROM funnel_hourly GROUP BY hour ORDER BY hour;
-- 12:00 | 10 | 10 | 8 | 4 | 2 | 0 | 0
-- 13:00 | 10 | 8 | 4 | 0 | 1 | 1 | 0

-- How long did each hop take, in milliseconds?
SELECT formatDateTime(hour, '%H:%i') AS hour_utc, hop, messages, round(p50_us / 1000, 1) AS p50_ms, round(p95_us / 1000, 1) AS p95_ms, round(p99_us / 1000, 1) AS p99_ms
FROM latency_hourly WHERE tenant_id = 'acme' AND hop IN ('accepted_to_routed', 'claimed_to_sent') ORDER BY hour, hop;
-- 12:00 | accepted_to_routed | 10 | 10 | 10 | 10
-- 12:00 | claimed_to_sent | 10 | 55 | 95.5 | 99.1
-- 13:00 | accepted_to_routed | 10 | 10 | 10 | 10
-- 13:00 | claimed_to_sent | 8 | 45 | 76.5 | 79.3

-- Why were messages not sent or not delivered, by country?
SELECT country, state, reason, error_code, sum(messages) AS n
FROM errors_hourly GROUP BY country, state, reason, error_code ORDER BY n DESC, country, state, reason;
-- DE | failed | undeliverable | 131026 | 2
-- BR | expired | deadline | 0 | 1
-- BR | failed | marketing_capped | 131049 | 1

-- What does Meta charge for, by the category it charges and the category asked for?
SELECT pricing_category, category, count() AS n, countIf(billable) AS billed
FROM message_status WHERE pricing_category != '' GROUP BY pricing_category, category ORDER BY pricing_category, category;
-- marketing | marketing | 4 | 4
-- utility | utility | 8 | 0

-- How healthy is each sender: what share of its messages was delivered, what share refused?
SELECT sender_id, messages, delivered / messages AS delivered_share, failed / messages AS failed_share, attempts
FROM senders ORDER BY sender_id;
-- 106540352242922 | 10 | 0.8 | 0.2 | 10
-- 206540352242922 | 10 | 0.4 | 0.1 | 10

-- Are diagnostic copies stripped when their windows end, and how late at worst?
SELECT window, messages, redacted, overdue, latest_ms FROM retention ORDER BY window;
-- 24h | 10 | 0 | 10 |
-- 72h | 10 | 5 | 5 | 5000

-- Where did data go, by whom was it taken, and on what legal basis?
SELECT processor, region, country, transfer_basis, messages FROM transfers ORDER BY processor, region, country;
-- meta | eu | DE | same_region | 10
-- meta | us | BR | scc | 10
