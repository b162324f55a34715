"""The fault list of docs/delivery.md: rules, templates, reloads, silences and time go their own ways (21-25, 27, 28, 30, 31)."""

import json
import re
import resource
import time

import pytest
from configs import ROUTING_KEY, expect_page, expect_resolve
from faults import (RULES, Api, Clock, attempts, expect_closed, metric, only_incident, post, posting, reload, request,
                    slack_texts)
from servers import wait_until

OTHER_KEY = "f" * 32


@pytest.fixture
def api(folder, drwatch, receivers, keep):
    return Api(folder, drwatch, receivers, keep)


def test_fault_21_routes_and_groups_change(folder, drwatch, receivers):
    """Nobody is paged again, and the end comes under the same key."""
    text = posting(folder, receivers, route="group_by: [alertname]")
    drwatch.start(text)
    post(drwatch, "Fire", "Flood")
    wait_until(lambda: len(receivers.pages("trigger")) == 2 and len(receivers.accepted("slack")) == 2, what="told")
    reload(drwatch, text.replace("group_by: [alertname]", "group_by: [severity], routes: [{receiver: on-call, group_by: ['...']}]"))
    time.sleep(2)
    assert len(receivers.pages("trigger")) == 2 and len(receivers.accepted("slack")) == 2, [
        r.body["text"] for r in receivers.accepted("slack")]
    post(drwatch, "Fire", end=True)
    wait_until(lambda: receivers.pages("resolve"), what="the end of one")
    fire = receivers.pages("trigger", "Fire")[0].body["dedup_key"]
    assert receivers.pages("resolve")[0].body["dedup_key"] == fire
    assert list(receivers.open_incidents()) == [receivers.pages("trigger", "Flood")[0].body["dedup_key"]]
    post(drwatch, "Flood", end=True)
    wait_until(lambda: not receivers.open_incidents(), what="the end of the other")
    assert len(receivers.pages("trigger")) == 2


def test_fault_21_another_receiver(folder, drwatch, receivers):
    """The new one is told, the old one is told of the end."""
    text = posting(folder, receivers, extra=f"- {{name: team, webhook_configs: [{{url: '{receivers.url('/webhook/team')}'}}]}}")
    drwatch.start(text)
    post(drwatch, "Fire")
    expect_page(receivers, "Fire", wait_until)
    reload(drwatch, text.replace("receiver: on-call", "receiver: team"))
    wait_until(lambda: receivers.accepted("webhook"), what="the new one told")
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)
    wait_until(lambda: receivers.accepted("webhook")[-1].body["status"] == "resolved", what="the end told to the new one")
    only_incident(receivers)


def test_fault_22_receiver_removed(folder, drwatch, receivers):
    """The end goes to the old one with the old key."""
    text = posting(folder, receivers)
    drwatch.start(text)
    post(drwatch, "Fire")
    page = expect_page(receivers, "Fire", wait_until)
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    reload(drwatch, re.sub(r"  pagerduty_configs.*\n", "", text))
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)
    assert receivers.pages("resolve")[0].body["routing_key"] == page.body["routing_key"] == ROUTING_KEY
    reload(drwatch, text.replace(ROUTING_KEY, OTHER_KEY))
    post(drwatch, "Flood")
    assert expect_page(receivers, "Flood", wait_until).body["routing_key"] == OTHER_KEY


def test_fault_22_rule_removed(api, drwatch, receivers):
    """Its alert ends, and says why."""
    api.start()
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    (api.folder / "test.rules.yml").write_text("groups: []\n", encoding="utf-8")
    assert request(drwatch, "/-/reload", method="POST")[0] == 200
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: "removed" in json.dumps(receivers.accepted("slack")[-1].body), what="the reason")


def test_fault_23_template_fails(folder, drwatch, receivers):
    """The built-in text goes out instead, counted and logged."""
    text = posting(folder, receivers).replace("routing_key: " + ROUTING_KEY, "routing_key: " + ROUTING_KEY +
                                              ", description: '{{ index .Alerts 99 }}'")
    drwatch.start(text.replace("api_url:", "title: '{{ .NoSuchThing.Deeper }}', api_url:"))
    post(drwatch, "Fire")
    page = expect_page(receivers, "Fire", wait_until)
    assert "Fire burns" in page.body["payload"]["summary"]
    wait_until(lambda: slack_texts(receivers, "Fire"), what="slack")
    wait_until(lambda: metric(drwatch, "drwatch_template_failures_total") >= 1, what="counted")
    wait_until(lambda: "a notification template failed" in drwatch.log_text(), what="the log says so")
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)


def test_fault_23_annotation_fails(api, drwatch, receivers):
    """The alert fires all the same, with the error for its text."""
    api.start(rules=RULES.replace("'api is down'", "'{{ index $labels 5 6 }}'"))
    api.break_it()
    expect_page(receivers, "TestDown", wait_until)
    assert "error expanding template" in drwatch.alerts()["TestDown"][0]["annotations"]["summary"]
    wait_until(lambda: metric(drwatch, "drwatch_template_failures_total") >= 1, what="counted")


# Fails to evaluate as soon as there is more than one probe b...
FRAGILE = RULES.replace('probe_success{probe="api"} == 0', '(probe_success{probe="api"} * on() group_left() '
                        'probe_success{probe=~"b.*"}) == 0')


