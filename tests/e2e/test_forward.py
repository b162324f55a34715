"""Alerts are forwarded to real Alertmanagers: a cluster of two that tells one webhook."""

import json
import re
import signal
import subprocess
import time

import pytest
from configs import built_in, config, expect_page
from drwatch import PROGRAM, Drwatch
from faults import Clock
from http_sink import HttpSink
from servers import Alertmanager, free_port, http_get, wait_until
from test_delivery import break_it, repair

RULES = """
groups:
- name: test
  rules:
  - alert: Watchdog
    expr: vector(1)
    labels: {severity: none}
  - alert: TestDown
    expr: probe_success{probe="api"} == 0
    labels: {severity: critical}
    annotations: {summary: 'api is down', runbook_url: 'https://example.com/api'}
"""
# Repetitions are far apart, so that what is told in between is told because it changed.
RARELY = ("--rules.alert.resend-delay=1h",)


@pytest.fixture
def hook(keep):
    return keep(HttpSink())


class Cluster:
    """Two Alertmanagers that know of each other and tell `hook`."""

    def __init__(self, folder, keep, hook):
        self.config = f"""
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 4h
  routes: [{{receiver: nobody, matchers: ['alertname!="TestDown"']}}]
receivers:
- name: nobody
- name: hook
  webhook_configs: [{{url: 'http://127.0.0.1:{hook.port}/', send_resolved: true}}]
"""
        self.hook = hook
        for attempt in (1, 2, 3):
            self.ports = [free_port(), free_port()]
            self.members = [keep(Alertmanager(folder / f"am{attempt}.{i}")) for i in (0, 1)]
            for i in (0, 1):
                self.start(i)
            try:
                wait_until(self.is_formed, what="cluster")
                return
            except TimeoutError:
                # Two that missed each other at their start, on a machine with much to do, do not find each other later.
                if attempt == 3:
                    raise
                for member in self.members:
                    member.stop()

    def is_formed(self):
        states = [self.status(member) for member in self.members]
        return all(state["status"] == "ready" and len(state["peers"]) == 2 for state in states)

    def start(self, i):
        own, other = self.ports[i], self.ports[1 - i]
        self.members[i].start(self.config, f"--cluster.listen-address=127.0.0.1:{own}",
                              f"--cluster.advertise-address=127.0.0.1:{own}", f"--cluster.peer=127.0.0.1:{other}",
                              "--cluster.peer-timeout=1s", "--cluster.settle-timeout=2s",
                              "--cluster.reconnect-interval=1s")

    @staticmethod
    def status(member):
        return json.loads(http_get(f"{member.url()}/api/v2/status")[1])["cluster"]

    def targets(self):
        return [f"127.0.0.1:{member.port}" for member in self.members]

    def wait_for_turn(self):
        """The second member looks after its peer-timeout what the first has told; an alert that is over before confuses it."""
        time.sleep(3)

    def told(self, status):
        """The webhook messages with that status."""
        return [m for m in (json.loads(body) for _, _, _, body, _ in self.hook.taken()) if m["status"] == status]

    def course(self):
        """(status, startsAt) of the alert as it was told, the same twice counted once: Alertmanagers that hear too late of each
        other tell at least once."""
        course = []
        for _, _, _, body, _ in self.hook.taken():
            message = json.loads(body)
            said = [(message["status"], alert["startsAt"]) for alert in message["alerts"]]
            course += [one for one in said if one not in course[-1:]]
        return course


@pytest.fixture
def cluster(folder, keep, hook):
    return Cluster(folder, keep, hook)


def forwarding(folder, targets, nginx, extra="builtin_rules: false"):
    """A configuration without receivers of its own."""
    (folder / "test.rules.yml").write_text(RULES, encoding="utf-8")
    probe = {"name": "api", "type": "http", "url": nginx.url("/health")}
    return f"""
global: {{probe_interval: 300ms, probe_timeout: 2s, evaluation_interval: 500ms}}
storage: {{path: '{folder}/state'}}
probes: [{json.dumps(probe)}]
rule_files: ['{folder}/test.rules.yml']
alerting: {{alertmanagers: [{{static_configs: [{{targets: {json.dumps(targets)}}}]}}]}}
{extra}
"""


def active(member):
    """{alertname: alert} as amtool has it."""
    result = subprocess.run(["amtool", f"--alertmanager.url={member.url()}", "alert", "query", "-o", "json"],
                            capture_output=True, text=True, check=True, timeout=20)
    alerts = json.loads(result.stdout)
    found = {alert["labels"]["alertname"]: alert for alert in alerts}
    assert len(found) == len(alerts), alerts
    return found


