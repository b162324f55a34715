"""`depends_on`: who is told of an outage below, and what becomes of what depends on it afterwards."""

import json
import subprocess
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from servers import wait_until

WAIT = 4  # seconds, group_wait


@pytest.fixture
def running(folder, drwatch, receivers, nginx):
    """Two services, one of which needs the other."""
    for path in ("/auth", "/shop"):
        nginx.set(path, 200, "{}")
    probes = [{"name": name, "type": "http", "service": name, "url": nginx.url(f"/{name}")} for name in ("auth", "shop")]
    text = config(folder, receivers, probes, rules=built_in("EndpointDown"), group_wait=f"{WAIT}s", extra="builtin_rules: false")
    services = "services: [{name: auth, rpo: 1h}, {name: shop, rpo: 1h, depends_on: [auth]}]"
    drwatch.start(text.replace("services: [{name: shop, rpo: 1h}]", services))
    return drwatch


def inhibited(drwatch):
    """Services whose alert is held back, as amtool lists them."""
    done = subprocess.run(["amtool", f"--alertmanager.url={drwatch.url()}", "-o", "json", "alert", "query", "--inhibited"],
                          capture_output=True, text=True, timeout=30, check=True)
    return [alert["labels"]["service"] for alert in json.loads(done.stdout)]


def break_both(drwatch, receivers, nginx):
    nginx.set("/auth", 503, "{}")
    wait_until(lambda: "EndpointDown" in drwatch.firing(), what="auth is down")
    nginx.set("/shop", 503, "{}")
    page = expect_page(receivers, "EndpointDown", wait_until)
    wait_until(lambda: inhibited(drwatch) == ["shop"], what="shop's alert held back")
    return page


def test_what_recovers_with_its_cause_pages_nobody(running, receivers, nginx):
    page = break_both(running, receivers, nginx)
    nginx.set("/auth", 200, "{}")
    wait_until(lambda: not inhibited(running), what="nothing held back")
    nginx.set("/shop", 200, "{}")
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: not running.firing(), what="all is well")
    assert len(receivers.pages("trigger")) == 1 and not receivers.open_incidents()


def test_what_goes_on_after_its_cause_waits_group_wait(running, receivers, nginx):
    page = break_both(running, receivers, nginx)
    nginx.set("/auth", 200, "{}")
    wait_until(lambda: not inhibited(running), what="nothing held back")
    freed = time.time()
    key = expect_resolve(receivers, page, wait_until)
    second = wait_until(lambda: [r for r in receivers.pages("trigger") if r.body["dedup_key"] != key], what="shop's page")[0]
    assert WAIT - 2 < second.time - freed < WAIT + 15
    nginx.set("/shop", 200, "{}")
    expect_resolve(receivers, second, wait_until)
