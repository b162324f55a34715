"""Statuspage incidents: opened, updated, resolved, never twice, and only where the file says to publish."""

import subprocess
import time

import faults
import pytest
from faults import metric
from servers import wait_until
from statuspage import FakeStatuspage
from test_email import post


@pytest.fixture
def page(keep):
    return keep(FakeStatuspage())


def config(folder, receivers, page, publish="publish: true, ", repeat="4h"):
    return f"""
storage: {{path: '{folder}/state'}}
builtin_rules: false
route: {{receiver: public, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: {repeat}}}
fallback_receiver: fallback
receivers:
- name: public
  statuspage_configs: [{{{publish}api_key_file: '{folder}/key', page_id: {page.page}, url: '{page.url}', component_ids: [comp1]}}]
- name: fallback
  webhook_configs: [{{url: '{receivers.url("/webhook/fallback")}'}}]
"""


def start(folder, drwatch, receivers, page, **more):
    (folder / "key").write_text(page.key + "\n", encoding="utf-8")
    drwatch.start(config(folder, receivers, page, **more))


def end(drwatch, name="BackupFailed"):
    post(drwatch, name, ends=time.time() - 1)


def test_an_incident_from_its_start_to_its_end(folder, drwatch, receivers, page):
    start(folder, drwatch, receivers, page, repeat="2s")
    post(drwatch)
    incident = wait_until(page.unresolved, what="incident")[0]
    assert incident["status"] == "investigating" and incident["components"] == {"comp1": "major_outage"}
    incident["status"] = "monitoring"  # people set it on the page
    wait_until(lambda: len(page.history) >= 3, what="updates every repeat_interval")
    assert page.history[-1][1] == "monitoring"
    drwatch.kill()
    drwatch.start()
    end(drwatch)
    wait_until(lambda: not page.unresolved(), what="resolved")
    assert len(page.incidents) == 1 and incident["components"] == {"comp1": "operational"}
    post(drwatch)
    wait_until(page.unresolved, what="a new incident for a new outage")
    assert len(page.incidents) == 2
    assert page.key not in drwatch.log_text() and not receivers.accepted("webhook")


def test_a_lost_answer_makes_no_second_incident(folder, drwatch, receivers, page):
    page.lose = 2
    start(folder, drwatch, receivers, page)
    post(drwatch)
    wait_until(lambda: len(page.history) >= 3, what="told again")
    assert len(page.incidents) == 1
    end(drwatch)
    wait_until(lambda: not page.unresolved(), what="resolved")


def more(drwatch, name, instance):
    """A further alert of the group."""
    faults.post(drwatch, name, instance=instance)


def test_what_people_closed_stays_closed_until_there_is_news(folder, drwatch, receivers, page):
    start(folder, drwatch, receivers, page, repeat="1s")
    post(drwatch)
    wait_until(page.unresolved, what="incident")[0]["status"] = "resolved"
    looks = page.looks()
    wait_until(lambda: page.looks() >= looks + 3, what="repetitions")
    assert page.opened == 1 and not page.unresolved()
    more(drwatch, "BackupFailed", "db2")
    wait_until(page.unresolved, what="an incident for what is new")
    assert page.opened == 2 and not receivers.accepted("webhook")


@pytest.mark.parametrize("news", [False, True])
def test_what_people_delete_meanwhile_is_looked_for_again(folder, drwatch, receivers, page, news):
    """Between the look and the change: a repetition lets it be, news opens one, and only one."""
    start(folder, drwatch, receivers, page, repeat="4h" if news else "1s")
    post(drwatch)
    wait_until(page.unresolved, what="incident")
    page.delete = 1
    if news:
        more(drwatch, "BackupFailed", "db2")
        wait_until(lambda: page.opened == 2, what="a new incident")
        assert [method for method, _, _ in page.history] == ["POST", "POST"]
    else:
        wait_until(lambda: page.delete == 0, what="a repetition")
        looks = page.looks()
        wait_until(lambda: page.looks() >= looks + 2, what="further repetitions")
        assert not page.unresolved()
    assert page.opened == 1 + news and not receivers.accepted("webhook")
    assert metric(drwatch, "drwatch_dead_letters_total") == 0
    end(drwatch)
    if news:
        faults.post(drwatch, "BackupFailed", instance="db2", end=True)
        wait_until(lambda: not page.unresolved(), what="resolved")
    assert page.opened == 1 + news


def test_a_step_of_an_escalation_keeps_it_up_to_date(folder, drwatch, receivers, page):
    """`updates_every`, though the route repeats itself only after hours; whoever acknowledges makes it identified."""
    (folder / "key").write_text(page.key, encoding="utf-8")
    text = config(folder, receivers, page).replace("route: {receiver: public", "route: {escalation: p, receiver: fallback")
    drwatch.start(text + """
escalation_policies: [{name: p, steps: [{after: 1s, receivers: [public], updates_every: 2s}]}]
""")
    post(drwatch)
    wait_until(lambda: len(page.history) >= 3, what="updates")
    assert [status for _, status, _ in page.history[:3]] == ["investigating"] * 3 and len(page.incidents) == 1
    for earlier, later in zip(page.times, page.times[1:]):
        assert 1.5 < later - earlier < 4
    assert len(receivers.accepted("webhook")) == 1, "the route's receiver is told by its own clock"
    subprocess.run([drwatch.program, "ack", f"--url={drwatch.url()}", "alertname=BackupFailed", "--by=ann"], check=True,
                   capture_output=True)
    wait_until(lambda: page.history[-1][1] == "identified", what="identified")
    end(drwatch)
    wait_until(lambda: not page.unresolved(), what="resolved")
    assert [status for _, status, _ in page.history].count("resolved") == 1


def test_limits_and_refusals(folder, drwatch, receivers, page):
    page.refuse = [420, 422]
    start(folder, drwatch, receivers, page)
    post(drwatch)
    wait_until(page.unresolved, what="incident after a limit and a refusal")
    page.refuse = [401] * 5
    post(drwatch, "Other")
    wait_until(lambda: receivers.accepted("webhook"), what="fallback")


def test_nothing_is_published_unless_the_file_says_so(folder, drwatch, receivers, page):
    (folder / "key").write_text(page.key, encoding="utf-8")
    path = folder / "drwatch.yml"
    path.write_text(config(folder, receivers, page, publish=""), encoding="utf-8")
    checked = subprocess.run([drwatch.program, "check", "config", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 1 and "publish: true" in checked.stdout + checked.stderr
