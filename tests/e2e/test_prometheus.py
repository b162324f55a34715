"""Beside a real Prometheus that scrapes drwatch: the same rules give the same alerts, and every dashboard panel has data."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import zlib

import pytest
from configs import config
from drwatch import PROGRAM, ROOT
from servers import Nginx, Postgres, Prometheus, Redis, fill_backup_folder, http_get, wait_until


@pytest.fixture
def world(folder, keep):
    """Everything the built-in rules and the dashboard look at."""
    primary = keep(Postgres(folder / "primary").create().start())
    primary.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch")
    standby = keep(Postgres(folder / "standby").make_standby_of(primary).start())
    redis = keep(Redis(folder / "redis").start("--appendonly", "yes"))
    replica = keep(Redis(folder / "replica").start("--replicaof", f"127.0.0.1 {redis.port}"))
    nginx = keep(Nginx(folder / "nginx").start())
    nginx.set("/health", 200, '{"checks":{"database":true}}')
    fill_backup_folder(primary, folder / "backup")
    shutil.copytree(folder / "backup", folder / "copy")
    # Once so that the primary has archived something and a slot exists.
    primary.sql("SELECT pg_create_physical_replication_slot('spare', true)")
    primary.sql("SELECT pg_switch_wal()")
    probes = [
        {"name": "pg-primary", "type": "postgres", "service": "shop", "dsn": primary.url("drwatch"),
         "expect": {"role": "primary", "standbys": 1}},
        {"name": "pg-standby", "type": "postgres", "service": "shop", "dsn": standby.url("drwatch"),
         "primary": "pg-primary", "expect": {"role": "standby"}},
        {"name": "cache", "type": "redis", "service": "shop", "address": f"redis://127.0.0.1:{redis.port}",
         "expect": {"role": "master", "replicas": 1}},
        {"name": "cache-replica", "type": "redis", "service": "shop", "address": f"redis://127.0.0.1:{replica.port}"},
        {"name": "api", "type": "http", "service": "shop", "url": nginx.url("/health")},
        {"name": "nightly", "type": "backup", "service": "shop", "path": str(folder / "backup"),
         "pattern": "shop-*.dump", "max_age": "26h", "schedule": "0 2 * * *"},
        {"name": "nightly-copy", "type": "backup", "service": "shop", "backup": "nightly", "location": "copy",
         "path": str(folder / "copy"), "pattern": "shop-*.dump", "max_age": "26h"},
        {"name": "base", "type": "backup", "service": "shop", "path": str(folder / "backup"), "pattern": "base-*", "max_age": "26h"},
        {"name": "wal", "type": "wal_archive", "service": "shop", "path": str(primary.archive), "primary": "pg-primary",
         "window": "1h"},
        {"name": "missing", "type": "backup", "path": str(folder / "nowhere"), "pattern": "*.dump"},
    ]
    return {"primary": primary, "standby": standby, "redis": redis, "nginx": nginx, "probes": probes}


@pytest.fixture
def prometheus(folder, keep, drwatch, receivers, world):
    services = "services: [{name: shop, rpo: 1h, rto: 1h, copies: 2}]"
    # Something that takes alerts as an Alertmanager does.
    world["nginx"].set("/api/v2/alerts", 200, "{}")
    alerting = f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{world['nginx'].port}']}}]}}]}}\n"
    drwatch.start(alerting + config(folder, receivers, world["probes"]).replace("services: [{name: shop, rpo: 1h}]", services))
    text = f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ['{ROOT}/rules/*.yml']
scrape_configs:
- job_name: drwatch
  static_configs: [{{targets: ['127.0.0.1:{drwatch.port}']}}]
"""
    return keep(Prometheus(folder / "prometheus").start(text))


