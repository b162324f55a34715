"""Who is told next while nobody reacts, by when, and how somebody says that they react."""

import html
import json
import re
import stat
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from configs import ROUTING_KEY
from drwatch import PROGRAM
from servers import wait_until
from test_web_config import PASSWORD, Authority, bcrypt

RULES = """
groups:
- name: test
  rules:
  - alert: TestDown
    expr: probe_success{probe="api"} == 0
    labels: {severity: critical}
    annotations: {summary: 'api is down'}
  - alert: NotificationDeadlineMissed
    expr: (drwatch_notification_deadline_missed_total unless drwatch_notification_deadline_missed_total offset 1h) > 0
    labels: {severity: none}
"""


def text(folder, receivers, nginx, steps, extra=""):
    (folder / "test.rules.yml").write_text(RULES, encoding="utf-8")
    return f"""
global: {{probe_interval: 300ms, probe_timeout: 2s, evaluation_interval: 500ms, external_labels: {{site: a}}}}
storage: {{path: '{folder}/state'}}
probes:
- {{name: api, type: http, url: '{nginx.url("/health")}'}}
builtin_rules: false
rule_files: ['{folder}/test.rules.yml']
route: {{receiver: on-call, group_wait: 0s, group_interval: 1s, repeat_interval: 4h, escalation: p1}}
receivers:
- name: on-call
  pagerduty_configs: [{{routing_key: {ROUTING_KEY}, url: '{receivers.pagerduty_url}'}}]
- {{name: team, slack_configs: [{{api_url: '{receivers.slack_url}'}}]}}
- {{name: cto, webhook_configs: [{{url: '{receivers.url("/webhook/cto")}'}}]}}
- {{name: spare, webhook_configs: [{{url: '{receivers.url("/webhook/spare")}'}}]}}
escalation_policies:
- name: p1
  steps:
{steps}
{extra}
"""


STEPS = """  - {after: 1s, receivers: [team]}
  - {after: 3s, within: 60s, unless: acknowledged, receivers: [cto]}"""


def break_it(nginx):
    nginx.set("/health", 503, "{}")


def repair(nginx):
    nginx.set("/health", 200, "{}")


def at(receivers, path):
    """Documents that arrived at /webhook/PATH."""
    return [r for r in receivers.accepted("webhook") if r.path == f"/webhook/{path}"]


def slack(receivers):
    return [r.body["text"] for r in receivers.accepted("slack")]


def request(url, form=None, headers=None, method=None):
    """(status, headers, text)"""
    data = urllib.parse.urlencode(form).encode() if isinstance(form, dict) else form
    asked = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def local(drwatch, link):
    """The link, whatever name of this machine it has."""
    parts = urllib.parse.urlsplit(link)
    assert parts.path == "/acknowledge"
    return f"{drwatch.url()}/acknowledge?{parts.query}"


def page_link(receivers):
    page = wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")[0]
    return next(link["href"] for link in page.body["links"] if link["text"] == "Acknowledge")


