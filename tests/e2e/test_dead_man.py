"""The dead man's switch: called while all is well, and only then."""

import http.server
import os
import resource
import signal
import threading
import time
import urllib.error
import urllib.request

import pytest
from configs import config
from servers import Nginx, wait_until

SECRET_PATH = "/ping/4f1c2a77-secret-check"


class Switch:
    """A healthchecks.io that remembers when it was called."""

    def __init__(self):
        self.pings, self.status = [], 200
        switch = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                switch.pings.append((time.monotonic(), self.command, self.path))
                self.send_response(switch.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(b"OK")

            do_POST = do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}{SECRET_PATH}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def silent_for(self, seconds):
        count = len(self.pings)
        time.sleep(seconds)
        return len(self.pings) == count


@pytest.fixture
def switch():
    server = Switch()
    yield server
    server.stop()


@pytest.fixture
def running(folder, drwatch, receivers, keep, switch):
    nginx = keep(Nginx(folder / "nginx").start())
    nginx.set("/health", 200, "{}")
    text = config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                  extra="builtin_rules: false")
    (folder / "url").write_text(switch.url + "\n", encoding="utf-8")
    text = text.replace("global: {", f"global: {{deadman: {{url_file: '{folder}/url', interval: 1s, timeout: 2s}}, ")
    rules = folder / "r.yml"
    rules.write_text("groups: [{name: g, rules: [{alert: A, expr: vector(0) > 1}]}]\n", encoding="utf-8")
    drwatch.start(text + f"rule_files: ['{rules}']\n")
    return drwatch


def test_is_called_once_an_interval(running, switch):
    wait_until(lambda: len(switch.pings) >= 4, what="pings")
    assert {ping[1:] for ping in switch.pings} == {("GET", SECRET_PATH)}
    gaps = [after[0] - before[0] for before, after in zip(switch.pings, switch.pings[1:])]
    assert min(gaps) > 0.9, gaps
    wait_until(lambda: running.value("drwatch_deadman_failures_total") == 0, what="no failure counted")
    wait_until(lambda: time.time() - (running.value("drwatch_deadman_last_ping_timestamp_seconds") or 0) < 5, what="the last call told")
    assert "4f1c2a77" not in running.log_text() + running.metrics() + running.get("/api/v1/status/config")[1]


def test_is_not_called_while_the_state_is_not_on_disk(running, receivers, switch):
    wait_until(lambda: switch.pings, what="pings")
    pid = running.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    body = '[{"labels": {"alertname": "X"}}]'
    posted = urllib.request.Request(running.url() + "/api/v2/alerts", body.encode(), {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(posted, timeout=10)
    except urllib.error.HTTPError:
        pass
    wait_until(lambda: running.value("drwatch_state_writable") == 0, what="state not writable")
    time.sleep(1)
    assert switch.silent_for(3)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    count = len(switch.pings)
    wait_until(lambda: len(switch.pings) > count, what="pings again")


def test_is_not_called_by_a_program_that_hangs(running, switch):
    wait_until(lambda: switch.pings, what="pings")
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        assert switch.silent_for(3)
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    count = len(switch.pings)
    wait_until(lambda: len(switch.pings) > count, what="pings again")


def test_a_refused_call_is_counted_and_made_again(running, switch):
    wait_until(lambda: switch.pings, what="pings")
    last = running.value("drwatch_deadman_last_ping_timestamp_seconds")
    switch.status = 503
    wait_until(lambda: running.value("drwatch_deadman_failures_total") >= 2, what="failures")
    assert running.log_text().count("the dead man's switch cannot be told") == 1
    assert "4f1c2a77" not in running.log_text()
    switch.status = 200
    wait_until(lambda: running.value("drwatch_deadman_last_ping_timestamp_seconds") > last + 1, what="accepted again")


def test_a_reload_takes_it_away(folder, running, switch):
    wait_until(lambda: switch.pings, what="pings")
    text = running.config.read_text(encoding="utf-8")
    begin = text.index("deadman: {")
    running.config.write_text(text[:begin] + text[text.index("}, ", begin) + 3:], encoding="utf-8")
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in running.log_text(), what="reload")
    time.sleep(0.5)
    assert switch.silent_for(2.5)
    assert "drwatch_deadman" not in running.metrics()
