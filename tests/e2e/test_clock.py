"""The wall clock is set while drwatch runs: what is a time on the wall holds by the new time."""

import json
import time

import pytest
from configs import ROUTING_KEY, expect_page
from faults import Clock, attempts, posting, request
from servers import wait_until
from test_escalation import local
from test_escalation import request as ask

HOUR = 3600


@pytest.fixture
def clock(folder):
    return Wall(folder)


class Wall(Clock):
    """Set to times of the day, so that tests do not depend on when they run."""

    def set_to(self, hours):
        now = time.time()
        self.set(now - now % (24 * HOUR) + hours * HOUR - now)

    def now(self):
        return time.time() + int(self.file.read_text(encoding="ascii"))

    def stamp(self, ahead):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now() + ahead))

    def post(self, drwatch, name):
        """An alert that fires for an hour by this clock."""
        status, text = request(drwatch, "/api/v2/alerts", [
            {"labels": {"alertname": name, "severity": "critical"}, "annotations": {"summary": f"{name} burns"},
             "endsAt": self.stamp(HOUR)}])
        assert status == 200, text

    def silence(self, drwatch, name, begins, ends):
        status, text = request(drwatch, "/api/v2/silences", {
            "matchers": [{"name": "alertname", "value": name, "isRegex": False}], "startsAt": self.stamp(begins),
            "endsAt": self.stamp(ends), "createdBy": "ann", "comment": "test"})
        assert status == 200, text


def states(drwatch):
    found = json.loads(request(drwatch, "/api/v2/alerts")[1])
    return {alert["labels"]["alertname"]: alert["status"]["state"] for alert in found}


def link_of(drwatch, receivers, name):
    page = expect_page(receivers, name, wait_until)
    return local(drwatch, next(link["href"] for link in page.body["links"] if link["text"] == "Acknowledge"))


def test_silences_hold_by_the_new_time(folder, drwatch, receivers, clock):
    """Forward into one that somebody planned, back before it, where it goes on, and beyond its end."""
    clock.set_to(4)
    drwatch.start(posting(folder, receivers), env=clock.environment)
    clock.silence(drwatch, "Planned", 8 * HOUR, 9 * HOUR)
    clock.post(drwatch, "Before")
    expect_page(receivers, "Before", wait_until)
    for hours, name in ((12.5, "During"), (3, "Earlier")):
        clock.set_to(hours)
        clock.post(drwatch, "Planned")
        clock.post(drwatch, name)
        expect_page(receivers, name, wait_until)
        assert states(drwatch)["Planned"] == "suppressed"
        assert not [r for r in attempts(receivers, "pagerduty") if "Planned" in str(r.body)]
    clock.set_to(13.1)
    clock.post(drwatch, "After")
    expect_page(receivers, "Planned", wait_until)
    assert states(drwatch)["Planned"] == "active"


@pytest.mark.parametrize("began", [4, 20])
def test_time_intervals_hold_by_the_new_time(folder, drwatch, receivers, clock, began):
    clock.set_to(began)
    drwatch.start(posting(folder, receivers, route="routes: [{receiver: on-call, mute_time_intervals: [noon]}]", extra="""
time_intervals:
- {name: noon, time_intervals: [{times: [{start_time: "12:00", end_time: "13:00"}]}]}
"""), env=clock.environment)
    clock.post(drwatch, "Before")
    expect_page(receivers, "Before", wait_until)
    clock.set_to(12.5)
    clock.post(drwatch, "During")
    wait_until(lambda: states(drwatch).get("During") == "suppressed", what="muted")
    assert not receivers.pages("trigger", "During")
    clock.set_to(13.1)
    clock.post(drwatch, "After")
    expect_page(receivers, "After", wait_until)
    expect_page(receivers, "During", wait_until)


@pytest.mark.parametrize("moved", [25, -1])
def test_links_hold_by_the_new_time(folder, drwatch, receivers, clock, moved):
    """A day from when they were made, and what is made after the clock was set holds, too."""
    clock.set_to(12)
    integrations = f"  pagerduty_configs: [{{routing_key: {ROUTING_KEY}, url: '{receivers.pagerduty_url}'}}]"
    drwatch.start(posting(folder, receivers, integrations=integrations, route="escalation: p", extra="""
escalation_policies: [{name: p, steps: [{after: 1h, receivers: [on-call]}]}]
"""), env=clock.environment)
    clock.post(drwatch, "Before")
    before = link_of(drwatch, receivers, "Before")
    assert ask(before)[0] == 200
    clock.set_to(12 + moved)
    clock.post(drwatch, "After")
    after = link_of(drwatch, receivers, "After")
    assert ask(before)[0] == (410 if moved > 24 else 200)
    status, _, said = ask(after, {"by": "ann"})
    assert status == 200, said
    known = {alert["labels"]["alertname"] for alert in drwatch.api("/api/dr/acknowledge")["acknowledged"]}
    assert known == {"After"}