def everywhere(cluster, name, there=True):
    return all((name in active(member)) == there for member in cluster.members)


def test_a_fault_is_one_incident_of_the_cluster(folder, drwatch, cluster, nginx):
    drwatch.start(forwarding(folder, cluster.targets(), nginx), options=RARELY)
    wait_until(lambda: everywhere(cluster, "Watchdog"), what="Watchdog at both")
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="alert at both")
    alert = active(cluster.members[0])["TestDown"]
    assert alert["annotations"] == {"summary": "api is down", "runbook_url": "https://example.com/api"}
    assert "/graph?g0.expr=" in alert["generatorURL"]
    assert alert["labels"]["severity"] == "critical"
    wait_until(lambda: cluster.told("firing"), what="webhook")
    cluster.wait_for_turn()
    repair(nginx)
    wait_until(lambda: cluster.told("resolved"), what="resolve")
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="nothing active")
    cluster.wait_for_turn()
    assert (len(cluster.told("firing")), len(cluster.told("resolved"))) == (1, 1)
    assert everywhere(cluster, "Watchdog")
    # Each Alertmanager's acceptance is evidence: who was told of the beginning and of the end.
    def rows():
        return [row["metrics"] for row in drwatch.api("/api/dr/audit", limit=1000)["rows"] if row["event_type"] == "NOTIFICATION"]
    urls = {f"http://{target}/api/v2/alerts" for target in cluster.targets()}
    for occasion in ("trigger", "resolve"):
        wait_until(lambda o=occasion: {row["receiver"] for row in rows() if row["integration"] == "alertmanager"
                                       and row["occasion"] == o and row["outcome"] == "delivered"} == urls, what=occasion)
    report = subprocess.run([PROGRAM, "report", f"--config.file={drwatch.config}", "--format=json"], capture_output=True,
                            text=True, check=True, timeout=30)
    assert all(url in report.stdout for url in urls)


def test_what_began_while_the_clock_was_ahead_ends_when_it_is_over(folder, drwatch, cluster, nginx):
    """An end in the future leaves an alert active until then, whoever says that it is over."""
    clock = Clock(folder)
    clock.set(3600)
    drwatch.start(forwarding(folder, cluster.targets(), nginx), options=RARELY, env=clock.environment)
    wait_until(lambda: everywhere(cluster, "Watchdog"), what="Watchdog at both")
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="alert at both")
    clock.set(0)
    repair(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="nothing active")
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="it is told again")
    repair(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="its end, too")


def test_what_drwatch_says_of_its_alertmanagers(folder, drwatch, cluster, nginx):
    secret = f"""
  - basic_auth: {{username: u, password: geheim}}
    path_prefix: /elsewhere
    static_configs: [{{targets: ['{cluster.targets()[1]}']}}]
"""
    text = forwarding(folder, cluster.targets()[:1], nginx)
    text = re.sub(r"alerting: .*", f"alerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['{cluster.targets()[0]}']}}]" + secret, text)
    drwatch.start(text)
    good, bad = f"http://{cluster.targets()[0]}/api/v2/alerts", f"http://{cluster.targets()[1]}/elsewhere/api/v2/alerts"
    urls = [entry["url"] for entry in drwatch.api("/api/v1/alertmanagers")["activeAlertmanagers"]]
    assert sorted(urls) == sorted([good, bad])
    wait_until(lambda: drwatch.value(f'drwatch_alertmanager_up{{alertmanager="{bad}"}}') == 0, what="one fails")
    wait_until(lambda: drwatch.value(f'drwatch_alertmanager_up{{alertmanager="{good}"}}') == 1, what="the other one is well")
    errors, sent = f'drwatch_alertmanager_errors_total{{alertmanager="{bad}",reason="not_found"}}', f'drwatch_alertmanager_sent_total{{alertmanager="{good}"}}'
    wait_until(lambda: (drwatch.value(errors) or 0) >= 1, what="the refusal counted")
    wait_until(lambda: (drwatch.value(sent) or 0) >= 1, what="what the other one took counted")
    page = drwatch.get("/")[1]
    assert good in page and bad in page and "404" in page
    for shown in (page, drwatch.get("/api/v1/status/config")[1], drwatch.log_text(), drwatch.metrics()):
        assert "geheim" not in shown
    result = subprocess.run(["promtool", "query", "instant", drwatch.url(), "drwatch_alertmanager_up"],
                            capture_output=True, text=True, check=True, timeout=20)
    assert good in result.stdout
    # A reload mends it and keeps the other's counters.
    before = drwatch.value(sent)
    drwatch.config.write_text(forwarding(folder, cluster.targets(), nginx), encoding="utf-8")
    drwatch.send(signal.SIGHUP)
    wait_until(lambda: everywhere(cluster, "Watchdog"), what="the mended one is told")
    wait_until(lambda: drwatch.value("count(drwatch_alertmanager_up == 1)") == 2, what="both are well")
    assert drwatch.value(sent) >= before


