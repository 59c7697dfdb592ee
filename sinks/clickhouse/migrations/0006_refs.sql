-- Pseudonyms of recipients, apart from the other views because they need a role of their own (wl_analyst_refs).
CREATE OR REPLACE VIEW message_refs
(
    tenant_id         LowCardinality(String) COMMENT 'Business that sends',
    message_id        String COMMENT 'ULID or UUID chosen by the producer',
    accepted_at       DateTime64(6, 'UTC') COMMENT 'Broker append time of the request',
    recipient_ref     FixedString(16) COMMENT 'Keyed pseudonym of the recipient, per tenant; zeros for none',
    template_ref      FixedString(16) COMMENT 'Keyed pseudonym of the template name, per tenant; zeros for none'
)
AS SELECT tenant_id, message_id, accepted_at, recipient_ref, template_ref FROM messages FINAL
COMMENT 'Pseudonyms of each message, to join with message_status by tenant_id, message_id and accepted_at';
