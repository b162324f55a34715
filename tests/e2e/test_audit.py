"""The audit log: what is written, by whom, that no change of it goes unseen, and the reports made from it."""

import hashlib
import json
import resource
import sqlite3
import subprocess
import urllib.error
import urllib.request

import pytest
from configs import config, expect_page, expect_resolve
from servers import Postgres, wait_until

RULES = """
groups:
- name: test
  rules:
  - alert: TestDown
    expr: probe_success{probe="api"} == 0
    labels: {severity: critical, service: shop}
    annotations: {summary: 'api is <b>down</b>'}
"""


@pytest.fixture
def running(folder, drwatch, receivers, nginx):
    backups = folder / "backups"
    backups.mkdir()
    (backups / "shop-1.sql.gz").write_bytes(subprocess.run(["gzip"], input=b"x" * 5000, capture_output=True,
                                                           check=True).stdout)
    drwatch.start(config(folder, receivers, [
        {"name": "api", "type": "http", "url": nginx.url("/health")},
        {"name": "nightly", "type": "backup", "service": "shop", "path": str(backups), "max_age": "26h"},
    ], rules=RULES, extra="builtin_rules: false"))
    return drwatch


def rows(drwatch, **parameters):
    return drwatch.api("/api/dr/audit", **{"limit": 10000, **parameters})["rows"]


def of_type(drwatch, kind):
    return [row for row in rows(drwatch) if row["event_type"] == kind]


def wait_for(drwatch, kind, count=1):
    return wait_until(lambda: (found := of_type(drwatch, kind)) and len(found) >= count and found,
                      what=f"{count} {kind} in the audit log")


def report(drwatch, *words, code=0):
    done = subprocess.run([drwatch.program, "report", f"--config.file={drwatch.config}", *words], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def post(drwatch, path, body=None, method="POST"):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(drwatch.url() + path, data, {"Content-Type": "application/json"},
                                                       method=method), timeout=20) as answer:
        return json.loads(answer.read() or b"null") if body is not None else answer.read()


