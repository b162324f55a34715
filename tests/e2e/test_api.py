"""The HTTP API against real clients, beside a real Prometheus with the same samples, and under fire."""

import gzip
import http.client
import json
import math
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest
from configs import config
from drwatch import PROGRAM
from expressions import END, START, Expressions, samples
from servers import ApiServer, Prometheus, free_port, http_get, wait_until

SEED = int(os.environ.get("DRWATCH_SEED", "20231114"))
INSTANT_QUERIES = 400
RANGE_QUERIES = 200

# Nothing in the store is needed to make this slow: just below the limit of samples.
EXPENSIVE = "count_over_time(vector(1)[45m:1ms])"


def ask(url, path, parameters=(), method="GET", headers=None, timeout=60):
    """(status, headers, body) of one request; POST sends a form."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    encoded = urllib.parse.urlencode(parameters)
    headers = dict(headers or {})
    body = None
    if method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = encoded
    elif encoded:
        path += "?" + encoded
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


# ---------------------------------------------------------------- promtool


@pytest.fixture
def running(folder, drwatch, receivers, nginx):
    """drwatch with a probe that works and one that does not."""
    probes = [{"name": "api", "type": "http", "service": "shop", "url": nginx.url("/health")},
              {"name": "dead", "type": "tcp", "address": f"127.0.0.1:{free_port()}"}]
    drwatch.start(config(folder, receivers, probes))
    wait_until(lambda: (drwatch.value('count_over_time(probe_success{probe="api"}[1m])') or 0) > 2, what="history")
    return drwatch


def promtool(*arguments):
    return subprocess.run(["promtool", *[str(argument) for argument in arguments]], check=False, capture_output=True,
                          text=True, timeout=30)


def test_promtool_queries(running):
    url = running.url()
    instant = promtool("query", "instant", url, 'probe_success{probe="api"}')
    assert instant.returncode == 0, instant.stderr
    assert re.match(r'probe_success\{probe="api", service="shop"\} => 1 @\[', instant.stdout)
    now = time.time()
    ranged = promtool("query", "range", url, 'probe_success{probe="api"}', f"--start={now - 30:.3f}", f"--end={now:.3f}",
                      "--step=1s")
    assert ranged.returncode == 0 and "1 @[" in ranged.stdout, ranged.stderr
    series = promtool("query", "series", url, '--match={__name__=~"probe_s.*"}')
    assert series.returncode == 0 and '{__name__="probe_success", probe="dead"}' in series.stdout, series.stderr
    labels = promtool("query", "labels", url, "probe")
    assert labels.returncode == 0 and labels.stdout.split() == ["api", "dead"], labels.stderr
    bad = promtool("query", "instant", url, "sum(")
    assert bad.returncode != 0 and "bad_data" in bad.stderr and "parse error" in bad.stderr
    as_json = promtool("query", "-o", "json", "instant", url, "1+1")
    assert json.loads(as_json.stdout)[1] == "2", as_json.stderr


def test_targets_show_the_probes(running):
    data = running.api("/api/v1/targets")
    targets = {target["labels"]["probe"]: target for target in data["activeTargets"]}
    assert targets["api"]["health"] == "up" and targets["api"]["lastError"] == ""
    assert targets["api"]["labels"] == {"probe": "api", "service": "shop"}
    assert targets["api"]["scrapePool"] == "http" and targets["api"]["scrapeUrl"].startswith("http://127.0.0.1:")
    assert targets["dead"]["health"] == "down" and targets["dead"]["lastError"]
    assert targets["dead"]["scrapeInterval"] == "300ms"
    metadata = running.api("/api/v1/targets/metadata", match_target='{probe="api"}', metric="probe_success")
    assert metadata[0]["type"] == "gauge"


def test_status_pages(running, folder):
    yaml = running.api("/api/v1/status/config")["yaml"]
    assert "name: api" in yaml and "<secret>" in yaml
    assert "0123456789abcdef0123456789abcdef" not in yaml and "slack" in yaml
    assert running.api("/api/v1/status/flags")["config.file"].endswith("drwatch.yml")
    runtime = running.api("/api/v1/status/runtimeinfo")
    assert runtime["reloadConfigSuccess"] is True and runtime["storageRetention"] == "6h"
    tsdb = running.api("/api/v1/status/tsdb")
    assert tsdb["headStats"]["numSeries"] > 20 and len(tsdb["seriesCountByMetricName"]) == 10


def test_methods_headers_and_compression(running):
    url = running.url()
    query = [("query", "probe_success")]
    assert ask(url, "/api/v1/query", query, "POST")[0] == 200
    status, headers, _ = ask(url, "/api/v1/rules", [], "POST")
    assert status == 405 and "GET" in headers["Allow"]
    assert ask(url, "/-/ready", method="HEAD")[0] == 200 and ask(url, "/-/healthy", method="HEAD")[0] == 200
    status, headers, body = ask(url, "/api/v1/rules", headers={"Accept-Encoding": "gzip", "Origin": "http://elsewhere"})
    assert status == 200 and headers["Content-Encoding"] == "gzip" and headers["Access-Control-Allow-Origin"] == "*"
    assert json.loads(gzip.decompress(body))["status"] == "success"
    status, headers, body = ask(url, "/api/v1/rules", headers={"Accept-Encoding": "gzip;q=0, *;q=0"})
    assert headers["Content-Encoding"] is None and json.loads(body)["status"] == "success"
    status, headers, _ = ask(url, "/api/v1/query", method="OPTIONS", headers={"Origin": "http://elsewhere"})
    assert status == 204 and "POST" in headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("accept, wanted", [
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ("application/openmetrics-text;version=0.0.1;q=0.6,text/plain;q=0.5",
     "application/openmetrics-text; version=0.0.1; charset=utf-8"),
    ("application/openmetrics-text;q=0.1,text/plain;version=0.0.4;q=0.5", "text/plain; version=0.0.4; charset=utf-8"),
    ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
])
def test_metrics_are_negotiated(running, accept, wanted):
    status, headers, body = ask(running.url(), "/metrics", headers={"Accept": accept})
    assert status == 200 and headers["Content-Type"] == wanted
    assert body.endswith(b"# EOF\n") == wanted.startswith("application/openmetrics")


# ---------------------------------------------------------------- beside Prometheus


@pytest.fixture(scope="module")
def twins():
    """(drwatch's API, Prometheus) over the same samples."""
    with tempfile.TemporaryDirectory(prefix="drwatch-twins-") as name:
        folder = pathlib.Path(name)
        page = folder / "samples.om"
        page.write_text(samples(), encoding="ascii")
        made = promtool("tsdb", "create-blocks-from", "openmetrics", page, folder / "prometheus/data")
        assert made.returncode == 0, made.stderr
        ours = ApiServer(folder / "api_server").start(page)
        theirs = Prometheus(folder / "prometheus")
        try:
            theirs.start("global: {}\n", "--storage.tsdb.retention.time=100y", "--query.lookback-delta=5m")
            yield ours.url(), theirs.url()
        finally:
            theirs.stop()
            ours.stop()


def close(ours, theirs):
    """Equal within 1e-9; what is 0 but for rounding is equal, too."""
    a, b = float(ours), float(theirs)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-3)