def query(url, expression):
    status, body = http_get(f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
    assert status == 200, body
    return json.loads(body)["data"]["result"]


def alerts(url):
    """The ALERTS series without what only the scraping adds."""
    found = set()
    for element in query(url, "ALERTS"):
        labels = {name: value for name, value in element["metric"].items() if name not in ("job", "instance")}
        found.add(tuple(sorted(labels.items())))
    return found


def test_same_rules_same_alerts(drwatch, prometheus, world):
    world["nginx"].set("/health", 503, "{}")
    world["standby"].stop()
    world["redis"].stop()

    def equal():
        ours, theirs = alerts(drwatch.url()), alerts(prometheus.url())
        names = {dict(labels)["alertname"] for labels in ours}
        assert {"DatabaseDown", "RedisDown", "EndpointDown", "BackupFailed", "Watchdog"} <= names
        assert ours == theirs, f"only drwatch: {ours - theirs}\nonly Prometheus: {theirs - ours}"
        return True

    wait_until(equal, timeout=30, interval=0.5, what="equal ALERTS")


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expand(expression):
    for name, value in {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "1h", "${service:regex}": ".*",
                        "$service": ".*"}.items():
        expression = expression.replace(name, value)
    return expression


def test_every_dashboard_panel_has_data(drwatch, prometheus):
    wait_until(lambda: query(prometheus.url(), "postgres_up"), what="first scrape")
    wait_until(lambda: drwatch.value('min(backup_verification_success{backup="nightly"})') == 1, what="verified")
    subprocess.run([PROGRAM, "drill", "record", "shop", "--scenario=server_lost", "--result=pass", "--took=42m", f"--url={drwatch.url()}"],
                   check=True, capture_output=True)
    time.sleep(3)
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        seen = set()
        for panel in panels(dashboard):
            assert panel["id"] not in seen, f"{path.name}: panel id {panel['id']} twice"
            seen.add(panel["id"])
            for target in panel.get("targets", []):
                expression = expand(target["expr"])
                found = wait_until(lambda e=expression: query(prometheus.url(), e), timeout=20,
                                   what=f"{path.name}: {panel['title']}: {expression}")
                for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")):
                    assert any(label in element["metric"] for element in found), f"{panel['title']}: no label {label}"
        for variable in dashboard.get("templating", {}).get("list", []):
            if variable["type"] == "query":
                metric = re.match(r"label_values\((\w+)", variable["query"]).group(1)
                assert query(prometheus.url(), metric), f"variable {variable['name']}: {metric} has no data"


PROBES = 150


def curl(url, *options):
    return subprocess.run(["curl", "-sS", "--fail", *options, url + "/metrics"], capture_output=True, timeout=60, check=True).stdout


def lines(page, name):
    return [line for line in page.splitlines() if re.match(name + r"[{ ]", line)]


def test_packed_pages_are_read_by_prometheus_promtool_and_curl(folder, keep, drwatch, receivers):
    """The page is put together from pieces that were packed apart, some for an earlier reader."""
    nginx = keep(Nginx(folder / "nginx").start())
    nginx.set("/health")
    probes = [{"name": f"p{i:03}", "type": "tcp", "service": "shop", "address": f"127.0.0.1:{nginx.port}"} for i in range(PROBES)]
    drwatch.start(config(folder, receivers, probes, interval="1s"))

    def evaluated():
        page = curl(drwatch.url()).decode()
        stamps = "drwatch_rule_group_last_evaluation_timestamp_seconds"
        return len(lines(page, stamps)) == len(lines(page, "drwatch_rule_group_interval_seconds")) > 0
    wait_until(evaluated, what="the first evaluation, which adds a family")
    for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
        for _ in range(5):
            packed = curl(drwatch.url(), "-H", "Accept-Encoding: gzip", "-H", f"Accept: {accept}")
            reader = zlib.decompressobj(wbits=31)
            page = (reader.decompress(packed) + reader.flush()).decode()
            assert reader.eof and not reader.unused_data, "one member that ends where the body does"
            assert subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout.decode() == page
            assert len(packed) < len(page) / 4
            assert len(lines(page, "probe_success")) == PROBES
            assert len(set(lines(page, "probe_duration_seconds"))) == PROBES
            assert page.endswith("# EOF\n") == accept.startswith("application")
            names = re.findall(r"^# TYPE (\S+)", page, re.M)
            assert names == sorted(set(names)) or accept.startswith("application")
            plain = curl(drwatch.url(), "-H", f"Accept: {accept}").decode()
            shape = [re.sub(r" \S+$", "", line) for line in plain.splitlines()]
            assert [re.sub(r" \S+$", "", line) for line in page.splitlines()] == shape
            unpacked = curl(drwatch.url(), "--compressed", "-H", f"Accept: {accept}").decode()
            assert len(unpacked.splitlines()) == len(shape)
    lint = subprocess.run(["promtool", "check", "metrics"], input=curl(drwatch.url(), "--compressed"), capture_output=True, check=False)
    assert lint.returncode == 0, lint.stdout + lint.stderr
    text = f"""
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: one
  static_configs: [{{targets: ['127.0.0.1:{drwatch.port}']}}]
- job_name: two
  static_configs: [{{targets: ['127.0.0.1:{drwatch.port}']}}]
"""
    scraper = keep(Prometheus(folder / "prometheus").start(text))
    wait_until(lambda: query(scraper.url(), "min(count_over_time(up[1m])) > 4"), what="scrapes")
    assert [row["value"][1] for row in query(scraper.url(), "min_over_time(up[1m])")] == ["1", "1"]
    assert {row["value"][1] for row in query(scraper.url(), "sum by (job) (probe_success)")} == {str(PROBES)}
    nginx.stop()
    wait_until(lambda: query(scraper.url(), "sum(probe_success) == 0"), what="the failures behind the pieces that stayed")
