#!/bin/sh
# One part of the cluster, in a container: start.sh etcd|patroni|redis|sentinel|pgbouncer|haproxy.
# Its settings come from the environment (docker-compose.yml, profile "cluster").
set -eu
umask 077
own=/var/lib/tracetrack
# Of the names in the templates only ours are filled in.
fill() { envsubst < "/etc/tracetrack/$1" > "$2"; }
export HOST="${HOST:-$(hostname -i | cut -d' ' -f1)}"
case "$1" in
etcd)
    here="http://$NAME"
    exec etcd --name "$NAME" --data-dir "$own/etcd" \
        --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls "$here:2379" \
        --listen-peer-urls http://0.0.0.0:2380 --initial-advertise-peer-urls "$here:2380" \
        --initial-cluster etcd1=http://etcd1:2380,etcd2=http://etcd2:2380,etcd3=http://etcd3:2380 \
        --initial-cluster-token tracetrack --initial-cluster-state new --log-level warn
    ;;
patroni)
    : "${POSTGRES_PASSWORD:?}" "${REPLICATION_PASSWORD:?}" "${REWIND_PASSWORD:?}"
    : "${TRACETRACK_OWNER_PASSWORD:?}" "${TRACETRACK_APP_PASSWORD:?}"
    # Debian 13's Patroni is right with etcd's version 3 interface, and its etcd has no other by default.
    export ETCD=etcd1:2379,etcd2:2379,etcd3:2379 ETCD_API=etcd3 NETWORK=samenet REST_PORT=8008 PG_PORT=5432
    export DATA="$own/data" PGPASS="$own/pgpass" POST_INIT=/usr/local/bin/postgres-init.sh
    export PG_BIN="/usr/lib/postgresql/$PG_MAJOR/bin" SHARED_BUFFERS="${SHARED_BUFFERS:-512MB}"
    fill patroni.yml "$own/patroni.yml"
    exec patroni "$own/patroni.yml"
    ;;
redis)
    : "${REDIS_PASSWORD:?}"
    export PORT=6379 DIR="$own" REPLICAOF=""
    [ "$NAME" = redis1 ] || REPLICAOF="replicaof redis1 6379"
    fill redis.conf "$own/redis.conf"
    exec valkey-server "$own/redis.conf"
    ;;
sentinel)
    : "${REDIS_PASSWORD:?}"
    export PORT=26379 DIR="$own" MASTER="redis1 6379"
    # Sentinel keeps in this file what it learns.
    [ -f "$own/sentinel.conf" ] || fill sentinel.conf "$own/sentinel.conf"
    exec valkey-server "$own/sentinel.conf" --sentinel
    ;;
pgbouncer)
    : "${TRACETRACK_APP_PASSWORD:?}"
    export BIND=0.0.0.0 BOUNCER_PORT=6432 WRITE_HOST=cluster WRITE_PORT=5432 USERS="$own/users.txt" POOL="${POOL:-16}"
    printf '"tracetrack_app" "%s"\n' "$TRACETRACK_APP_PASSWORD" > "$USERS"
    fill pgbouncer.ini "$own/pgbouncer.ini"
    exec pgbouncer "$own/pgbouncer.ini"
    ;;
haproxy)
    exec haproxy -db -f /etc/tracetrack/haproxy.cfg
    ;;
*)
    echo "start.sh: etcd, patroni, redis, sentinel, pgbouncer or haproxy" >&2
    exit 2
    ;;
esac
