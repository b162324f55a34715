"""A real amtool, and a real Prometheus that posts its alerts, against drwatch's Alertmanager API."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from configs import config, expect_page, expect_resolve
from servers import Prometheus, wait_until

RULES = """
groups:
- name: test
  rules:
  - alert: ApiDown
    expr: probe_success{probe="api"} == 0
    labels: {severity: critical, team: shop}
    annotations: {summary: 'api is down'}
  - alert: ApiSlow
    expr: probe_success{probe="api"} == 0
    labels: {severity: warning, team: shop}
    annotations: {summary: 'api is slow'}
"""
EXTRA = """- name: hook
  webhook_configs: [{url: 'http://user:hidden@127.0.0.1:1/hidden'}]
builtin_rules: false
inhibit_rules:
- {source_matchers: ['alertname="ApiDown"'], target_matchers: ['alertname="ApiSlow"'], equal: [probe]}
time_intervals:
- {name: nights, time_intervals: [{times: [{start_time: "22:00", end_time: "24:00"}], weekdays: ["monday:friday"]}]}
"""


@pytest.fixture
def running(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                         rules=RULES, extra=EXTRA))
    return drwatch


def amtool(drwatch, *words, code=0):
    done = subprocess.run(["amtool", f"--alertmanager.url={drwatch.url()}", *words], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == code, f"amtool {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def amtool_json(drwatch, *words):
    return json.loads(amtool(drwatch, "-o", "json", *words))


def names(alerts):
    return sorted(alert["labels"]["alertname"] for alert in alerts)


def request(drwatch, path, body=None, method=None):
    """(status, text)"""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(drwatch.url() + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_silence_holds_a_page_back_and_lets_the_resolve_pass(running, receivers, nginx):
    first = amtool(running, "silence", "add", "alertname=ApiDown", "--author=ann", "--comment=maintenance",
                   "--duration=1h").strip()
    assert first in amtool(running, "silence", "query")
    nginx.set("/health", 503, "{}")
    wait_until(lambda: names(amtool_json(running, "alert", "query", "--silenced")) == ["ApiDown"], what="silenced alert")
    assert receivers.pages("trigger") == []
    alert = amtool_json(running, "alert", "query", "--silenced")[0]
    assert alert["status"]["state"] == "suppressed" and alert["status"]["silencedBy"] == [first]
    # A silenced alert still inhibits, as in Alertmanager.
    wait_until(lambda: names(amtool_json(running, "alert", "query", "--inhibited")) == ["ApiSlow"], what="inhibited alert")

    amtool(running, "silence", "expire", first)
    page = expect_page(receivers, "ApiDown", wait_until)
    assert amtool(running, "silence", "query", "-q") == ""
    assert first in amtool(running, "silence", "query", "--expired", "-q")

    # Silenced again, after somebody was paged: the end of it must arrive.
    amtool(running, "silence", "add", "team=~sho.", "--author=ann", "--comment=again")
    wait_until(lambda: amtool_json(running, "alert", "query") == [], what="nothing unsilenced")
    nginx.set("/health", 200, "{}")
    expect_resolve(receivers, page, wait_until)
    assert receivers.pages("trigger", "ApiSlow") == []
    assert receivers.open_incidents() == {}


def test_silences_survive_kill(running, receivers, nginx):
    amtool(running, "silence", "add", "team=shop", "--author=ann", "--comment=maintenance")
    running.kill()
    running.start()
    assert len(amtool_json(running, "silence", "query")) == 1
    nginx.set("/health", 503, "{}")
    wait_until(lambda: names(amtool_json(running, "alert", "query", "--silenced")) == ["ApiDown"], what="silenced alert")
    assert receivers.pages("trigger") == []


def test_silences_are_changed_and_imported(running):
    identifier = amtool(running, "silence", "add", "alertname=X", "job!=a", "env!~b.*", "--author=ann",
                        "--comment=one").strip()
    amtool(running, "silence", "update", identifier, "--duration=5h", "--comment=two")
    kept = amtool_json(running, "silence", "query")
    assert [(silence["id"], silence["comment"]) for silence in kept] == [(identifier, "two")]
    exported = json.dumps(kept)
    amtool(running, "silence", "expire", identifier)
    subprocess.run(["amtool", f"--alertmanager.url={running.url()}", "silence", "import"], input=exported, text=True,
                   check=True, timeout=30, capture_output=True)
    again = amtool_json(running, "silence", "query")
    assert len(again) == 1 and again[0]["id"] != identifier
    assert sorted((m["name"], m["isEqual"], m["isRegex"]) for m in again[0]["matchers"]) == [
        ("alertname", True, False), ("env", False, True), ("job", False, False)]
    assert amtool_json(running, "silence", "query", "alertname=Y") == []
    amtool(running, "silence", "add", "alertname=~.*", "--author=ann", "--comment=all", code=1)


def test_a_silence_may_say_only_what_it_spares(running, receivers):
    """Negative matchers alone, as Alertmanager takes them: an alert without the label is held back, too."""
    amtool(running, "silence", "add", "team!=shop", "tier!~gold|silver", "--author=ann", "--comment=all but ours")
    for name, *labels in (("NoLabels",), ("Other", "team=dba"), ("Ours", "team=shop"), ("Gold", "team=dba", "tier=gold")):
        amtool(running, "alert", "add", f"alertname={name}", "severity=critical", *labels)
    assert names(amtool_json(running, "alert", "query", "--silenced")) == ["NoLabels", "Other"]
    assert names(amtool_json(running, "alert", "query")) == ["Gold", "Ours"]
    for name in ("Ours", "Gold"):
        expect_page(receivers, name, wait_until)
    assert not receivers.pages("trigger", "Other") and not receivers.pages("trigger", "NoLabels")
    # A query lists what says just that, so that whoever ends what it lists ends nothing else.
    amtool(running, "silence", "add", "alertname=X", "--author=ann", "--comment=another")
    for query, found in (("team!=shop", 1), ("team!=other", 0), ("alertname=X", 1), ("alertname=~X", 0)):
        assert len(amtool_json(running, "silence", "query", query)) == found, query
    for matchers in (["team=~.*"], ["team=~.*", "tier=~|gold"]):
        amtool(running, "silence", "add", *matchers, "--author=ann", "--comment=no", code=1)


def test_config_and_routes_as_amtool_reads_them(running, receivers):
    shown = amtool(running, "config", "show")
    assert "on-call" in shown and "0123456789abcdef" not in shown and "nights" in shown and "hidden" not in shown
    assert "on-call" in amtool(running, "config", "routes", "show")
    assert amtool(running, "config", "routes", "test", "severity=critical").strip() == "on-call"
    status, text = request(running, "/api/v2/receivers")
    assert (status, json.loads(text)) == (200, [{"name": "on-call"}, {"name": "hook"}])


def test_posted_alerts_page_and_end(running, receivers):
    amtool(running, "alert", "add", "alertname=Posted", "severity=critical", "--annotation=summary=from outside")
    page = expect_page(receivers, "Posted", wait_until)
    assert "value" not in page.body["payload"]["custom_details"], "nobody said one"
    assert names(amtool_json(running, "alert", "query", "alertname=Posted")) == ["Posted"]
    running.kill()
    running.start()
    assert names(amtool_json(running, "alert", "query", "alertname=Posted")) == ["Posted"]
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    amtool(running, "alert", "add", "alertname=Posted", "severity=critical", f"--end={end}")
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: json.loads(request(running, "/api/v2/alerts/groups")[1]) == [], what="no group left")


def test_prometheus_posts_to_it(running, receivers, folder, keep):
    rules = folder / "prometheus.rules.yml"
    rules.write_text("groups: [{name: g, rules: [{alert: FromPrometheus, expr: vector(1), labels: {severity: critical}}]}]\n")
    address = running.url().removeprefix("http://")
    prometheus = keep(Prometheus(folder / "prometheus"))
    prometheus.start(f"""