@pytest.mark.parametrize("fault", ["stopped", "down"])
def test_one_that_fails_delays_no_other(folder, drwatch, cluster, nginx, fault):
    drwatch.start(forwarding(folder, cluster.targets(), nginx), options=RARELY)
    wait_until(lambda: everywhere(cluster, "Watchdog"), what="Watchdog at both")
    broken, good = cluster.members
    if fault == "stopped":
        broken.send(signal.SIGSTOP)
    else:
        broken.stop(signal.SIGKILL)
    began = time.monotonic()
    break_it(nginx)
    wait_until(lambda: "TestDown" in active(good), what="the other has it")
    assert time.monotonic() - began < 5
    wait_until(lambda: cluster.told("firing"), what="webhook")
    wait_until(lambda: drwatch.value("min(drwatch_alertmanager_up)") == 0, what="seen")
    if fault == "stopped":
        broken.send(signal.SIGCONT)
    else:
        cluster.start(0)
    wait_until(lambda: "TestDown" in active(broken), timeout=40, what="the first one has it, too")
    wait_until(lambda: drwatch.value("min(drwatch_alertmanager_up)") == 1, what="well again")
    repair(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="over at both")
    wait_until(lambda: cluster.told("resolved"), what="resolve")


def test_the_end_is_told_although_drwatch_was_killed(folder, drwatch, cluster, nginx):
    drwatch.start(forwarding(folder, cluster.targets(), nginx), options=RARELY)
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="alert at both")
    wait_until(lambda: cluster.told("firing"), what="webhook")
    cluster.wait_for_turn()
    drwatch.kill()
    repair(nginx)
    drwatch.start(options=RARELY)
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="over at both")
    wait_until(lambda: cluster.told("resolved"), what="resolve")
    cluster.wait_for_turn()
    assert (len(cluster.told("firing")), len(cluster.told("resolved"))) == (1, 1)


def test_an_end_nobody_took_is_told_after_a_kill(folder, drwatch, cluster, nginx):
    drwatch.start(forwarding(folder, cluster.targets(), nginx), options=RARELY)
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="alert at both")
    for member in cluster.members:
        member.send(signal.SIGSTOP)
    repair(nginx)
    wait_until(lambda: "TestDown" not in drwatch.alerts(), what="over here")
    drwatch.kill()
    for member in cluster.members:
        member.send(signal.SIGCONT)
    drwatch.start(options=RARELY)
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="over at both")


def test_alerts_of_a_dead_drwatch_end_by_themselves(folder, drwatch, cluster, nginx):
    drwatch.start(forwarding(folder, cluster.targets(), nginx), options=("--rules.alert.resend-delay=500ms",))
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="alert at both")
    time.sleep(4)  # longer than an alert lasts that nobody repeats
    assert everywhere(cluster, "TestDown")
    drwatch.kill()
    wait_until(lambda: everywhere(cluster, "Watchdog", there=False), what="over at both")
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="over at both")


def start_pair(folder, keep, cluster, nginx, options=()):
    pair = []
    for name in ("first", "second"):
        own = folder / name
        own.mkdir()
        pair.append(keep(Drwatch(own / "drwatch")))
        pair[-1].start(forwarding(own, cluster.targets(), nginx), options=options)
    return pair


def test_a_pair_is_one_incident(folder, keep, cluster, nginx):
    start_pair(folder, keep, cluster, nginx)
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="alert at both")
    wait_until(lambda: cluster.told("firing"), what="webhook")
    cluster.wait_for_turn()
    repair(nginx)
    wait_until(lambda: cluster.told("resolved"), what="resolve")
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="over at both")
    cluster.wait_for_turn()
    assert len(cluster.told("firing")) + len(cluster.told("resolved")) <= 3, "one extra message at most"
    assert len({message["groupKey"] for message in cluster.told("firing")}) == 1
    assert everywhere(cluster, "TestDown", there=False)