def difference(ours, theirs, ordered):
    """What differs between the data of two answers, or None."""
    if ours["resultType"] != theirs["resultType"]:
        return f"{ours['resultType']} instead of {theirs['resultType']}"
    if ours["resultType"] in ("scalar", "string"):
        same = ours["result"][0] == theirs["result"][0] and close(ours["result"][1], theirs["result"][1])
        return None if same else f"{ours['result']} instead of {theirs['result']}"
    rows = []
    for data in (ours, theirs):
        found = {}
        for element in data["result"]:
            labels = tuple(sorted(element["metric"].items()))
            assert labels not in found, f"{labels} twice"
            found[labels] = element["values"] if "values" in element else [element["value"]]
        rows.append(found)
    if rows[0].keys() != rows[1].keys():
        return f"series: only ours {list(rows[0].keys() - rows[1].keys())[:3]}, " \
               f"only theirs {list(rows[1].keys() - rows[0].keys())[:3]}"
    if ordered and list(rows[0]) != list(rows[1]):
        return "another order"
    for labels, points in rows[0].items():
        other = rows[1][labels]
        if [point[0] for point in points] != [point[0] for point in other]:
            return f"{labels}: times {len(points)} and {len(other)}"
        for mine, yours in zip(points, other):
            if not close(mine[1], yours[1]):
                return f"{labels} at {mine[0]}: {mine[1]} instead of {yours[1]}"
    return None


def compare(twins, path, parameters):
    """None if both answer the same to a query."""
    answers = []
    for url in twins:
        status, _, body = ask(url, path, parameters, "POST")
        answers.append((status, json.loads(body)))
    (status, ours), (their_status, theirs) = answers
    if status != their_status:
        return f"{status} instead of {their_status}: {ours.get('error')} / {theirs.get('error')}"
    if status != 200:
        return None if ours["errorType"] == theirs["errorType"] else f"{ours} instead of {theirs}"
    return difference(ours["data"], theirs["data"], parameters["query"].startswith("sort"))