global: {{evaluation_interval: 1s}}
rule_files: ['{rules}']
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{address}']}}]}}]}}
""")
    page = expect_page(receivers, "FromPrometheus", wait_until)
    (folder / "prometheus.rules.yml").write_text(
        "groups: [{name: g, rules: [{alert: FromPrometheus, expr: vector(1) > 1, labels: {severity: critical}}]}]\n")
    prometheus.send(signal.SIGHUP)
    expect_resolve(receivers, page, wait_until, timeout=60)


def test_bad_input_is_refused_and_changes_nothing(running):
    silence = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2026-01-01T00:00:00Z",
               "endsAt": "2099-01-01T00:00:00Z", "createdBy": "ann", "comment": "x"}
    for change in ({"matchers": []}, {"matchers": [{"name": "a", "value": "", "isRegex": False}]}, {"endsAt": "soon"},
                   {"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, {"endsAt": "2026-01-01T00:00:00Z"},
                   {"matchers": 5}, {"comment": 5}, {"startsAt": None},
                   {"matchers": [{"name": "a", "value": "b.*", "isRegex": "true"}]}):
        status, text = request(running, "/api/v2/silences", {**silence, **change})
        assert status == 400 and isinstance(json.loads(text), str), (change, status, text)
    assert request(running, "/api/v2/silences", {**silence, "id": "nobody"})[0] == 404
    for body in (b"", b"{", b"[" * 100_000, b'{"a":1}', b'[{"labels":{}}]', b'[{"labels":{"a":1}}]', b"[5]",
                 b'[{"labels":{"a":"b"},"startsAt":"x"}]'):
        assert request(running, "/api/v2/alerts", body, "POST")[0] == 400, body[:50]
    try:
        assert request(running, "/api/v2/alerts", b"[" + b" " * (3 << 20) + b"]", "POST")[0] == 413
    except urllib.error.URLError as closed:  # before all of it was sent
        assert isinstance(closed.reason, OSError)
    assert request(running, "/api/v2/alerts?filter=%7B")[0] == 400
    assert request(running, "/api/v2/alerts?active=perhaps")[0] == 400
    assert request(running, "/api/v2/nothing")[0] == 404
    assert request(running, "/api/v2/silence/nobody")[0] == 404
    assert request(running, "/api/v2/silence/nobody", method="DELETE")[0] == 404
    assert request(running, "/api/v2/status", b"{}", "POST")[0] == 405
    # The good one of two is taken, the other is named.
    status, text = request(running, "/api/v2/alerts", [{"labels": {"alertname": "Good"}}, {"labels": {}}])
    assert status == 400 and "alert 2" in text
    assert names(json.loads(request(running, "/api/v2/alerts")[1])) == ["Good"]
    assert json.loads(request(running, "/api/v2/silences")[1]) == []