def ack(drwatch, *words, code=0):
    done = subprocess.run([PROGRAM, "ack", f"--url={drwatch.url()}", *words], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def acknowledged(drwatch):
    return drwatch.api("/api/dr/acknowledge")["acknowledged"]


def test_one_after_the_other_until_somebody_reacts(folder, drwatch, receivers, nginx):
    drwatch.start(text(folder, receivers, nginx, STEPS + "\n  - {after: 8s, unless: acknowledged, receivers: [spare]}"))
    break_it(nginx)
    wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")
    assert not slack(receivers)
    wait_until(lambda: slack(receivers), what="team")
    assert not at(receivers, "cto")
    told = wait_until(lambda: at(receivers, "cto"), what="cto")[0]
    assert told.body["note"] == ('Escalation "p1", step 2 of 3: 3s after it began to fire, unless it is acknowledged.')
    said = ack(drwatch, "alertname=TestDown", "--by=ann", "--comment=on it")
    assert said.startswith("1 acknowledged until ")
    wait_until(lambda: receivers.pages("acknowledge"), what="PagerDuty knows")
    assert 'by "ann"' in ack(drwatch) and "alertname=\"TestDown\"" in ack(drwatch)
    time.sleep(7)
    assert not at(receivers, "spare"), "nobody else is told"
    alert = json.loads(drwatch.get("/api/v2/alerts")[1])[0]
    assert alert["annotations"]["acknowledged"].startswith("by ann at ")
    assert set(alert) == {"labels", "annotations", "receivers", "fingerprint", "startsAt", "updatedAt", "endsAt",
                          "generatorURL", "status"}, "Alertmanager's schema"
    assert "Acknowledged by ann at " in drwatch.get("/")[1]
    for words in (["config", "show"], ["alert", "query"]):
        subprocess.run(["amtool", f"--alertmanager.url={drwatch.url()}", *words], check=True, capture_output=True)
    repair(nginx)
    wait_until(lambda: receivers.pages("resolve"), what="PagerDuty's end")
    wait_until(lambda: slack(receivers)[-1].startswith("[RESOLVED]"), what="the team's end")
    end = wait_until(lambda: at(receivers, "cto")[-1].body["status"] == "resolved" and at(receivers, "cto")[-1],
                     what="the cto's end")
    assert end.body["alerts"][0]["annotations"]["acknowledged"].startswith("by ann at ")
    assert len(receivers.pages("acknowledge")) == 1
    assert not receivers.open_incidents()


def test_an_acknowledgement_that_expires_or_is_withdrawn_escalates_again(folder, drwatch, receivers, nginx):
    drwatch.start(text(folder, receivers, nginx, STEPS))
    break_it(nginx)
    wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")
    ack(drwatch, "alertname=TestDown", "--by=ann", "--duration=4s")
    time.sleep(3.5)
    assert not at(receivers, "cto")
    wait_until(lambda: not acknowledged(drwatch), what="it expires")
    wait_until(lambda: at(receivers, "cto"), what="cto")
    repair(nginx)
    wait_until(lambda: at(receivers, "cto")[-1].body["status"] == "resolved", what="end")
    receivers.requests.clear()
    break_it(nginx)
    wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")
    ack(drwatch, "alertname=TestDown", "--by=ann")
    assert "withdrawn" not in ack(drwatch, "alertname=TestDown", "--withdraw")
    assert "none of these alerts is acknowledged" in ack(drwatch, "alertname=TestDown", "--withdraw", code=1)
    wait_until(lambda: at(receivers, "cto"), what="cto")


def test_a_link_is_good_for_one_use_and_previews_do_nothing(folder, drwatch, receivers, nginx):
    drwatch.start(text(folder, receivers, nginx, STEPS))
    break_it(nginx)
    link = local(drwatch, page_link(receivers))
    for method in ("GET", "HEAD", "GET"):
        status, headers, page = request(link, method=method)
        assert status == 200
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert "api is down" in page and '<form method="post">' in page
    assert not acknowledged(drwatch), "looking at it changes nothing"
    status, _, said = request(link, {"by": "<b>bob</b>", "comment": "here", "duration": "2h"})
    assert status == 200 and "1 alert, by &lt;b&gt;bob&lt;/b&gt; until " in said
    (known,) = acknowledged(drwatch)
    assert known["by"] == "<b>bob</b>" and known["comment"] == "here" and known["labels"]["site"] == "a"
    assert "<b>bob" not in drwatch.get("/")[1]
    for form in (None, {"by": "eve"}):
        status, _, said = request(link, form)
        assert status == 410 and "used already" in html.unescape(said)
    drwatch.kill()
    drwatch.start()
    assert request(link, {"by": "eve"})[0] == 410, "also after a crash"
    assert acknowledged(drwatch)[0]["by"] == "<b>bob</b>"


def test_a_link_cannot_be_forged(folder, drwatch, receivers, nginx):
    drwatch.start(text(folder, receivers, nginx, STEPS))
    key = folder / "state/acknowledge.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = key.read_text().strip()
    assert re.fullmatch("[0-9a-f]{64}", secret)
    break_it(nginx)
    link = local(drwatch, page_link(receivers))
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["token"][0]
    parts = token.split(".")
    later = ".".join([*parts[:3], str(int(parts[3]) + 3600), *parts[4:]])
    other = ".".join([parts[0], "g" + "0" * 16, *parts[2:]])
    for wrong in (later, other, token[:-1] + ("0" if token[-1] != "0" else "1"), token[:-1], "", "x" * 5000, "....."):
        for form in (None, {"by": "eve"}):
            status, _, _ = request(f"{drwatch.url()}/acknowledge?token={urllib.parse.quote(wrong)}", form)
            assert status in (403, 404), wrong
    assert not acknowledged(drwatch)
    # The link is made by the key alone: without it, and with another one, it is worth nothing.
    drwatch.kill()
    key.unlink()
    drwatch.start()
    wait_until(lambda: "TestDown" in drwatch.firing(), what="firing")
    assert request(link, {"by": "eve"})[0] == 403
    assert secret not in drwatch.log_text()
    for path in ("/", "/api/v1/status/config", "/api/v2/status", "/metrics", "/api/dr/escalations"):
        assert key.read_text().strip() not in drwatch.get(path)[1]


def test_the_button_of_the_status_page(folder, drwatch, receivers, nginx):
    drwatch.start(text(folder, receivers, nginx, STEPS))
    break_it(nginx)
    wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")
    button = re.search(r'href="(acknowledge\?fingerprint=[0-9a-f]{16})"', drwatch.get("/")[1])
    assert button
    url = f"{drwatch.url()}/{button.group(1)}"
    wait_until(lambda: "cto in " in drwatch.get("/")[1], what="who is next")
    assert request(url)[0] == 200 and not acknowledged(drwatch)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert request(url, {"by": "eve"}, headers)[0] == 403
        body = json.dumps({"matchers": ["alertname=TestDown"], "by": "eve"}).encode()
        assert request(f"{drwatch.url()}/api/dr/acknowledge", body, headers)[0] == 403
    assert not acknowledged(drwatch)
    assert request(url, {"by": "ann"}, {"Sec-Fetch-Site": "same-origin"})[0] == 200
    assert acknowledged(drwatch)[0]["by"] == "ann"
    assert request(f"{drwatch.url()}/acknowledge?fingerprint=0123456789abcdef")[0] == 404
    assert request(f"{drwatch.url()}/acknowledge")[0] == 404


def test_wrong_requests_change_nothing(folder, drwatch, receivers, nginx):
    drwatch.start(text(folder, receivers, nginx, STEPS))
    break_it(nginx)
    wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")
    url = f"{drwatch.url()}/api/dr/acknowledge"
    good = {"matchers": ["alertname=TestDown"], "by": "ann"}
    for change, status in (({"by": ""}, 400), ({"by": 7}, 400), ({"matchers": "x"}, 400), ({"matchers": [1]}, 400),
                           ({"matchers": ["=~"]}, 400), ({"duration": "x"}, 400), ({"duration": "0s"}, 400),
                           ({"duration": "8d"}, 400), ({"duration": "300000y"}, 400), ({"until": "x"}, 400),
                           ({"until": "2001-01-01T00:00:00Z"}, 400), ({"duration": "1h", "until": "2030-01-01T00:00:00Z"}, 400),
                           ({"matchers": ["alertname=Other"]}, 404), ({"matchers": []}, 404), ({"nonsense": "1"}, 400)):
        got, _, said = request(url, json.dumps({**good, **change}).encode())
        assert got == status, f"{change}: {got} {said}"
        assert json.loads(said)["status"] == "error"
    for body in (b"", b"[", b"[]", b"null", b"[" * 100_000, b'{"by":' * 50):
        assert request(url, body)[0] == 400
    assert request(url, b"{}", method="PUT")[0] == 405
    assert request(f"{drwatch.url()}/api/dr/escalations", b"{}")[0] == 405
    assert not acknowledged(drwatch)
    assert "404: no such alert is firing" in ack(drwatch, "alertname=Other", code=1)
    assert "cannot ask" in subprocess.run([PROGRAM, "ack", "--url=http://127.0.0.1:1"], capture_output=True, text=True,
                                          check=False).stderr


def test_users_sign_in_first(folder, drwatch, receivers, nginx):
    authority = Authority(folder, "authority")
    cert, key = authority.issue("server")
    (folder / "web.yml").write_text(f"tls_server_config: {{cert_file: {cert.name}, key_file: {key.name}}}\n"
                                    f"basic_auth_users: {{ann: '{bcrypt(PASSWORD)}'}}\n", encoding="utf-8")
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    drwatch.start(text(folder, receivers, nginx, STEPS), wait=None, options=[f"--web.config.file={folder}/web.yml"])
    drwatch.port = wait_until(lambda: drwatch.find_port(0), what="drwatch listening")
    wait_until(lambda: drwatch.process.poll() is None and "msg=listening" in drwatch.log_text(), what="start")
    time.sleep(1)
    break_it(nginx)
    wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")
    words = [PROGRAM, "ack", f"--url=https://localhost:{drwatch.port}", f"--ca-file={authority.cert}"]

    def run(*more):
        done = subprocess.run([*words, *more], capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr

    assert run("alertname=TestDown")[0] == 1 and "answers 401" in run("alertname=TestDown")[1]
    signed_in = ["--user=ann", f"--password-file={folder}/password"]
    assert "1 acknowledged until" in run("alertname=TestDown", *signed_in)[1]
    assert 'by "ann"' in run(*signed_in)[1]
    code, said = run("alertname=TestDown", "--user=ann", f"--password-file={folder}/nowhere")
    assert code == 1 and "nowhere" in said
    assert PASSWORD not in run("alertname=Other", *signed_in)[1]


def test_a_missed_deadline_is_counted_and_somebody_else_told(folder, drwatch, receivers, nginx):
    steps = "  - {after: 1s, within: 3s, receivers: [cto]}"
    drwatch.start(text(folder, receivers, nginx, steps, extra="fallback_receiver: spare"))
    receivers.script = [lambda kind, body: 500 if kind == "webhook" and body["receiver"] == "cto" else None] * 1000
    break_it(nginx)
    told = wait_until(lambda: at(receivers, "spare"), what="fallback")[0]
    assert "was to be told within 3s" in told.body["note"] and '"cto"' in told.body["note"]
    series = 'drwatch_notification_deadline_missed_total{receiver="cto",severity="critical"}'
    wait_until(lambda: drwatch.value(series) == 1, what="counted")
    wait_until(lambda: "NotificationDeadlineMissed" in drwatch.firing(), what="the alert about it")
    assert drwatch.value('drwatch_notification_deadline_missed_total{receiver="cto",severity="warning"}') == 0


def test_what_was_due_while_it_was_down_is_done_at_the_start(folder, drwatch, receivers, nginx):
    steps = "  - {after: 3s, within: 4s, receivers: [cto]}\n  - {after: 60s, receivers: [spare]}"
    drwatch.start(text(folder, receivers, nginx, steps))
    break_it(nginx)
    page = wait_until(lambda: receivers.pages("trigger", "TestDown"), what="page")[0]
    drwatch.kill()
    time.sleep(max(0, page.time + 5 - time.time()))
    assert not at(receivers, "cto")
    drwatch.start()
    wait_until(lambda: at(receivers, "cto"), timeout=5, what="cto, late")
    series = 'drwatch_notification_deadline_missed_total{receiver="cto",severity="critical"}'
    wait_until(lambda: drwatch.value(series) == 1, what="counted as missed")
    wait_until(lambda: "NotificationDeadlineMissed" in drwatch.firing(), what="the alert about it")

    def goes_on():
        (group,) = drwatch.api("/api/dr/escalations")["escalations"]
        assert group["state"] == "running" and [step["times"] for step in group["steps"]] == [1, 0]
        return group["steps"][1]["due"] is not None
    wait_until(goes_on, what="the second step is due")
    repair(nginx)
    wait_until(lambda: at(receivers, "cto")[-1].body["status"] == "resolved", what="end")
    assert len([r for r in at(receivers, "cto") if r.body["status"] == "firing"]) == 1
    assert not at(receivers, "spare")


def test_a_silence_stops_the_clock(folder, drwatch, receivers, nginx):
    drwatch.start(text(folder, receivers, nginx, STEPS))
    break_it(nginx)
    wait_until(lambda: slack(receivers), what="team")
    silenced = json.dumps({"matchers": [{"name": "alertname", "value": "TestDown", "isRegex": False}],
                           "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "ann",
                           "comment": "c"}).encode()
    status, _, said = request(f"{drwatch.url()}/api/v2/silences", silenced, {"Content-Type": "application/json"})
    assert status == 200, said
    (group,) = drwatch.api("/api/dr/escalations")["escalations"]
    assert group["state"] == "held" and group["steps"][1]["due"] is None
    time.sleep(4)
    assert not at(receivers, "cto")
    assert request(f"{drwatch.url()}/api/v2/silence/{json.loads(said)['silenceID']}", method="DELETE")[0] == 200
    wait_until(lambda: at(receivers, "cto"), what="cto")


def test_the_timeline_is_printed_and_errors_have_a_place(folder, receivers, nginx):
    config = folder / "c.yml"
    config.write_text(text(folder, receivers, nginx, STEPS), encoding="utf-8")
    done = subprocess.run([PROGRAM, "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "      after 3s, within 1m, unless acknowledged: cto (webhook), updates every 4h\n" in done.stdout
    config.write_text(text(folder, receivers, nginx, STEPS.replace("[cto]", "[cot]")), encoding="utf-8")
    done = subprocess.run([PROGRAM, "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r'c\.yml:\d+:\d+: unknown receiver "cot"\n\s+hint: did you mean "cto"\?', done.stderr)