def check_all(twins, queries):
    failures, empty, errors = [], 0, 0
    for path, parameters in queries:
        found = compare(twins, path, parameters)
        if found:
            failures.append(f"{path} {json.dumps(parameters)}: {found}")
        status, _, body = ask(twins[0], path, parameters, "POST")
        errors += status != 200
        empty += status == 200 and not json.loads(body)["data"]["result"]
    assert not failures, f"{len(failures)} of {len(queries)} differ:\n" + "\n".join(failures[:20])
    # A comparison of nothing with nothing proves nothing.
    assert empty < len(queries) / 4 and errors < len(queries) / 5, f"{empty} empty, {errors} errors"


def test_instant_queries_give_what_prometheus_gives(twins):
    expressions = Expressions(SEED)
    check_all(twins, [("/api/v1/query", {"query": expressions.expression(), "time": expressions.time()})
                      for _ in range(INSTANT_QUERIES)])


def test_range_queries_give_what_prometheus_gives(twins):
    expressions = Expressions(SEED + 1)
    queries = []
    for _ in range(RANGE_QUERIES):
        start = expressions.time() - 1200
        length = 30 * expressions.rng.randrange(0, 120)
        queries.append(("/api/v1/query_range", {
            "query": expressions.expression(), "start": start, "end": start + length,
            "step": expressions.pick([30, 60, "2m", "90s", 300])}))
    check_all(twins, queries)


def test_range_selectors_give_what_prometheus_gives(twins):
    expressions = Expressions(SEED + 2)
    check_all(twins, [("/api/v1/query", {"query": expressions.range(expressions.COUNTERS + expressions.GAUGES, 2),
                                         "time": expressions.time()}) for _ in range(40)])


def both(twins, path, parameters=(), method="GET"):
    return [(status, json.loads(body)) for status, _, body in
            (ask(url, path, parameters, method) for url in twins)]


@pytest.mark.parametrize("path, parameters", [
    ("labels", []), ("label/job/values", []), ("label/__name__/values", []), ("label/none/values", []),
    ("label/job/values", [("match[]", "capacity")]),
    ("label/instance/values", [("match[]", 'requests_total{job="db"}'), ("match[]", "version_info")]),
    ("labels", [("match[]", "latency_bucket"), ("match[]", "odd")]), ("labels", [("match[]", "none")]),
    ("series", [("match[]", "temperature")]), ("series", [("match[]", 'requests_total{code=~"5.."}'), ("match[]", "odd")]),
    ("series", [("match[]", '{__name__=~"latency_(sum|count)",job!="db"}')]), ("series", [("match[]", "none")]),
    ("series", [("match[]", "temperature"), ("start", START - 7200), ("end", START - 3600)]),
    ("series", [("match[]", "temperature"), ("start", START), ("end", END)]),
    ("labels", [("start", "2023-11-14T00:00:00Z"), ("end", "2023-11-15T00:00:00+01:00")]),
    ("label/job/values", [("start", END + 86400)]),
    ("query_exemplars", [("query", "temperature"), ("start", START), ("end", END)]),
    ("format_query", [("query", "sum(rate(requests_total[5m]))by(job)>bool 1")]),
    ("alerts", []), ("rules", []), ("rules", [("type", "alert")]), ("alertmanagers", []),
    ("metadata", []), ("targets/metadata", [("metric", "none")]),
])
def test_lists_are_what_prometheus_lists(twins, path, parameters):
    ours, theirs = both(twins, "/api/v1/" + path, parameters)
    for answer in (ours, theirs):
        if path == "series":
            answer[1]["data"].sort(key=lambda labels: sorted(labels.items()))
    assert ours == theirs


