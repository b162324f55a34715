"""No page and no resolve is lost: failing receivers, kill -9 before, during and after a send."""

import threading
import time

import pytest
from configs import config, expect_page, expect_resolve
from servers import Nginx, wait_until

RULES = """
groups:
- name: test
  rules:
  - alert: TestDown
    expr: probe_success{probe="api"} == 0
    labels: {severity: critical}
    annotations: {summary: 'api is down', action: 'restart it', runbook_url: 'https://example.com/api'}
"""


@pytest.fixture
def nginx(folder, keep):
    server = keep(Nginx(folder / "nginx").start())
    server.set("/health", 200, "{}")
    return server


def start(folder, drwatch, receivers, nginx, extra="builtin_rules: false"):
    drwatch.start(config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                         rules=RULES, extra=extra))


def break_it(nginx):
    nginx.set("/health", 503, "{}")


def repair(nginx):
    nginx.set("/health", 200, "{}")


def triggers(receivers):
    return receivers.pages("trigger", "TestDown")


def test_message_says_what_to_do(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    break_it(nginx)
    page = expect_page(receivers, "TestDown", wait_until)
    assert any(link["href"] == "https://example.com/api" for link in page.body["links"])
    assert "restart it" in str(page.body["payload"]["custom_details"])
    slack = wait_until(lambda: receivers.accepted("slack"), what="slack")[0]
    assert "https://example.com/api" in str(slack.body) and "restart it" in str(slack.body)
    repair(nginx)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: len(receivers.accepted("slack")) >= 2, what="slack resolve")


def test_receiver_answers_500_for_a_while(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    end = time.monotonic() + 3
    receivers.script = [lambda kind, body: 500 if kind == "pagerduty" and time.monotonic() < end else None] * 50
    break_it(nginx)
    wait_until(lambda: receivers.accepted("slack"), timeout=3, what="slack is not held up by PagerDuty")
    page = expect_page(receivers, "TestDown", wait_until)
    assert len(triggers(receivers)) == 1
    attempts = [r for r in receivers.requests if r.kind == "pagerduty"]
    assert 2 <= len(attempts) <= 8, "it backs off"
    assert drwatch.value('drwatch_notifications_failed_total{integration="pagerduty"}') >= 1
    repair(nginx)
    expect_resolve(receivers, page, wait_until)


def test_retry_after_is_obeyed(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    told = []

    def limit(kind, _):
        if kind != "slack" or told:
            return None
        told.append(time.time())
        return 429, {"Retry-After": "3"}

    receivers.script = [limit] * 10
    break_it(nginx)
    message = wait_until(lambda: receivers.accepted("slack"), timeout=20, what="slack")[0]
    assert message.time - told[0] >= 2.9


def test_refused_event_is_sent_in_minimal_form_then_to_the_fallback(folder, drwatch, receivers, nginx):
    fallback = f"""
- name: fallback
  webhook_configs: [{{url: '{receivers.url("/webhook/fallback")}'}}]
fallback_receiver: fallback
builtin_rules: false
"""
    start(folder, drwatch, receivers, nginx, extra=fallback)
    receivers.script = [lambda kind, body: 400 if kind == "pagerduty" else None] * 1000
    break_it(nginx)
    wait_until(lambda: receivers.accepted("webhook"), what="fallback")
    refused = [r for r in receivers.requests if r.kind == "pagerduty" and r.status == 400]
    assert len(refused) == 2, "once whole, once in minimal form"
    assert "links" not in refused[1].body
    wait_until(lambda: (drwatch.value("sum(drwatch_dead_letters_total)") or 0) >= 1, what="dead letter counted")


@pytest.mark.parametrize("behaviour", ["hang", "reset", "drip"])
def test_bad_receiver_does_not_lose_the_page(folder, drwatch, receivers, nginx, behaviour):
    start(folder, drwatch, receivers, nginx)
    once = []

    def first_only(kind, _):
        if kind == "pagerduty" and not once:
            once.append(1)
            return behaviour
        return None

    receivers.script = [first_only] * 10
    break_it(nginx)
    wait_until(lambda: receivers.accepted("slack"), timeout=5, what="slack is not held up")
    wait_until(lambda: triggers(receivers), timeout=30, what="page")
    keys = {r.body["dedup_key"] for r in receivers.requests if r.kind == "pagerduty" and r.body}
    assert len(keys) == 1


def test_killed_before_the_send(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    receivers.script = [500] * 1000
    break_it(nginx)
    wait_until(lambda: [r for r in receivers.requests if r.kind == "pagerduty"], what="first attempt")
    drwatch.kill()
    receivers.script = []
    drwatch.start()
    page = expect_page(receivers, "TestDown", wait_until)
    repair(nginx)
    expect_resolve(receivers, page, wait_until)


def test_killed_during_the_send(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    arrived = threading.Event()

    def hold(kind, _):
        if kind == "pagerduty" and not arrived.is_set():
            arrived.set()
            return "hang"
        return None

    receivers.script = [hold] * 10
    break_it(nginx)
    assert arrived.wait(10)
    drwatch.kill()
    drwatch.start()
    page = expect_page(receivers, "TestDown", wait_until)
    keys = {r.body["dedup_key"] for r in receivers.requests if r.kind == "pagerduty" and r.body}
    assert keys == {page.body["dedup_key"]}, "the same incident"
    repair(nginx)
    expect_resolve(receivers, page, wait_until)


def test_killed_after_the_send_stays_firing_without_a_second_page(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    break_it(nginx)
    expect_page(receivers, "TestDown", wait_until)
    since = drwatch.alerts()["TestDown"][0]["activeAt"]
    time.sleep(1)
    drwatch.kill()
    drwatch.start()
    wait_until(lambda: "TestDown" in drwatch.firing(), what="still firing")
    assert drwatch.alerts()["TestDown"][0]["activeAt"] == since
    time.sleep(2)
    assert len(triggers(receivers)) <= 2, "at most one duplicate"
    assert len({r.body["dedup_key"] for r in triggers(receivers)}) == 1
    assert not receivers.pages("resolve"), "no false resolve"


def test_cleared_while_down_is_resolved_after_the_start(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    break_it(nginx)
    page = expect_page(receivers, "TestDown", wait_until)
    drwatch.kill()
    repair(nginx)
    drwatch.start()
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: not receivers.open_incidents(), what="no open incident")


def test_rule_removed_by_reload_is_resolved(folder, drwatch, receivers, nginx):
    start(folder, drwatch, receivers, nginx)
    break_it(nginx)
    page = expect_page(receivers, "TestDown", wait_until)
    (folder / "test.rules.yml").write_text("groups: []\n", encoding="utf-8")
    import urllib.request
    with urllib.request.urlopen(urllib.request.Request(drwatch.url() + "/-/reload", method="POST")) as answer:
        assert answer.status == 200
    expect_resolve(receivers, page, wait_until)


def test_unwritable_state_keeps_paging(folder, drwatch, receivers, nginx):
    # Root ignores permissions, so the state is made unwritable by a limit on the size of files instead.
    import resource
    import subprocess
    start(folder, drwatch, receivers, nginx)
    pid = drwatch.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    subprocess.run(["kill", "-0", str(pid)], check=True)
    break_it(nginx)
    expect_page(receivers, "TestDown", wait_until)
    wait_until(lambda: drwatch.value("drwatch_state_writable") == 0, what="says so")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: drwatch.value("drwatch_state_writable") == 1, what="recovers")
    repair(nginx)
    wait_until(lambda: receivers.pages("resolve"), what="resolve")
