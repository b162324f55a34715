"""The fault list of docs/delivery.md: what a receiver, or the way to it, does wrong (6-12, 20, 26, 32)."""

import contextlib
import http.server
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest
from configs import ROUTING_KEY, expect_page
from drwatch import Drwatch
from faults import (Always, Api, NameServer, Once, attempts, expect_closed, failures, in_own_mounts, metric, only_incident, post, posting,
                    slack_texts)
from servers import wait_until

FALLBACK = """
- name: spare
  webhook_configs: [{{url: '{url}'}}]
fallback_receiver: spare
"""


def fallback(receivers):
    return FALLBACK.format(url=receivers.url("/webhook/spare"))


def test_fault_06_receiver_fails_for_a_while(folder, drwatch, receivers):
    """Delivered once soon after it works again; nobody else waits. Ten minutes of it: LedgerTest.BacksOffAndDeliversSoonAfterRecovery."""
    drwatch.start(posting(folder, receivers))
    end = time.time() + 6
    receivers.script = Always(lambda kind, body: 500 if kind == "pagerduty" and time.time() < end else None)
    begin = time.time()
    post(drwatch, "Fire")
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    assert receivers.accepted("slack")[0].time - begin < 2
    page = expect_page(receivers, "Fire", wait_until)
    assert page.time - end < 9, "the pause at that time is at most 8 s"
    assert 3 <= len(attempts(receivers, "pagerduty")) <= 8
    assert failures(drwatch, integration="pagerduty", reason="server_error") >= 2
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)
    assert len(receivers.pages("trigger")) == 1


@pytest.mark.parametrize("kind", ["pagerduty", "slack"])
def test_fault_07_receiver_asks_for_a_pause(folder, drwatch, receivers, kind):
    """429 with Retry-After."""
    drwatch.start(posting(folder, receivers))
    once = receivers.script = Once(kind, (429, {"Retry-After": "4"}))
    post(drwatch, "Fire")
    message = wait_until(lambda: receivers.accepted(kind), what=kind)[0]
    assert 3.9 <= message.time - once.time < 8
    assert len(attempts(receivers, kind)) == 2


def test_fault_08_event_refused(folder, drwatch, receivers):
    """400: the minimal form once, then it is given up, and the fallback receiver is told."""
    drwatch.start(posting(folder, receivers, extra=fallback(receivers)))
    receivers.script = Always(lambda kind, body: 400 if kind == "pagerduty" else None)
    begin = time.time()
    post(drwatch, "Fire")
    message = wait_until(lambda: receivers.accepted("webhook"), what="fallback")[0]
    assert message.time - begin < 60
    assert "Fire" in str(message.body) and "Not delivered to receiver" in message.body["note"]
    wait_until(lambda: metric(drwatch, "drwatch_dead_letters_total") == 1, what="counted")
    time.sleep(3)
    refused = attempts(receivers, "pagerduty")
    assert len(refused) == 2 and "custom_details" not in refused[1].body["payload"], "once whole, once in minimal form"
    post(drwatch, "Fire", end=True)
    wait_until(lambda: receivers.accepted("webhook")[-1].body["status"] == "resolved", what="the fallback is told of the end")
    assert len(attempts(receivers, "pagerduty")) == 2, "of nothing known there is no end"


@pytest.mark.parametrize("status, reason", [(401, "auth"), (403, "auth"), (404, "not_found"), (410, "not_found")])
def test_fault_09_receiver_refuses_us(folder, drwatch, receivers, status, reason):
    """A revoked or wrong webhook: given up at once, and the fallback receiver is told."""
    drwatch.start(posting(folder, receivers, extra=fallback(receivers)))
    receivers.script = Always(lambda kind, body: status if kind == "slack" else None)
    post(drwatch, "Fire")
    wait_until(lambda: receivers.accepted("webhook"), what="fallback")
    expect_page(receivers, "Fire", wait_until)
    time.sleep(2)
    assert len(attempts(receivers, "slack")) == 1, "it does not go away by trying"
    assert failures(drwatch, integration="slack", reason=reason) == 1
    assert "secretsecretsecret" not in drwatch.log_text() + drwatch.metrics() + drwatch.get("/")[1]