@pytest.mark.parametrize("method, path, parameters", [
    ("GET", "query", []), ("GET", "query", [("query", "sum(")]), ("GET", "query", [("query", "1"), ("time", "x")]),
    ("GET", "query", [("query", "1"), ("timeout", "x")]), ("GET", "query", [("query", "foo{"), ("time", "1")]),
    ("GET", "query", [("query", "temperature + on () temperature")]),
    ("GET", "query", [("query", "temperature + on () temperature"), ("time", END - 53)]),
    ("GET", "query", [("query", 'label_replace(odd, "x", "$1", "kind", "(")'), ("time", END - 53)]),
    ("GET", "query", [("query", 'count_values("a b", odd) + sum(')]), ("GET", "query", [("query", "rate(odd)")]),
    ("GET", "query", [("query", '{a=""}')]), ("GET", "query", [("query", "odd[5m] + 1")]),
    ("GET", "query_range", [("query", "1")]), ("GET", "query_range", [("query", "1"), ("start", 1), ("end", 0), ("step", 1)]),
    ("GET", "query_range", [("query", "1"), ("start", 0), ("end", 1), ("step", 0)]),
    ("GET", "query_range", [("query", "1"), ("start", 0), ("end", 1), ("step", -1)]),
    ("GET", "query_range", [("query", "1"), ("start", 0), ("end", 1), ("step", "x")]),
    ("GET", "query_range", [("query", "1"), ("start", 0), ("end", 11001), ("step", 1)]),
    ("GET", "query_range", [("query", "1"), ("start", 0), ("end", 11000), ("step", 1)]),
    ("GET", "query_range", [("query", "odd[1m]"), ("start", START), ("end", END), ("step", 60)]),
    ("GET", "query_range", [("query", '"text"'), ("start", START), ("end", END), ("step", 60)]),
    ("GET", "query_range", [("query", "1"), ("start", 0), ("end", 1), ("step", "1e300")]),
    ("GET", "series", []), ("GET", "series", [("match[]", "{")]), ("GET", "series", [("match[]", '{a=""}')]),
    ("GET", "series", [("match[]", "odd"), ("start", "x")]), ("GET", "labels", [("match[]", "sum(odd)")]),
    ("GET", "labels", [("end", "2023-13-01T00:00:00Z")]), ("GET", "label/job/values", [("match[]", '{a=~".*"}')]),
    ("GET", "rules", [("type", "x")]), ("GET", "metadata", [("limit", "x")]), ("GET", "format_query", [("query", "sum(")]),
    ("GET", "query_exemplars", [("query", "sum("), ("start", 1), ("end", 2)]),
    ("GET", "query_exemplars", [("query", "odd"), ("start", 2), ("end", 1)]),
    ("PUT", "query", []), ("POST", "rules", []), ("POST", "label/job/values", []), ("DELETE", "labels", []),
    ("GET", "nowhere", []), ("POST", "query", [("query", "sum(")]), ("POST", "series", [("match[]", "{")]),
    ("GET", "status/nowhere", []), ("GET", "query", [("query", "odd @ 1e300")]),
])
def test_errors_are_those_of_prometheus(twins, method, path, parameters):
    answers = []
    for url in twins:
        status, _, body = ask(url, "/api/v1/" + path, parameters, method)
        answer = json.loads(body) if body.startswith(b"{") else {}
        answers.append((status, answer.get("status"), answer.get("errorType"), answer.get("error")))
    ours, theirs = answers
    if theirs[1] is None:  # its router answers in plain text
        assert ours[0] == theirs[0]
        return
    assert ours[:3] == theirs[:3], f"{ours} instead of {theirs}"
    if theirs[0] == 200:
        return
    # Wordings that have changed since 2.42: of parse errors, of series in execution errors, and these two.
    changed = "parse error" in theirs[3] or theirs[2] == "execution" or "invalid time value" in ours[3] or \
        'parameter "query": invalid expression type' in ours[3] or 'parameter "match[]"' in ours[3] or \
        'parameter "type"' in ours[3]
    if not changed:
        assert ours[3] == theirs[3]


def test_metadata_is_what_prometheus_tells(folder, drwatch, receivers, keep, nginx):
    page = "# HELP jobs_total Jobs \\\\ done.\n# TYPE jobs_total counter\njobs_total 5\n# HELP load A \"load\".\n" \
           "# TYPE load gauge\nload 1.5\n# TYPE size histogram\nsize_bucket{le=\"+Inf\"} 1\nsize_sum 2\nsize_count 1\n" \
           "untyped_one 3\n"
    nginx.set("/metrics", 200, page, "text/plain")
    drwatch.start(config(folder, receivers, [{"name": "page", "type": "scrape", "url": nginx.url("/metrics")}]))
    prometheus = keep(Prometheus(folder / "prometheus").start(f"""
scrape_configs:
- {{job_name: page, scrape_interval: 1s, static_configs: [{{targets: ['127.0.0.1:{nginx.port}']}}]}}
"""))
    wait_until(lambda: json.loads(http_get(prometheus.url() + "/api/v1/metadata")[1])["data"], what="first scrape")

    def same():
        for name in ("jobs_total", "load", "size"):
            query = [("metric", name)]
            ours, theirs = [json.loads(ask(url, "/api/v1/metadata", query)[2])["data"]
                            for url in (drwatch.url(), prometheus.url())]
            assert ours == theirs, name
        target = drwatch.api("/api/v1/targets", scrapePool="page")["activeTargets"][0]
        theirs = json.loads(http_get(prometheus.url() + "/api/v1/targets")[1])["data"]["activeTargets"][0]
        for key in ("scrapePool", "scrapeUrl", "health", "lastError", "labels"):
            assert target[key] == theirs[key], key
        assert target.keys() == theirs.keys()
        return True
    # Prometheus shows metadata while it scrapes, and the target's health after that.
    wait_until(same, what="the same of the scrape")


