-- Repeats told of by the events of a slice.
INSERT INTO repeats (tenant_id, message_id, coordinates, retain_until)
SELECT tenant_id, message_id, detail, retain_until FROM events
WHERE kind = 'repeated' AND inserted_at >= ? AND inserted_at < ?
