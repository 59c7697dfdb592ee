-- Repeats told of by events inserted since the time given.
INSERT INTO repeats (tenant_id, message_id, coordinates, retain_until)
SELECT tenant_id, message_id, detail, retain_until FROM events
WHERE kind = 'repeated' AND inserted_at >= ?
