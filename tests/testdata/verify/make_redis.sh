#!/bin/sh
# Makes the Redis samples with the redis-server of this machine (7.0.15 when they were made).
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
port=6399
redis-server --port $port --dir "$work" --daemonize yes --save '' --appendonly yes --pidfile "$work/pid" >/dev/null
cli() { redis-cli -p $port "$@" >/dev/null; }
until redis-cli -p $port ping >/dev/null 2>&1; do sleep 0.1; done
long=$(printf 'a text that packs well, %.0s' 1 2 3 4 5 6 7 8)
fill() {
  cli set "$1:number" 12 && cli set "$1:short" -300 && cli set "$1:int" 70000 && cli set "$1:text" "$long"
  cli set "$1:expires" soon EX 100000000
  cli rpush "$1:list" 1 two "$long" -5000 123456789012 && cli sadd "$1:ints" 1 2 300 70000 && cli sadd "$1:set" a b "$long"
  cli hset "$1:hash" field value other "$long" number 5 && cli zadd "$1:zset" 1.5 one 2 two inf top
  cli xadd "$1:stream" 1-1 field value && cli xadd "$1:stream" 2-1 field "$long"
  cli xgroup create "$1:stream" group 0 && cli xreadgroup group group reader count 1 streams "$1:stream" '>'
}
fill small
for kind in list-max-listpack-size:1 hash-max-listpack-entries:0 zset-max-listpack-entries:0 set-max-intset-entries:0; do
  cli config set "${kind%%:*}" "${kind##*:}"
done
cli -n 3 set other db
fill big
cli function load "#!lua name=mylib
redis.register_function('f', function() return 1 end)"
cli multi
printf 'MULTI\nSET in transaction\nINCR counter\nEXEC\n' | cli
cli save
cp "$work/dump.rdb" redis.rdb
cli bgrewriteaof
sleep 1
cli set after rewrite && printf 'MULTI\nSET x y\nINCR counter\nEXEC\n' | cli
rm -rf aof
cp -r "$work/appendonlydir" aof
cli shutdown nosave || true
rm -rf "$work"
