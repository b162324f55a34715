"""Statuspage incidents: opened, updated, resolved, never twice, and only where the file says to publish."""

import subprocess
import time

import pytest
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