def test_fault_24_rule_fails_while_it_fires(api, drwatch, receivers):
    """Frozen as it was: no false end. It is counted, and RuleEvaluationFailing pages (rules/tests)."""
    other = {"name": "b1", "type": "http", "url": api.nginx.url("/b")}
    api.nginx.set("/b")
    api.start(rules=FRAGILE, probes=[other])
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    reload(drwatch, api.text(rules=FRAGILE, probes=[other, {**other, "name": "b2"}]))
    wait_until(lambda: metric(drwatch, "drwatch_rule_evaluation_failures_total") >= 3, what="failures counted")
    api.repair()
    time.sleep(2)
    assert "TestDown" in drwatch.firing() and not receivers.pages("resolve")
    assert api.drwatch.api("/api/v1/rules")["groups"][0]["rules"][0]["health"] == "err"
    reload(drwatch, api.text(rules=FRAGILE, probes=[other]))
    expect_resolve(receivers, page, wait_until)
    assert len(receivers.pages("trigger")) == 1


def test_fault_25_target_gone(api, drwatch, receivers):
    """A target that is not there at all is down, and stays it."""
    api.start()
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    api.nginx.stop()
    time.sleep(3)
    assert drwatch.value('probe_success{probe="api"}') == 0
    assert "TestDown" in drwatch.firing() and not receivers.pages("resolve")
    api.nginx.start()
    api.repair()
    expect_resolve(receivers, page, wait_until)
    assert len(receivers.pages("trigger")) == 1


def silence(drwatch, **matchers):
    now = time.time()
    stamp = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + offset)) for offset in (-1, 3600)]
    status, text = request(drwatch, "/api/v2/silences", {
        "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in matchers.items()],
        "startsAt": stamp[0], "endsAt": stamp[1], "createdBy": "ann", "comment": "test"})
    assert status == 200, text


def test_fault_27_silenced_after_it_was_told(folder, drwatch, receivers):
    """Its end is told all the same."""
    drwatch.start(posting(folder, receivers))
    post(drwatch, "Fire")
    expect_page(receivers, "Fire", wait_until)
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    silence(drwatch, alertname="Fire")
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)
    wait_until(lambda: slack_texts(receivers, "RESOLVED"), what="slack told of the end")


def test_fault_28_mute_time_ends(folder, drwatch, receivers):
    """What fires still is told at the end of the time, not at repeat_interval."""
    clock = Clock(folder)
    now = time.time()
    ahead = (50 - now % 60) % 60
    clock.set(ahead)  # ten seconds before a full minute
    ends = time.strftime("%H:%M", time.gmtime(now + ahead + 11))
    if ends == "00:00":
        ends = "24:00"
    drwatch.start(posting(folder, receivers, route="routes: [{receiver: on-call, mute_time_intervals: [night]}]", extra=f"""
time_intervals:
- {{name: night, time_intervals: [{{times: [{{start_time: "00:00", end_time: "{ends}"}}]}}]}}
"""), env=clock.environment)
    post(drwatch, "Fire")
    posted = time.time()
    time.sleep(1)
    assert not attempts(receivers, "pagerduty") and not attempts(receivers, "slack")
    page = expect_page(receivers, "Fire", wait_until, timeout=20)
    assert 2 < page.time - posted < 20
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)


def test_fault_30_flapping(folder, drwatch, receivers):
    """On and off for 20 s: one incident, at most two events in an interval, and the final state is right."""
    interval = 2
    drwatch.start(posting(folder, receivers).replace("group_interval: 1s", f"group_interval: {interval}s"))
    begin = time.monotonic()
    changes = 0
    while time.monotonic() - begin < 20:
        post(drwatch, "Flap", end=changes % 2 == 1)
        changes += 1
        time.sleep(0.15)
    assert changes > 60
    post(drwatch, "Flap")
    wait_until(lambda: receivers.open_incidents(), what="it is told as firing")
    post(drwatch, "Flap", end=True)
    expect_closed(receivers)
    only_incident(receivers)
    took = time.monotonic() - begin
    for kind in ("pagerduty", "slack"):
        assert len(receivers.accepted(kind)) <= 2 * (took / interval + 1), kind
    wait_until(lambda: "RESOLVED" in receivers.accepted("slack")[-1].body["text"], what="slack knows the end")


def test_fault_31_dead_mans_switch(api, drwatch, receivers):
    """It is called while all is well, and not while the state is not on disk. A hanging program: test_dead_man.py."""
    (api.folder / "url").write_text(receivers.url("/ping") + "\n", encoding="utf-8")
    drwatch.start(api.text().replace("global: {", f"global: {{deadman: {{url_file: '{api.folder}/url', interval: 1s}}, "))
    wait_until(lambda: len(receivers.accepted("ping")) >= 2, what="pings")
    pid = drwatch.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    api.break_it()
    expect_page(receivers, "TestDown", wait_until)
    wait_until(lambda: drwatch.value("drwatch_state_writable") == 0, what="state not writable")
    stuck = time.time()
    time.sleep(4)
    assert not [r for r in receivers.accepted("ping") if r.time > stuck + 2], "it stops within two intervals"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    count = len(receivers.accepted("ping"))
    wait_until(lambda: len(receivers.accepted("ping")) > count, what="pings again")
