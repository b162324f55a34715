"""Health endpoints, certificates, foreign metrics and the plan's rules on them."""

import http.server
import subprocess
import threading

import pytest
from configs import config, expect_page, expect_resolve
from servers import Nginx, free_port, wait_until

HEALTHY = '{"status":"healthy","checks":{"database":true}}'


@pytest.fixture
def nginx(folder, keep):
    server = keep(Nginx(folder / "nginx").start())
    server.set("/health", 200, HEALTHY)
    return server


def probe(nginx, **more):
    return {"name": "api", "type": "http", "service": "shop", "url": nginx.url("/health"),
            "expect": {"status": [200], "json": {"checks.database": True}}, **more}


@pytest.mark.parametrize("status, body, reason", [
    (503, '{"status":"unhealthy","checks":{"database":true}}', "unexpected_status"),
    (200, '{"status":"degraded","checks":{"database":false}}', "unexpected_body"),
    (200, '{"status":"healthy","checks":{}}', "unexpected_body"),
    (200, 'no JSON at all', "unexpected_body")])
def test_unhealthy_endpoint(folder, drwatch, receivers, nginx, status, body, reason):
    drwatch.start(config(folder, receivers, [probe(nginx)]))
    wait_until(lambda: drwatch.value('probe_success{probe="api"}') == 1, what="healthy")
    nginx.set("/health", status, body)
    page = expect_page(receivers, "EndpointDown", wait_until)
    assert drwatch.value("probe_http_status_code") == status
    assert drwatch.value(f'probe_failure_info{{reason="{reason}"}}') == 1
    nginx.set("/health", 200, HEALTHY)
    expect_resolve(receivers, page, wait_until)


def test_failure_threshold(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [probe(nginx, failure_threshold=1000)]))
    nginx.set("/health", 503, "{}")
    wait_until(lambda: (drwatch.value("probe_consecutive_failures") or 0) >= 3, what="failures counted")
    assert drwatch.value('probe_success{probe="api"}') == 1
    assert not receivers.pages()


def test_nobody_listens(folder, drwatch, receivers):
    port = free_port()
    drwatch.start(config(folder, receivers, [
        {"name": "api", "type": "http", "url": f"http://127.0.0.1:{port}/health"},
        {"name": "port", "type": "tcp", "address": f"127.0.0.1:{port}"}]))
    wait_until(lambda: len(receivers.pages("trigger", "EndpointDown")) == 2, what="two pages")
    assert drwatch.value('probe_failure_info{probe="port",reason="connection_refused"}') == 1


class Application:
    """A foreign /metrics with a counter of requests."""

    def __init__(self):
        self.errors = 0
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.errors += owner.step
                page = ("# TYPE http_requests_total counter\n"
                        f'http_requests_total{{status="503",path="/"}} {owner.errors}\n'
                        'http_requests_total{status="200",path="/"} 10\n').encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *unused):
                pass

        self.step = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# The rule group of the plan, with waits short enough for a test.
DISASTER_RULES = """
groups:
  - name: disaster.rules
    rules:
      - alert: ServiceCompletelyDown
        expr: up{job="healing-guard"} == 0
        for: 1s
        labels:
          severity: disaster
        annotations:
          summary: "Complete service outage detected"
          runbook_url: "https://docs.company.com/runbooks/complete-outage"
      - alert: SystemFailureErrorRate
        expr: rate(http_requests_total{status=~"5.."}[5m]) > 0.5
        for: 1s
        labels:
          severity: disaster
        annotations:
          summary: "System failure - error rate exceeding 50%"
"""


DATABASE_RULE = """\
      - alert: DatabaseClusterDown
        expr: up{job="postgres"} == 0
        for: 1m
        labels:
          severity: disaster
"""


def test_check_config_names_rules_of_jobs_that_nobody_scrapes(folder, drwatch, receivers):
    path = folder / "drwatch.yml"
    probes = [{"name": "app", "type": "scrape", "job": "healing-guard", "url": "http://127.0.0.1:1/metrics"},
              {"name": "postgres", "type": "tcp", "address": "127.0.0.1:1"}]
    path.write_text(config(folder, receivers, probes, rules=DISASTER_RULES + DATABASE_RULE), encoding="utf-8")
    result = subprocess.run([drwatch.program, "check", "config", path], capture_output=True, text=True, timeout=20, check=True)
    assert 'rule "DatabaseClusterDown": no series matches up{job="postgres"}' in result.stderr
    assert result.stderr.count("no series matches") == 1, "what is scraped is there"


def test_the_plans_rules_on_a_scraped_service(folder, drwatch, receivers):
    application = Application()
    drwatch.start(config(folder, receivers, [
        {"name": "app", "type": "scrape", "job": "healing-guard",
         "url": f"http://127.0.0.1:{application.port}/metrics"}], rules=DISASTER_RULES))
    try:
        assert drwatch.value('up{job="healing-guard"}') == 1
        assert f"127.0.0.1:{application.port}" in str(drwatch.query('up{job="healing-guard"}'))
        assert drwatch.value('http_requests_total{status="200"}') == 10
        assert "\nhttp_requests_total" not in drwatch.metrics(), "foreign samples are not exposed again"
        application.step = 5
        page = expect_page(receivers, "SystemFailureErrorRate", wait_until)
        assert page.body["payload"]["severity"] == "critical"
    finally:
        application.close()
    expect_page(receivers, "ServiceCompletelyDown", wait_until)
    wait_until(lambda: drwatch.value('http_requests_total{status="200"}') is None, what="stale after the target is gone")