@pytest.mark.parametrize("mode", ["nxdomain", "servfail", "hang"])
def test_fault_10_no_name(folder, drwatch, receivers, keep, mode):
    """The name of one receiver is not found: rules are evaluated on time, others are told, delivered once the name is back."""
    names = keep(NameServer(mode))
    (folder / "resolv.conf").write_text(f"nameserver {names.address}\noptions timeout:1 attempts:1\n", encoding="ascii")
    in_own_mounts(drwatch, f"mount --bind {folder}/resolv.conf /etc/resolv.conf")
    api = Api(folder, drwatch, receivers, keep)
    drwatch.start(api.text().replace("evaluation_interval: 500ms", "evaluation_interval: 1s").replace(
        receivers.pagerduty_url, f"http://pager.drwatch.test:{receivers.port}/v2/enqueue"))
    api.break_it()
    wait_until(lambda: receivers.accepted("slack"), timeout=8, what="slack is told meanwhile")
    wait_until(lambda: names.queries > 0, what="the name is asked for")
    time.sleep(2)
    assert not attempts(receivers, "pagerduty")
    assert metric(drwatch, "drwatch_rule_group_iterations_missed_total") == 0
    names.mode = "answer"
    expect_page(receivers, "TestDown", wait_until, timeout=40)
    assert failures(drwatch, integration="pagerduty") >= (mode != "hang"), "one that hangs may be asked again in the same attempt"
    api.repair()
    expect_closed(receivers)


def threads(drwatch):
    return len(os.listdir(f"/proc/{drwatch.process.pid}/task"))


@pytest.mark.parametrize("behaviour", ["hang", "drip", "reset"])
def test_fault_11_receiver_hangs(folder, drwatch, receivers, behaviour):
    """The attempt ends after 10 s at the latest, nobody else waits, and the incident is the same."""
    drwatch.start(posting(folder, receivers))
    post(drwatch, "Before")
    expect_page(receivers, "Before", wait_until)
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    before = threads(drwatch)
    once = receivers.script = Once("pagerduty", behaviour)
    post(drwatch, "Fire")
    wait_until(lambda: slack_texts(receivers, "Fire"), timeout=3, what="slack is told meanwhile")
    wait_until(lambda: len([r for r in attempts(receivers, "pagerduty") if "Fire" in str(r.body)]) == 2, timeout=30, what="again")
    again = attempts(receivers, "pagerduty")[-1]
    assert again.time - once.time < 14
    first = [r for r in attempts(receivers, "pagerduty") if "Fire" in str(r.body)]
    assert len({r.body["dedup_key"] for r in first}) == 1
    wait_until(lambda: metric(drwatch, "drwatch_outbox_depth") == 0, what="all told")
    wait_until(lambda: threads(drwatch) <= before + 1, what="no thread is left behind")


def test_fault_11_packets_vanish(folder, drwatch, receivers):
    """Nobody answers the connection: a listener whose queue is full drops what comes."""
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        url = f"http://127.0.0.1:{hole.getsockname()[1]}/hook"
        drwatch.start(posting(folder, receivers, integrations=f"""  webhook_configs: [{{url: '{url}'}}]
  slack_configs: [{{api_url: '{receivers.slack_url}'}}]
"""))
        post(drwatch, "Fire")
        wait_until(lambda: receivers.accepted("slack"), timeout=3, what="slack is told meanwhile")
        wait_until(lambda: failures(drwatch, integration="webhook", reason="timeout") == 1, timeout=20, what="the attempt ended")
        for _ in range(3):
            post(drwatch, "Fire")
        assert threads(drwatch) < 60


class Tls:
    """An HTTPS server with a certificate of our own authority, which may be wrong."""

    def __init__(self, folder, days="30", name="localhost"):
        self.bodies = []
        owner = self

        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem",
                "-days", "30")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", "key.pem", "-out", "request.pem")
        (folder / "names").write_text(f"subjectAltName=DNS:{name}\n", encoding="ascii")
        openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cert.pem",
                "-days", days, "-extfile", "names")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                owner.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *unused: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}/hook"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("flaw, reason", [("none", None), ("expired", "certificate_expired"), ("other host", "tls"), ("unknown", "tls")])
