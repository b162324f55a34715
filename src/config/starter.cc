#include <string_view>

#include "config/config.h"

namespace drwatch::config {
namespace {

// A test loads it with its variables set, as it is and with its probes uncommented.
constexpr std::string_view kStarter =
    R"yaml(# drwatch.yml: what to watch, how fresh it must be, and whom to wake.
#
# Check it:   drwatch check config drwatch.yml
# Try it:     drwatch --config.file=drwatch.yml --once
# Run it:     drwatch --config.file=drwatch.yml
#
# ${NAME} is taken from the environment, $$ is a literal $. Every secret has a form that ends in
# _file (password_file, routing_key_file) and is read again at each use. The manual for every key is
# docs/configuration.md.

global:
  probe_interval: 30s
  probe_timeout: 10s
  evaluation_interval: 15s
  # external_url: https://drwatch.example.com   # links in notifications point here
  # external_labels: {site: us-east-1}          # on every alert that leaves

storage:
  path: /var/lib/drwatch   # state that survives a restart: alerts, notifications, verdicts

# The plan's objectives. Alerts and the status page compare what is measured with them.
services:
- {name: shop, rpo: 26h, rto: 1h}

probes:
# A health endpoint. A missing JSON field counts as failed.
- name: api
  type: http
  service: shop
  url: http://127.0.0.1:8080/health
  expect: {status: [200]}
  # expect: {status: [200], json: {checks.database: true, queue.depth: "< 1000"}}

# A folder of backups: is the newest one there on time, whole, and readable?
- name: nightly
  type: backup
  service: shop
  path: /backup/daily
  pattern: "shop-*"
  schedule: "0 2 * * *"    # when a new one is due (cron, UTC unless timezone: says otherwise)
  max_age: 26h
  min_size: 1KiB

# Its copy elsewhere: the same backup at another location.
- name: nightly-copy
  type: backup
  backup: nightly
  location: offsite
  offsite: true
  service: shop
  path: /mnt/offsite/daily
  pattern: "shop-*"
  max_age: 26h

# PostgreSQL. The role needs LOGIN and pg_monitor:
#   CREATE ROLE drwatch LOGIN PASSWORD '...'; GRANT pg_monitor TO drwatch;
# - {name: pg-primary, type: postgres, service: shop, dsn: "postgres://drwatch@db1/postgres",
#    password_file: /etc/drwatch/pg-password, expect: {role: primary, standbys: 1}}
# - {name: pg-standby, type: postgres, service: shop, dsn: "postgres://drwatch@db2/postgres",
#    password_file: /etc/drwatch/pg-password, primary: pg-primary, expect: {role: standby}}

# Redis.
# - {name: cache, type: redis, service: shop, address: "rediss://cache:6379",
#    password_file: /etc/drwatch/redis-password, expect: {role: master, replicas: 1, aof: true}}

# A TCP port, and another program's metrics for rules of your own.
# - {name: smtp, type: tcp, address: "mail:25", expect: "^220 "}
# - {name: app, type: scrape, job: app, url: "http://app:8080/metrics"}

# The built-in rules are always there; add your own in Prometheus' format.
# rule_files: [rules/*.yml]

# Alertmanager's route and receivers.
route:
  receiver: team
  group_by: [alertname, service]
  routes:
  - matchers: ['severity=~"critical|disaster"']
    receiver: on-call

receivers:
- name: on-call
  pagerduty_configs:
  - routing_key: ${PAGERDUTY_ROUTING_KEY}
- name: team
  slack_configs:
  - api_url: ${SLACK_WEBHOOK_URL}

# Who is told when PagerDuty refuses a page.
fallback_receiver: team
)yaml";

}  // namespace

std::string StarterConfig() { return std::string(kStarter); }

}  // namespace drwatch::config