def test_one_of_a_pair_is_killed_and_nothing_ends(folder, keep, cluster, nginx):
    often = ("--rules.alert.resend-delay=1s",)
    first, second = start_pair(folder, keep, cluster, nginx, often)
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="alert at both")
    wait_until(lambda: cluster.told("firing"), what="webhook")
    first.kill()
    for _ in range(12):  # more than an alert lasts that nobody repeats
        time.sleep(0.5)
        assert everywhere(cluster, "TestDown") and not cluster.told("resolved")
    first.start(options=often)
    time.sleep(2)
    assert everywhere(cluster, "TestDown") and not cluster.told("resolved")
    second.kill()
    repair(nginx)
    wait_until(lambda: cluster.told("resolved"), what="resolve")
    wait_until(lambda: everywhere(cluster, "TestDown", there=False), what="over at both")
    (begun, begin), (ended, of) = cluster.course()
    assert (begun, ended, begin) == ("firing", "resolved", of), "one alert from its begin to its end"


def test_neither_own_silences_nor_posted_alerts_matter(folder, drwatch, cluster, nginx):
    drwatch.start(forwarding(folder, cluster.targets(), nginx), options=RARELY)
    amtool = ["amtool", f"--alertmanager.url={drwatch.url()}"]
    subprocess.run([*amtool, "silence", "add", "alertname=TestDown", "--author=ann", "--comment=x"], check=True, timeout=20)
    subprocess.run([*amtool, "alert", "add", "alertname=Posted", "severity=critical"], check=True, timeout=20)
    wait_until(lambda: "Posted" in drwatch.get("/api/v2/alerts")[1], what="posted")
    break_it(nginx)
    wait_until(lambda: everywhere(cluster, "TestDown"), what="forwarded although it is silenced")
    assert everywhere(cluster, "Posted", there=False)


def test_drwatch_pages_when_no_alertmanager_answers(folder, drwatch, receivers, nginx):
    text = config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                  rules=built_in("AlertmanagersUnreachable", "AlertmanagerUnreachable"), extra=f"""
builtin_rules: false
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{free_port()}']}}]}}]}}
""")
    (folder / "test.rules.yml").write_text((folder / "test.rules.yml").read_text() + """
  - alert: SomethingToForward
    expr: vector(1)
    labels: {severity: none}
""", encoding="utf-8")
    drwatch.start(text)
    expect_page(receivers, "AlertmanagersUnreachable", wait_until)
    expect_page(receivers, "AlertmanagerUnreachable", wait_until)


def test_an_alert_that_is_refused_is_named(folder, drwatch, receivers, keep, nginx):
    def answer(_, handler, body):
        alerts = json.loads(body)
        bad = any(alert["labels"]["alertname"] == "TestDown" for alert in alerts)
        return (400, '"bad label"') if bad and handler.path == "/api/v2/alerts" else (200, "")

    sink = keep(HttpSink(answer))
    text = config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                  rules=RULES + "".join(built_in("AlertmanagerRefusesAlerts").split("  rules:\n")[1:]), extra=f"""
builtin_rules: false
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{sink.port}']}}]}}]}}
""")
    drwatch.start(text, options=("--rules.alert.resend-delay=1s",))
    wait_until(lambda: drwatch.value("drwatch_alertmanager_refused_total") == 0, what="forwarding")
    break_it(nginx)
    expect_page(receivers, "AlertmanagerRefusesAlerts", wait_until)
    assert drwatch.log_text().count("an Alertmanager refuses an alert") == 1
    wait_until(lambda: "bad label" in drwatch.log_text(), what="the log says so")
    assert len(sink.requests) < 60, "no hot loop"


def test_check_config_says_who_is_told(folder, drwatch, nginx):
    path = folder / "drwatch.yml"
    path.write_text(forwarding(folder, ["am1:9093", "am2:9093"], nginx), encoding="utf-8")
    result = subprocess.run([drwatch.program, "check", "config", path], capture_output=True, text=True, timeout=20, check=True)
    assert "at once Alertmanager http://am1:9093, http://am2:9093, again every 1m; nobody else" in result.stdout
    assert "no receivers:" not in result.stderr
    path.write_text(forwarding(folder, ["am1:9093"], nginx).replace("static_configs", "consul_sd_configs"), encoding="utf-8")
    result = subprocess.run([drwatch.program, "check", "config", path], capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1 and re.search(r"drwatch.yml:\d+:\d+: .*consul_sd_configs.* not supported", result.stderr)