def test_fault_12_certificate(folder, drwatch, receivers, keep, flaw, reason):
    """A certificate that proves nothing: nothing is sent, and the fallback receiver is told at once."""
    tls = keep(Tls(folder, days="-1" if flaw == "expired" else "30", name="elsewhere.test" if flaw == "other host" else "localhost"))
    drwatch.start(posting(folder, receivers, integrations=f"  webhook_configs: [{{url: '{tls.url}'}}]\n", extra=fallback(receivers)),
                  env={} if flaw == "unknown" else {"SSL_CERT_FILE": str(folder / "ca.pem")})
    post(drwatch, "Fire")
    if reason is None:
        wait_until(lambda: tls.bodies, what="the webhook told")
        return
    begin = time.time()
    message = wait_until(lambda: receivers.accepted("webhook"), what="fallback")[0]
    assert message.time - begin < 5
    wait_until(lambda: failures(drwatch, integration="webhook", reason=reason) >= 1, what="counted")
    assert not tls.bodies


def test_fault_20_a_pair_of_programs(folder, drwatch, receivers, keep):
    """Two with the same configuration and a state of their own: one incident, at most one message more in a chat."""
    second = keep(Drwatch(folder / "second"))
    drwatch.start(posting(folder, receivers))
    second.start(posting(folder, receivers).replace(f"{folder}/state", f"{folder}/state2"))
    for program in (drwatch, second):
        post(program, "Fire")
    wait_until(lambda: len(receivers.pages("trigger")) == 2 and len(receivers.accepted("slack")) == 2, what="both told")
    only_incident(receivers)
    drwatch.kill()
    post(second, "Fire", end=True)
    wait_until(lambda: receivers.pages("resolve") and not receivers.open_incidents(), what="one of them ends it")
    assert len(slack_texts(receivers, "FIRING")) == 2


def test_fault_26_a_thousand_alerts_at_once(folder, drwatch, receivers):
    """The most severe first. Ten thousand: scripts/bench notify."""
    pagerduty = f"  pagerduty_configs: [{{routing_key: {ROUTING_KEY}, url: '{receivers.pagerduty_url}'}}]\n"
    drwatch.start(posting(folder, receivers, integrations=pagerduty, wait="1s"))
    limited = receivers.script = Once("pagerduty", (429, {"Retry-After": "2"}))
    words = ["info", "warning", "error", "critical"]
    alerts = [(f"Fire-{i}-", words[i % 4]) for i in range(1000)]
    for word in words:  # the least severe are the oldest
        post(drwatch, *[name for name, severity in alerts if severity == word], severity=word)
    wait_until(lambda: len(receivers.pages("trigger")) == 1000, timeout=120, what="all paged")
    order = [r.body["payload"]["severity"] for r in receivers.pages("trigger")]
    assert order == sorted(order, key=words.index, reverse=True)
    assert receivers.accepted("pagerduty")[0].time - limited.time >= 1.9, "its pause is kept"
    only = {r.body["dedup_key"] for r in receivers.pages("trigger")}
    assert len(only) == 1000, "each once"


@pytest.mark.parametrize("behaviour", ["hang", "reset"])
def test_fault_32_taken_and_never_answered(folder, drwatch, receivers, behaviour):
    """A status page, a ticket system: whoever opens something public for a notification knows the second one as the first."""
    drwatch.start(posting(folder, receivers, integrations=f"  webhook_configs: [{{url: '{receivers.url('/webhook/page')}'}}]\n"))
    receivers.script = Once("webhook", behaviour)
    post(drwatch, "Fire")
    wait_until(lambda: len(receivers.accepted("webhook")) == 2, timeout=30, what="again")
    first, again = receivers.accepted("webhook")
    assert first.headers["X-Idempotency-Key"] == again.headers["X-Idempotency-Key"]
    post(drwatch, "Fire", end=True)
    wait_until(lambda: len(receivers.accepted("webhook")) == 3, what="the end")
    end = receivers.accepted("webhook")[2]
    assert end.body["status"] == "resolved" and end.headers["X-Idempotency-Key"] != first.headers["X-Idempotency-Key"]
    assert end.body["groupKey"] == first.body["groupKey"]
