-- The first row policy on a table hides it from every user it does not name: so one lets everybody see all rows, and a
-- restrictive one, which counts whatever else a user may, leaves a tenant its own. A tenant's user is named as the tenant.
-- The policies are on the views, whose tables a tenant cannot read.
CREATE ROW POLICY OR REPLACE wl_everyone ON message_status, funnel_hourly, latency_hourly, errors_hourly, senders, retention, transfers
AS PERMISSIVE FOR SELECT USING 1 TO ALL;

CREATE ROW POLICY OR REPLACE wl_tenant ON message_status, funnel_hourly, latency_hourly, errors_hourly, senders, retention, transfers
AS RESTRICTIVE FOR SELECT USING tenant_id = currentUser() TO wl_tenant;