# ---------------------------------------------------------------- under fire


def counter(drwatch, name, **labels):
    text = ",".join(f'{key}="{value}"' for key, value in labels.items())
    found = re.search(rf"^{name}\{{{text}\}} (\S+)$", drwatch.metrics(), re.M)
    return float(found.group(1)) if found else 0.0


def test_a_client_that_leaves_ends_its_query(running):
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        query = urllib.parse.urlencode({"query": EXPENSIVE})
        client.sendall(f"GET /api/v1/query?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_until(lambda: counter(running, "drwatch_api_queries", state="running") >= 1, what="query runs")
    wait_until(lambda: counter(running, "drwatch_api_limit_hits_total", limit="canceled") == 1, what="query ended")
    wait_until(lambda: counter(running, "drwatch_api_queries", state="running") == 0, what="none runs")


def test_expensive_queries_hold_up_neither_rules_nor_scrapes(running):
    iterations, missed = "sum by (rule_group) (drwatch_rule_group_iterations_total)", \
        "sum by (rule_group) (drwatch_rule_group_iterations_missed_total)"
    wait_until(lambda: (running.value("min(drwatch_rule_group_iterations_total)") or 0) > 1, what="every group has run")
    before, missed_before = running.query(iterations), running.query(missed)
    stop = threading.Event()
    statuses = []

    def hammer():
        while not stop.is_set():
            try:
                statuses.append(ask(running.url(), "/api/v1/query", [("query", EXPENSIVE)], "POST")[0])
            except OSError:
                statuses.append(0)

    threads = [threading.Thread(target=hammer) for _ in range(30)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    slowest = 0.0
    try:
        while time.monotonic() - begin < 8:
            asked = time.monotonic()
            assert ask(running.url(), "/metrics")[0] == 200 and ask(running.url(), "/-/healthy")[0] == 200
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert 200 in statuses and 503 in statuses, f"{len(statuses)} answers: {set(statuses)}"
    assert set(statuses) <= {200, 503}
    assert slowest < 3, f"a scrape took {slowest:.1f} s"
    seconds = time.monotonic() - begin
    after, missed_after = running.query(iterations), running.query(missed)
    for labels, count in after.items():
        # evaluation_interval is 500 ms.
        assert count - before[labels] >= seconds / 0.5 * 0.7, f"{labels}: {count - before[labels]} slots in {seconds:.1f} s"
        assert missed_after[labels] - missed_before[labels] <= 2, f"{labels} missed slots"
    duration = running.value("max(drwatch_rule_group_last_duration_seconds)")
    assert duration < 1
    memory = running.value("process_resident_memory_bytes")
    assert memory < 1.5e9, f"{memory / 1e6:.0f} MB"


def test_limits_are_flags(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}]),
                  options=["--query.max-samples=1000", "--query.timeout=30s", "--query.max-concurrency=2",
                           "--query.lookback-delta=2m", "--web.cors.origin=^$"])
    status, _, body = ask(drwatch.url(), "/api/v1/query", [("query", "count_over_time(vector(1)[1h:1s])")])
    assert status == 422 and json.loads(body)["errorType"] == "execution"
    assert counter(drwatch, "drwatch_api_limit_hits_total", limit="samples") == 1
    flags = drwatch.api("/api/v1/status/flags")
    assert flags["query.max-samples"] == "1000" and flags["query.lookback-delta"] == "2m"
    assert ask(drwatch.url(), "/metrics", headers={"Origin": "http://x"})[1]["Access-Control-Allow-Origin"] is None
    assert ask(drwatch.url(), "/api/v1/alerts", headers={"Origin": "http://x"})[1]["Access-Control-Allow-Origin"] is None
    for flag in ("--query.timeout=soon", "--query.max-samples=0", "--query.max-concurrency=0", "--web.cors.origin=("):
        answer = subprocess.run([PROGRAM, f"--config.file={drwatch.config}", flag], check=False, capture_output=True,
                                text=True, timeout=20)
        assert answer.returncode == 1 and flag.split("=")[0] in answer.stdout + answer.stderr
