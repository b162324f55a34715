"""E-mail through a real SMTP server: pages, resolves in their thread, TLS as asked for, servers that behave badly."""

import json
import time
import urllib.request

import pytest
from mail import PASSWORD, USER, BadServer, Certificates, MailServer
from servers import wait_until


@pytest.fixture
def certificates(folder):
    return Certificates(folder / "certificates")


def config(folder, receivers, smarthost, *, email="", extra=""):
    """Mail to the team, and a webhook as the fallback."""
    return f"""
global: {{external_url: 'http://drwatch.example.com', smtp_smarthost: '{smarthost}', smtp_from: 'drwatch <drwatch@example.com>'}}
storage: {{path: '{folder}/state'}}
builtin_rules: false
route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
fallback_receiver: fallback
receivers:
- name: team
  email_configs:
  - {{to: 'team@example.com, Jane Roe <jane@example.com>', send_resolved: true, {email}}}
- name: fallback
  webhook_configs: [{{url: '{receivers.url("/webhook/fallback")}'}}]
{extra}
"""


def post(drwatch, name="BackupFailed", ends=None, **annotations):
    alert = {"labels": {"alertname": name, "severity": "critical"},
             "annotations": {"summary": "Backup nächtlich fehlt", "action": "re-run it", **annotations}}
    if ends is not None:
        alert["endsAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
    request = urllib.request.Request(drwatch.url() + "/api/v2/alerts", json.dumps([alert]).encode(),
                                     {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request, timeout=5).status == 200


def failures(drwatch, reason):
    """How many attempts by e-mail failed for this reason."""
    for line in drwatch.metrics().splitlines():
        if line.startswith("drwatch_notifications_failed_total{") and 'integration="email"' in line and f'"{reason}"' in line:
            return float(line.rsplit(" ", 1)[1])
    return 0


def told_fallback(receivers):
    return [request.body for request in receivers.accepted("webhook")]


def test_page_and_resolve_in_one_thread(folder, drwatch, receivers, keep, certificates):
    server = keep(MailServer(certificates, "starttls", login=True))
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    drwatch.start(config(folder, receivers, server.smarthost, email=f"""auth_username: {USER}, auth_password_file: '{secret}',
      tls_config: {{ca_file: '{certificates.ca}'}}, headers: {{X-Team: '{{{{ .Receiver }}}}'}}"""))
    post(drwatch, runbook_url="https://example.com/runbook")
    page = wait_until(lambda: server.mails, what="page")[0]
    assert page.tls and page.sender == "drwatch@example.com"
    assert page.recipients == ["team@example.com", "jane@example.com"]
    assert page.header("Subject") == "[FIRING:1] BackupFailed: Backup nächtlich fehlt"
    assert page.header("From") == "drwatch <drwatch@example.com>" and page.header("X-Team") == "team"
    assert page.header("Auto-Submitted") == "auto-generated"
    assert "re-run it" in page.body() and "https://example.com/runbook" in page.body()
    assert '<a href="https://example.com/runbook">' in page.body("html")
    drwatch.kill()  # the resolve finds its thread across a crash, and with the password's file
    drwatch.start()
    post(drwatch, ends=time.time() - 1)
    resolve = wait_until(lambda: [mail for mail in server.mails if mail.header("Subject").startswith("[RESOLVED]")],
                         what="resolve")[0]
    for again in server.mails[1:-1]:  # the kill may have come before the page was noted as delivered
        assert again.header("Message-ID") == page.header("Message-ID")
    assert resolve.header("References") == page.header("References") == page.header("In-Reply-To")
    assert resolve.header("Message-ID") != page.header("Message-ID")
    assert not told_fallback(receivers) and not server.lines_too_long
    assert PASSWORD not in drwatch.log_text()


def test_implicit_tls(folder, drwatch, receivers, keep, certificates):
    server = keep(MailServer(certificates, "tls"))
    drwatch.start(config(folder, receivers, server.smarthost,
                         email=f"force_implicit_tls: true, tls_config: {{ca_file: '{certificates.ca}'}}"))
    post(drwatch)
    wait_until(lambda: server.mails, what="page")


def test_no_mail_without_the_tls_that_was_asked_for(folder, drwatch, receivers, keep):
    server = keep(MailServer())
    drwatch.start(config(folder, receivers, server.smarthost))
    post(drwatch)
    told = wait_until(lambda: told_fallback(receivers), what="fallback")[0]
    assert "STARTTLS" in told["note"] and not server.mails
    drwatch.config.write_text(drwatch.config.read_text().replace("send_resolved: true", "send_resolved: true, require_tls: false"))
    drwatch.stop()
    drwatch.start()
    wait_until(lambda: server.mails, what="mail without TLS, as the file now says")


def test_wrong_authority(folder, drwatch, receivers, keep, certificates):
    server = keep(MailServer(certificates, "starttls"))
    drwatch.start(config(folder, receivers, server.smarthost))
    post(drwatch)
    told = wait_until(lambda: told_fallback(receivers), what="fallback")[0]
    assert "tls:" in told["note"] and not server.mails


def test_wrong_password(folder, drwatch, receivers, keep, certificates):
    server = keep(MailServer(certificates, "starttls", login=True))
    wrong = "wrong-" + PASSWORD
    drwatch.start(config(folder, receivers, server.smarthost, email=f"""auth_username: {USER}, auth_password: {wrong},
      tls_config: {{ca_file: '{certificates.ca}'}}"""))
    post(drwatch)
    told = wait_until(lambda: told_fallback(receivers), what="fallback")[0]
    assert "auth: AUTH: 535" in told["note"] and not server.mails
    wait_until(lambda: failures(drwatch, "auth") == 1, what="counted")
    for text in (drwatch.log_text(), drwatch.get("/")[1], drwatch.get("/api/v2/status")[1], json.dumps(told)):
        assert wrong not in text


@pytest.mark.parametrize("behaviour", ["hang", "drip", "busy"])
def test_bad_server_delays_nobody_and_loses_nothing(folder, drwatch, receivers, keep, behaviour):
    bad = keep(BadServer(getattr(BadServer, behaviour)))
    beside = f"webhook_configs: [{{url: '{receivers.url('/webhook/beside')}'}}]\n  email_configs:"
    drwatch.start(config(folder, receivers, bad.smarthost).replace("email_configs:", beside))
    post(drwatch)
    wait_until(lambda: told_fallback(receivers), timeout=3, what="the webhook beside is not held up")
    wait_until(lambda: bad.connections > 0, what="attempt")
    asked = time.monotonic()
    drwatch.stop()
    assert time.monotonic() - asked < 14, "a stop breaks attempts off"
    server = keep(MailServer())
    text = drwatch.config.read_text().replace("send_resolved: true", "send_resolved: true, require_tls: false")
    drwatch.config.write_text(text.replace(bad.smarthost, server.smarthost))
    drwatch.start()
    wait_until(lambda: server.mails, what="mail at last")


def test_temporary_and_final_refusals(folder, drwatch, receivers, keep):
    server = keep(MailServer())
    server.script = ["451 4.3.0 try again", "552 5.3.4 too large", None]
    drwatch.start(config(folder, receivers, server.smarthost, email="require_tls: false, text: 'a text of our own'"))
    post(drwatch)
    mail = wait_until(lambda: server.mails, what="mail")[0]
    assert "BackupFailed" in mail.body() and "a text of our own" not in mail.body(), "the minimal form"
    assert failures(drwatch, "server_error") == failures(drwatch, "client_error") == 1


def test_a_refused_recipient_is_told_and_the_others_have_it(folder, drwatch, receivers, keep):
    server = keep(MailServer())
    server.refuse = {"jane@example.com": "550 5.1.1 no such user"}
    drwatch.start(config(folder, receivers, server.smarthost, email="require_tls: false"))
    post(drwatch)
    assert wait_until(lambda: server.mails, what="mail")[0].recipients == ["team@example.com"]
    wait_until(lambda: "jane@example.com: 550 5.1.1 no such user" in drwatch.log_text(), what="told in the log")
    server.refuse["team@example.com"] = "550 5.1.1 no such user"
    post(drwatch, "Other")
    wait_until(lambda: told_fallback(receivers), what="fallback, when nobody has it")


def test_hostile_labels_stay_texts(folder, drwatch, receivers, keep):
    server = keep(MailServer())
    drwatch.start(config(folder, receivers, server.smarthost,
                         email="require_tls: false, headers: {X-Summary: '{{ .CommonAnnotations.summary }}'}"))
    evil = "x\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT\r\n" + "\u202e\U0001f525 <script>" + "y" * 3000
    post(drwatch, summary=evil, description=".\n..\nMAIL FROM:<evil@example.com>")
    mail = wait_until(lambda: server.mails, what="mail")[0]
    assert mail.recipients == ["team@example.com", "jane@example.com"]
    assert mail.header("Bcc") is None and "\n" not in str(mail.header("X-Summary"))
    assert "\n.\n" not in mail.raw.decode() and "MAIL FROM:<evil@example.com>" in mail.body()
    assert "<script>" not in mail.body("html") and not server.lines_too_long
