-- The views read in the name of wl_views, so that who asks them needs no right to their tables. A migration that replaces a
-- view drops this; setup applies it again after the migrations.
ALTER TABLE message_status MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE funnel_hourly MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE latency_hourly MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE errors_hourly MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE senders MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE retention MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE freshness MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE message_refs MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
ALTER TABLE transfers MODIFY SQL SECURITY DEFINER DEFINER = wl_views;
