-- The one writer of the ledger: every effect, in SQL or in Python, is recorded by this function,
-- in the transaction that makes the effect.

do $$ begin
    if to_regtype('floor_actor') is null then
        -- Who acts. sees_area: the only area he may see, null for all. home_area: where his new bags go.
        create type floor_actor as (
            user_id bigint, sees_area bigint, home_area bigint, request_id text, address text);
    end if;
end $$;

-- Before an answer of earlier is given again: its commit may have been cut off while it waited for the
-- synchronous replica, and then stands on this server alone. A commit of our own waits for all before it.
create or replace function ledger_as_durable() returns void language sql as $$
    select pg_logical_emit_message(true, 'tracetrack', '')
$$;

create or replace function ledger_record(
    actor floor_actor, p_action text, p_subject_type text, p_subject_id bigint, p_subject_code text,
    p_area_id bigint, p_before jsonb, p_after jsonb,
    p_parent_id bigint default null, p_scan_id uuid default null, p_import_id bigint default null
) returns void language sql as $$
    insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, scan_id, action,
                              subject_type, subject_code, before, after, request_id, address)
    values ((actor).user_id, p_area_id, p_subject_id, p_parent_id, p_import_id, p_scan_id, p_action,
            p_subject_type, p_subject_code, p_before, p_after, (actor).request_id, (actor).address)
$$;
