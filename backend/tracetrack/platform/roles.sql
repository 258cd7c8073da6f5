-- What tracetrack_report may read, where there is that role: for people's own reports and BI tools.
-- Whole tables without secrets; of people what a list of people shows; never passwords, sessions or keys.
do $$
begin
    if not exists (select from pg_roles where rolname = 'tracetrack_report') then
        return;
    end if;
    grant usage on schema public to tracetrack_report;
    grant select on areas, bags, bag_types, retired_codes, bills, returns, scans, audit_events, imports,
        import_report, bag_cards to tracetrack_report;
    grant select (id, username, full_name, role, area_id, language, created_at, updated_at, disabled_at)
        on users to tracetrack_report;
end $$;