def chain_holds(path):
    """The digests, computed by what docs/audit.md says alone."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    previous, count = "", 0
    for row in database.execute("SELECT id, event_type, event_description, initiated_by, timestamp, duration_minutes,"
                                " success, metrics, notes, digest FROM dr_audit_log ORDER BY id"):
        *fields, digest = row
        content = hashlib.sha256()
        for field in [previous, *fields]:
            if field is None:
                content.update(b"-;")
                continue
            if isinstance(field, float):
                field = f"{field:.6f}"
            text = str(field).encode()
            content.update(b"%d:%s;" % (len(text), text))
        if content.hexdigest() != digest:
            return False
        previous, count = digest, count + 1
    return count > 0


def test_an_incident_from_the_alert_to_its_end(folder, running, receivers, nginx):
    nginx.set("/health", 503, "{}")
    page = expect_page(receivers, "TestDown", wait_until)
    nginx.set("/health", 200, "{}")
    expect_resolve(receivers, page, wait_until)
    wait_for(running, "NOTIFICATION", 4)
    fired, resolved = wait_for(running, "ALERT_FIRING")[0], wait_for(running, "ALERT_RESOLVED")[0]
    assert fired["metrics"]["labels"]["alertname"] == "TestDown"
    assert fired["metrics"]["fingerprint"] == resolved["metrics"]["fingerprint"]
    assert resolved["duration_minutes"] > 0
    told = of_type(running, "NOTIFICATION")
    assert {(row["metrics"]["receiver"], row["metrics"]["integration"]) for row in told} == \
        {("on-call", "pagerduty"), ("on-call", "slack")}
    assert all(row["success"] and row["initiated_by"] == "drwatch" for row in told)
    assert wait_for(running, "BACKUP_VERIFIED")[0]["metrics"]["artefact"] == "shop-1.sql.gz"
    assert chain_holds(folder / "state/audit.db")
    text = json.dumps(rows(running))
    assert "0123456789abcdef0123456789abcdef" not in text and receivers.slack_url not in text, "no secret"

    evidence = json.loads(report(running, "--format=json"))
    assert evidence["chain"]["intact"]
    incident = evidence["incidents"][0]
    assert incident["alert"] == "TestDown" and incident["service"] == "shop"
    assert 0 <= incident["notify_seconds"] < 10 and incident["resolve_seconds"] > 0
    assert {entry["integration"]: entry["failed"] for entry in evidence["notifications"]} == {"pagerduty": 0, "slack": 0}
    assert evidence["backups"][0]["intact"] is True
    page = report(running, "--format=html")
    assert "&lt;b&gt;down" not in page and "<b>" not in page, "the labels are shown, not the summary"
    assert "TestDown" in page and "<script" not in page
    assert "| TestDown | shop | critical |" in report(running)
    assert json.loads(report(running, "--format=json", "--to=1d"))["incidents"] == [], "before all of it"


def test_who_did_what(running):
    silence = post(running, "/api/v2/silences", {
        "matchers": [{"name": "alertname", "value": "X", "isRegex": False, "isEqual": True}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "ann",
        "comment": "planned work"})["silenceID"]
    post(running, f"/api/v2/silence/{silence}", method="DELETE")
    assert [row["initiated_by"] for row in wait_for(running, "SILENCE_SET")] == ["ann"]
    assert wait_for(running, "SILENCE_EXPIRED")[0]["metrics"]["id"] == silence
    post(running, "/-/reload")
    good = running.config.read_text(encoding="utf-8")
    running.config.write_text("probes: 7\n", encoding="utf-8")
    with pytest.raises(urllib.error.HTTPError):
        post(running, "/-/reload")
    running.config.write_text(good, encoding="utf-8")
    running.process.send_signal(1)
    taken, refused, by_signal = wait_for(running, "RELOAD", 3)
    assert (taken["success"], taken["initiated_by"]) == (True, "API, 127.0.0.1")
    assert refused["success"] is False and "drwatch.yml" in refused["notes"]
    assert (by_signal["success"], by_signal["initiated_by"]) == (True, "SIGHUP")
    assert taken["metrics"]["config_sha256"] == of_type(running, "START")[0]["metrics"]["config_sha256"]


def test_ends_regular_and_not(running):
    wait_for(running, "START")
    running.kill()
    running.start()
    [unclean] = wait_for(running, "UNCLEAN_START")
    assert unclean["success"] is False
    wait_until(lambda: (running.value('dr_rpo_observed_seconds_total{scenario="server_lost"}') or 0) > 0, what="the RPO is watched")
    running.stop()
    running.start()
    wait_for(running, "START", 3)
    assert [row["event_type"] for row in rows(running)
            if row["event_type"] in ("START", "STOP", "UNCLEAN_START")] == \
        ["START", "UNCLEAN_START", "START", "STOP", "START"]
    objectives = wait_for(running, "RPO_KEPT")
    assert objectives[0]["metrics"]["services"][0]["service"] == "shop"
    assert json.loads(report(running, "--format=json"))["rpo"][0]["observed_seconds"] > 0


def test_a_changed_row_is_found(folder, running):
    wait_for(running, "START")
    wait_for(running, "BACKUP_VERIFIED")
    running.stop()
    assert report(running, "--verify").startswith("whole: ")
    database = sqlite3.connect(folder / "state/audit.db")
    for statement in ("UPDATE dr_audit_log SET initiated_by = 'bob'", "DELETE FROM dr_audit_log"):
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            database.execute(statement)
    database.execute("DROP TRIGGER dr_audit_log_no_update")
    database.execute("UPDATE dr_audit_log SET initiated_by = 'bob' WHERE id = 1")
    database.commit()
    assert not chain_holds(folder / "state/audit.db")
    told = report(running, "--verify", code=2)
    assert "row 1 is not what was written" in told and "BROKEN" in told
    assert "BROKEN" in report(running, "--format=html", code=2)


def test_pages_are_read_in_turn(running):
    post(running, "/-/reload")
    everything = wait_until(lambda: (found := rows(running)) and len(found) >= 3 and found, what="rows")
    first = running.api("/api/dr/audit", limit=2)
    assert [row["id"] for row in first["rows"]] == [1, 2] and first["next_after"] == 2
    assert running.api("/api/dr/audit", limit=10000, after=2)["rows"][0] == everything[2]
    assert rows(running, to=everything[0]["timestamp"]) == []
    for wrong in ("limit=0", "limit=x", "limit=10001", "from=yesterday", "to=1e999x", "after=x"):
        assert running.get(f"/api/dr/audit?{wrong}")[0] == 400, wrong


def test_a_log_that_cannot_be_written_holds_up_no_page(running, receivers, nginx):
    wait_for(running, "BACKUP_VERIFIED")
    pid = running.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    nginx.set("/health", 503, "{}")
    page = expect_page(receivers, "TestDown", wait_until)
    wait_until(lambda: running.value("drwatch_audit_writable") == 0, what="says so")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: running.value("drwatch_audit_writable") == 1, what="recovers")
    assert wait_for(running, "ALERT_FIRING") and wait_for(running, "NOTIFICATION"), "written later"
    assert running.value("drwatch_audit_lost_rows_total") == 0
    nginx.set("/health", 200, "{}")
    expect_resolve(receivers, page, wait_until)
    assert report(running, "--verify").startswith("whole: ")


def test_every_row_is_copied_to_postgresql(folder, running, keep):
    server = keep(Postgres(folder / "postgres").create().start())
    server.sql("CREATE ROLE auditor LOGIN PASSWORD 'audit-password'")
    server.sql("GRANT CREATE ON SCHEMA public TO auditor")
    text = running.config.read_text(encoding="utf-8")
    running.config.write_text(text + f"audit: {{postgres: {{dsn: 'postgres://auditor@127.0.0.1:{server.port}/postgres',"
                              " password: audit-password}}\n", encoding="utf-8")
    post(running, "/-/reload")

    def copied():
        return int(server.sql("SELECT count(*) FROM dr_audit_log")) if server.sql(
            "SELECT to_regclass('dr_audit_log') IS NOT NULL") == "t" else 0

    def local():
        return len(rows(running))
    wait_until(lambda: copied() and copied() == local(), what="everything is copied")
    wait_until(lambda: running.value("drwatch_audit_copy_up") == 1, what="says so")
    assert server.sql("SELECT metrics->>'config_file' FROM dr_audit_log WHERE event_type = 'START'") == \
        str(running.config)
    newest = rows(running)[-1]
    wait_until(lambda: server.sql(f"SELECT digest FROM dr_audit_log WHERE id = {newest['id']}") == newest["digest"],
               what="the newest row is copied as it is")

    server.stop()
    post(running, "/-/reload")
    wait_until(lambda: running.value("drwatch_audit_copy_up") == 0, what="says so")
    running.kill()
    server.start()
    running.start()
    wait_until(lambda: copied() == local(), timeout=60, what="the rest is copied")
    wait_until(lambda: server.sql("SELECT count(*), count(DISTINCT id), max(id) FROM dr_audit_log") == "|".join([str(copied())] * 3),
               what="none lost, none twice")
    assert "audit-password" not in running.log_text() + running.get("/api/v1/status/config")[1]

    running.stop()
    server.sql("UPDATE dr_audit_log SET digest = 'changed' WHERE id = (SELECT max(id) FROM dr_audit_log)")
    running.start()
    wait_until(lambda: "one of the two was changed" in running.log_text(), what="the difference is said")
    wait_until(lambda: running.value("drwatch_audit_copy_up") == 0, what="says so")
