"""Drills told on the command line: measured times, a page for one that took too long, the audit log, a restart, who may tell."""

import gzip
import json
import os
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from servers import wait_until
from test_web_config import PASSWORD, Authority, bcrypt

SERVER = "--scenario=server_lost"
MEASURED = 'dr_rto_measured_seconds{service="shop",scenario="server_lost"}'
RUNS = 'dr_drills_total{service="shop",scenario="server_lost",result="%s"}'


def drill(drwatch, *arguments):
    done = subprocess.run([PROGRAM, "drill", *arguments, f"--url={drwatch.url()}"], check=False, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def text(folder, receivers):
    backups = folder / "backups"
    backups.mkdir()
    path = backups / "shop-1.sql.gz"
    path.write_bytes(gzip.compress(b"x" * 5000))
    os.utime(path, (time.time() - 60, time.time() - 60))
    probe = {"name": "nightly", "type": "backup", "service": "shop", "path": str(backups), "max_age": "26h", "quiet_time": "200ms"}
    whole = config(folder, receivers, [probe], rules=built_in("RTOExceeded"), extra="builtin_rules: false")
    return whole.replace("services: [{name: shop, rpo: 1h}]", "services: [{name: shop, rpo: 1h, rto: 30m}]")


def drills_in(rows):
    return [row for row in rows if row["event_type"].startswith("DRILL")]


def told(drwatch, count):
    """What the audit log says of `count` drills."""
    def rows():
        found = drills_in(drwatch.api("/api/dr/audit", limit=1000)["rows"])
        return found if len(found) == count else None
    return wait_until(rows, what=f"{count} rows of drills in the audit log")


def scenario(drwatch):
    found = drwatch.api("/api/dr/recovery")["services"][0]["scenarios"]
    return next(entry for entry in found if entry["scenario"] == "server_lost")


def test_a_drill_that_took_too_long_pages_until_one_is_quick_enough(folder, drwatch, receivers):
    drwatch.start(text(folder, receivers))
    assert drill(drwatch, "list") == (0, "there has been no drill\n")
    assert not drwatch.query('{__name__=~"dr_drill.*|dr_rto_measured_seconds"}')
    assert scenario(drwatch)["measured_seconds"] is None
    code, said = drill(drwatch, "record", "shop", SERVER, "--result=pass", "--took=42m", "--at=2026-01-10T10:00:00Z", "--by=ann",
                       "--note=first of the year")
    assert (code, said) == (0, 'shop server_lost: pass in 42m, ended 2026-01-10T10:00:00Z, by "ann": "first of the year"\n')
    page = expect_page(receivers, "RTOExceeded", wait_until)
    assert page.body["payload"]["severity"] == "critical"
    assert "shop took 42m 0s to come back in the last drill that passed (server_lost)" in page.body["payload"]["summary"]
    assert drwatch.value(MEASURED) == 42 * 60
    assert scenario(drwatch)["measured_seconds"] == 42 * 60 and scenario(drwatch)["measured_beyond_target"] is True
    assert scenario(drwatch)["measured_at"] == "2026-01-10T10:00:00Z"
    assert "42m, " in drwatch.get("/")[1]
    # One that failed is no measure: the service is not back.
    assert drill(drwatch, "record", "shop", SERVER, "--result=fail", "--took=5m")[0] == 0
    wait_until(lambda: drwatch.value('dr_drill_last_success{scenario="server_lost"}') == 0, what="the failed drill")
    assert drwatch.value(MEASURED) == 42 * 60
    # Over a kill, which is a part of some drills.
    assert drill(drwatch, "start", "shop", SERVER, "--by=bob")[0] == 0
    drwatch.kill()
    drwatch.start()
    assert "running since" in drill(drwatch, "list")[1]
    wait_until(lambda: drwatch.value(MEASURED) == 42 * 60, what="what was measured before")
    assert drwatch.value(RUNS % "pass") == 1 and drwatch.value(RUNS % "fail") == 1
    code, said = drill(drwatch, "stop", "shop", SERVER, "--result=pass", "--by=bob")
    assert code == 0 and "pass in " in said
    expect_resolve(receivers, page, wait_until)
    assert len(receivers.pages("trigger", "RTOExceeded")) == 1, "the restart pages nobody again"
    assert 0 < drwatch.value(MEASURED) < 120
    assert scenario(drwatch)["measured_beyond_target"] is False
    assert drwatch.value(RUNS % "pass") == 2 and drwatch.value(RUNS % "fail") == 1
    assert abs(drwatch.value('dr_drill_last_timestamp_seconds{scenario="server_lost"}') - time.time()) < 120
    assert len(drill(drwatch, "list")[1].splitlines()) == 3


def test_evidence_of_drills(folder, drwatch, receivers):
    drwatch.start(text(folder, receivers))
    drill(drwatch, "start", "shop", SERVER, "--by=ann", "--note=restore into the spare")
    [started] = told(drwatch, 1)
    assert (started["event_type"], started["initiated_by"], started["success"]) == ("DRILL_STARTED", "ann", None)
    drill(drwatch, "stop", "shop", SERVER, "--result=fail", "--by=bob")
    drill(drwatch, "record", "shop", SERVER, "--result=pass", "--took=42m", "--by=ann")
    _, failed, passed = told(drwatch, 3)
    assert failed["success"] is False and failed["initiated_by"] == "bob" and failed["notes"] == "restore into the spare"
    assert passed["success"] is True and passed["duration_minutes"] == 42
    assert passed["metrics"]["rto_target_seconds"] == 1800 and passed["metrics"]["took_seconds"] == 42 * 60
    done = subprocess.run([PROGRAM, "report", f"--config.file={drwatch.config}", "--format=json"], check=True, capture_output=True, text=True)
    assert [entry["description"].split(",")[1].split(" in ")[0] for entry in json.loads(done.stdout)["drills"]
            if entry["success"]] == [" server_lost: passed"]


def test_a_running_drill_has_its_counters(folder, drwatch, receivers):
    drwatch.start(text(folder, receivers))
    assert drill(drwatch, "start", "shop", "--scenario=region_lost")[0] == 0
    counted = wait_until(lambda: drwatch.query("dr_drills_total"), what="counters of a drill that runs")
    assert len(counted) == 2 and set(counted.values()) == {0}
    assert not drwatch.query("dr_drill_last_success")


def test_what_makes_no_sense_is_refused(folder, drwatch, receivers):
    drwatch.start(text(folder, receivers))

    def refused(expected, *arguments):
        code, said = drill(drwatch, *arguments)
        assert code == 1 and expected in said, said
    refused('there is no service "shap"; there are shop', "start", "shap", SERVER)
    refused('there is no scenario "flood"; there are database_corrupted, server_lost, site_lost, region_lost', "start", "shop",
            "--scenario=flood")
    refused('no drill of "shop", server_lost is running; start one, or record one that is over', "stop", "shop", SERVER, "--result=pass")
    refused('"took" must be more than 0', "record", "shop", SERVER, "--result=pass", "--took=0s")
    refused('"took": not a valid duration: "-5m"', "record", "shop", SERVER, "--result=pass", "--took=-5m")
    refused('"took" must be at most 30d', "record", "shop", SERVER, "--result=pass", "--took=400d")
    refused('"at" is in the future: 2100-01-01T00:00:00Z', "record", "shop", SERVER, "--result=pass", "--took=5m", "--at=2100-01-01T00:00:00Z")
    refused('"note" is longer than 4000 bytes', "start", "shop", SERVER, "--note=" + "x" * 4001)
    refused("--took is required", "record", "shop", SERVER, "--result=pass")
    refused("--result", "record", "shop", SERVER, "--result=ok", "--took=5m")
    assert drill(drwatch, "start", "shop", SERVER)[0] == 0
    refused('a drill of "shop", server_lost has been running since ', "start", "shop", SERVER)
    assert len(drill(drwatch, "list")[1].splitlines()) == 1


def test_only_who_signs_in_may_tell(folder, drwatch, receivers):
    authority = Authority(folder, "authority")
    cert, key = authority.issue("server")
    (folder / "web.yml").write_text(f"tls_server_config: {{cert_file: {cert.name}, key_file: {key.name}}}\n"
                                    f"basic_auth_users: {{ann: '{bcrypt(PASSWORD)}'}}\n", encoding="utf-8")
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    drwatch.start(text(folder, receivers), wait=None, options=[f"--web.config.file={folder}/web.yml"])
    drwatch.port = wait_until(lambda: drwatch.find_port(0), what="drwatch listening")

    def run(*words):
        done = subprocess.run([PROGRAM, "drill", *words, f"--url=https://localhost:{drwatch.port}", f"--ca-file={authority.cert}"],
                              capture_output=True, text=True, timeout=30, check=False)
        assert PASSWORD not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr
    start = ["start", "shop", SERVER]
    signed_in = ["--user=ann", f"--password-file={folder}/password"]
    code, said = wait_until(lambda: (found := run(*start)) and "cannot ask" not in found[1] and found, what="an answer")
    assert code == 1 and "answers 401" in said
    assert run("list")[0] == 1
    code, said = run(*start, *signed_in)
    assert code == 0 and 'by "ann"' in said
    assert len(run("list", *signed_in)[1].splitlines()) == 1


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}])
def test_a_page_of_another_site_may_not_tell(folder, drwatch, receivers, headers):
    drwatch.start(text(folder, receivers))
    body = json.dumps({"action": "start", "service": "shop", "scenario": "server_lost"}).encode()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(drwatch.url() + "/api/dr/drills", body, headers), timeout=10)
    assert refused.value.code == 403
    assert drwatch.api("/api/dr/drills")["drills"] == []
