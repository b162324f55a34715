#!/bin/sh
# Makes the artefacts in this folder with PostgreSQL's own tools, from a throw-away cluster.
# Usage: make.sh [FOLDER OF PROGRAMS]; run it as root (initdb refuses to), it uses the user postgres.
set -eu
programs=${1:-/usr/lib/postgresql/15/bin}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/pg"
chown postgres "$work/pg"
as_postgres() { runuser -u postgres -- env PGHOST="$work/pg" PGPORT=5998 PGUSER=postgres "$@"; }
finish() {
  as_postgres "$programs/pg_ctl" -D "$work/pg/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT
cd "$work/pg"
as_postgres "$programs/initdb" -D "$work/pg/data" -A trust -U postgres --no-sync >/dev/null
printf "port=5998\nunix_socket_directories='%s'\nlisten_addresses=''\nfsync=off\n" "$work/pg" \
  >>"$work/pg/data/postgresql.conf"
as_postgres "$programs/pg_ctl" -D "$work/pg/data" -w -l "$work/pg/log" start >/dev/null
as_postgres "$programs/psql" -q -o /dev/null <<'SQL'
CREATE TABLE orders AS SELECT g AS id, md5(g::text) AS token FROM generate_series(1, 300) g;
CREATE TABLE empty (x int);
CREATE TABLE odd (note text, raw bytea);
INSERT INTO odd SELECT 'it''s $tag$ -- "' || repeat(md5(g::text), 3), decode(md5(g::text), 'hex') FROM generate_series(1, 20) g;
CREATE FUNCTION decoy() RETURNS text LANGUAGE sql AS $$ SELECT 'COPY x FROM stdin;
COPY y FROM stdin;
' $$;
COMMENT ON TABLE orders IS 'first line
COPY z FROM stdin;
last line';
SELECT lo_from_bytea(0, '\xdeadbeef'), lo_from_bytea(0, convert_to(repeat('large object ', 300), 'UTF8'));
SQL
dump() { as_postgres "$programs/$@"; }
dump pg_dump -Fc -f "$work/pg/custom.dump"
dump pg_dump -Fc -Z0 -f "$work/pg/custom-z0.dump"
as_postgres sh -c "$programs/pg_dump -Fc | cat >'$work/pg/piped.dump'"
as_postgres sh -c "$programs/pg_dump -Fc >>'$work/pg/appended.dump'"
dump pg_dump -Ft -f "$work/pg/tar.dump"
dump pg_dump -Fd -f "$work/pg/folder"
dump pg_dump -f "$work/pg/plain.sql"
dump pg_dump --inserts -f "$work/pg/inserts.sql"
dump pg_dumpall -f "$work/pg/all.sql"
rm -rf "$here/folder"
for name in custom.dump custom-z0.dump piped.dump appended.dump tar.dump plain.sql inserts.sql all.sql folder; do
  cp -r "$work/pg/$name" "$here/"
done
chmod -R u=rwX,go=rX "$here"
