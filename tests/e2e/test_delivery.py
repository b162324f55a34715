"""A page from end to end. What goes wrong on the way: test_faults_*.py."""

from configs import config, expect_page, expect_resolve
from servers import wait_until

RULES = """
groups:
- name: test
  rules:
  - alert: TestDown
    expr: probe_success{probe="api"} == 0
    labels: {severity: critical}
    annotations: {summary: 'api is down', action: 'restart it', runbook_url: 'https://example.com/api'}
"""


def start(folder, drwatch, receivers, nginx, extra="builtin_rules: false"):
    drwatch.start(config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                         rules=RULES, extra=extra))


def break_it(nginx):
    nginx.set("/health", 503, "{}")


def repair(nginx):
    nginx.set("/health", 200, "{}")


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
