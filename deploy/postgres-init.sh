#!/bin/sh
# A new PostgreSQL for TraceTrack: the owner migrates, the application only uses.
# Run as the superuser; the container of docker-compose.yml does so at its first start, and Patroni, which
# gives the address to connect to, when it makes the cluster's first node.
set -eu
psql -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "${1:-postgres}" \
    -v owner="$TRACETRACK_OWNER_PASSWORD" -v app="$TRACETRACK_APP_PASSWORD" <<'SQL'
create role tracetrack_owner login nosuperuser nocreatedb nocreaterole password :'owner';
create role tracetrack_app login nosuperuser nocreatedb nocreaterole password :'app';
-- For reports of your own: give it a login and a password (alter role tracetrack_report login password '...').
create role tracetrack_report nologin connection limit 5;
alter role tracetrack_report set default_transaction_read_only = on;
alter role tracetrack_report set statement_timeout = '60s';
-- An open transaction keeps what it has read from being replaced by an update.
alter role tracetrack_report set idle_in_transaction_session_timeout = '30s';
grant tracetrack_app to tracetrack_owner;
grant pg_read_all_stats to tracetrack_app;
create database tracetrack owner tracetrack_owner;
revoke all on database tracetrack from public;
grant connect, temporary on database tracetrack to tracetrack_app;
grant connect on database tracetrack to tracetrack_report;
\connect tracetrack
create extension if not exists pg_trgm;
create extension if not exists pg_stat_statements;
SQL
