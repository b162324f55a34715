"""The fault list of docs/delivery.md: the program, its machine or its disk fails (1-5, 13-19, 29)."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time

import pytest
from configs import expect_page, expect_resolve
from drwatch import PROGRAM, Drwatch
from faults import (Always, Api, Clock, Once, RULES, attempts, expect_closed, in_own_mounts, metric, only_incident, post,
                    posting, request, slack_texts)
from servers import wait_until


@pytest.fixture
def api(folder, drwatch, receivers, keep):
    return Api(folder, drwatch, receivers, keep)


def test_fault_01_killed_before_the_attempt(folder, drwatch, receivers):
    """The alert is on disk and its group waits: told once, with the time it fired."""
    drwatch.start(posting(folder, receivers, wait="2s"))
    post(drwatch, "Fire")
    began = time.time()
    drwatch.kill()
    assert not receivers.requests
    time.sleep(1)
    drwatch.start()
    page = expect_page(receivers, "Fire", wait_until)
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    time.sleep(1)
    assert len(receivers.pages("trigger")) == 1 and len(receivers.accepted("slack")) == 1
    stamp = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began))
    assert page.body["payload"]["timestamp"].startswith(stamp) or began % 60 > 55
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)


def killed_in(drwatch, receivers, kind, action):
    """kill -9 while the first request to `kind` is under way, a new start, and the end of the alert."""
    once = receivers.script = Once(kind, action)
    post(drwatch, "Fire")
    assert once.happened.wait(15)
    time.sleep(0.3)  # for the other receiver
    drwatch.kill()
    drwatch.start()
    expect_page(receivers, "Fire", wait_until)
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    time.sleep(1)
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)
    only_incident(receivers)
    wait_until(lambda: slack_texts(receivers, "RESOLVED"), what="slack told of the end")
    assert len(receivers.pages("trigger")) <= 2
    assert len(slack_texts(receivers, "FIRING")) <= 2
    assert len(slack_texts(receivers, "RESOLVED")) == 1


@pytest.mark.parametrize("kind", ["pagerduty", "slack"])
def test_fault_02_killed_before_the_answer(folder, drwatch, receivers, kind):
    drwatch.start(posting(folder, receivers))
    killed_in(drwatch, receivers, kind, "hang")


@pytest.mark.parametrize("kind", ["pagerduty", "slack"])
def test_fault_03_killed_before_the_result_is_on_disk(folder, drwatch, receivers, kind):
    """The answer arrives at a program that is stopped, so it is never noted."""
    drwatch.start(posting(folder, receivers))

    def stop(_):
        os.kill(drwatch.process.pid, signal.SIGSTOP)
        tasks = f"/proc/{drwatch.process.pid}/task"
        wait_until(lambda: all("T (stopped)" in open(f"{tasks}/{task}/status", encoding="ascii").read()
                               for task in os.listdir(tasks)), what="every thread stopped")

    once = receivers.script = Once(kind, stop)
    post_in_background(drwatch)
    assert once.happened.wait(15)
    wait_until(lambda: receivers.accepted(kind), what="the answer")
    time.sleep(0.2)
    os.kill(drwatch.process.pid, signal.SIGKILL)
    drwatch.process.wait()
    drwatch.start()
    wait_until(lambda: len(receivers.accepted(kind)) == 2, what="told again")
    wait_until(lambda: receivers.accepted("pagerduty") and receivers.accepted("slack"), what="the others told")
    post(drwatch, "Fire", end=True)
    expect_closed(receivers)
    only_incident(receivers)
    wait_until(lambda: slack_texts(receivers, "RESOLVED"), what="slack told of the end")
    assert len(receivers.pages("trigger")) <= 2 and len(slack_texts(receivers, "FIRING")) <= 2


def post_in_background(drwatch):
    """The program may be stopped before it answers the one who posts."""
    subprocess.Popen(["curl", "-s", "-m", "5", "-H", "Content-Type: application/json", "-d",
                      '[{"labels": {"alertname": "Fire", "severity": "critical"}}]', drwatch.url() + "/api/v2/alerts"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_fault_03_killed_after_the_result_is_on_disk(api, drwatch, receivers):
    """It goes on firing without a second page and without a false end."""
    api.start()
    api.break_it()
    expect_page(receivers, "TestDown", wait_until)
    since = drwatch.alerts()["TestDown"][0]["activeAt"]
    time.sleep(1)
    drwatch.kill()
    drwatch.start()
    wait_until(lambda: "TestDown" in drwatch.firing(), what="still firing")
    assert drwatch.alerts()["TestDown"][0]["activeAt"] == since
    time.sleep(2)
    assert len(receivers.pages("trigger")) == 1
    assert not receivers.pages("resolve")


def test_fault_04_cleared_while_down(api, drwatch, receivers):
    api.start()
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    drwatch.kill()
    api.repair()
    drwatch.start()
    begin = time.time()
    expect_resolve(receivers, page, wait_until)
    assert receivers.pages("resolve")[0].time - begin < 5, "one evaluation and the group's interval"
    assert not receivers.open_incidents()


def test_fault_05_killed_while_pending(api, drwatch, receivers):
    """`for` goes on where it was."""
    api.start(rules=RULES.replace("== 0\n", "== 0\n    for: 6s\n"))
    api.break_it()
    wait_until(lambda: "TestDown" in drwatch.alerts(), what="pending")
    active_at = drwatch.alerts()["TestDown"][0]["activeAt"]
    began = time.time()
    time.sleep(2)
    drwatch.kill()
    drwatch.start()
    wait_until(lambda: "TestDown" in drwatch.alerts(), what="pending again")
    assert drwatch.alerts()["TestDown"][0]["activeAt"] == active_at
    assert not receivers.pages()
    page = expect_page(receivers, "TestDown", wait_until)
    assert 4.5 < page.time - began < 8, "a `for` that began again would take longer"


def test_fault_05_killed_while_kept_firing(api, drwatch, receivers):
    """`keep_firing_for` goes on where it was: no early end."""
    api.start(rules=RULES.replace("== 0\n", "== 0\n    keep_firing_for: 6s\n"))
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    api.repair()
    wait_until(lambda: "keepFiringSince" in drwatch.alerts()["TestDown"][0], what="kept firing")
    began = time.time()
    time.sleep(1.5)
    drwatch.kill()
    drwatch.start()
    expect_resolve(receivers, page, wait_until)
    assert 4.5 < receivers.pages("resolve")[0].time - began < 10
    assert len(receivers.pages("trigger")) == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_fault_13_and_14_the_clock_is_set(api, drwatch, receivers, folder, hours):
    """13: an hour forward, 14: an hour back. No false end, no repetition, evaluation goes on, `for` is not cut short."""
    clock = Clock(folder)
    rules = RULES + RULES.split("- name: test\n  rules:\n")[1].replace("TestDown", "Slow").replace("== 0\n", "== 0\n    for: 8s\n")
    drwatch.start(api.text(rules=rules), env=clock.environment)
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    told = time.time()
    clock.set(hours * 3600)
    time.sleep(3)
    before = metric(drwatch, "drwatch_rule_group_iterations_total")
    assert "TestDown" in drwatch.firing()
    assert not receivers.pages("resolve") and len(receivers.pages("trigger", "TestDown")) == 1
    assert not receivers.pages("trigger", "Slow"), "an hour on the wall is no hour of `for`"
    slow = expect_page(receivers, "Slow", wait_until)
    assert slow.time - told > 6
    wait_until(lambda: metric(drwatch, "drwatch_rule_group_iterations_total") > before, what="evaluation goes on")
    assert not receivers.pages("resolve")
    api.repair()
    expect_resolve(receivers, page, wait_until)
    expect_closed(receivers)
    assert len(receivers.pages("trigger")) == 2
    latencies = [line for line in drwatch.metrics().splitlines() if line.startswith("drwatch_notification_latency_seconds_sum")]
    assert all(0 <= float(line.rsplit(" ", 1)[1]) < 120 for line in latencies), latencies
    drwatch.kill()
    drwatch.start(env=clock.environment)
    time.sleep(1.5)
    assert not receivers.open_incidents() and len(receivers.pages("trigger")) == 2


def test_fault_15_stopped_for_a_while(api, drwatch, receivers):
    """A paused machine: missed evaluations are counted and not made up for; a step that was overdue is taken once."""
    policy = f"""builtin_rules: false
escalation_policies:
- name: p
  steps: [{{after: 2s, receivers: [second]}}, {{after: 3s, receivers: [third]}}]
"""
    text = api.text(extra=policy).replace("repeat_interval: 4h", "repeat_interval: 4h, escalation: p").replace(
        "receivers:\n", f"""receivers:
- {{name: second, webhook_configs: [{{url: '{receivers.url("/webhook/second")}'}}]}}
- {{name: third, webhook_configs: [{{url: '{receivers.url("/webhook/third")}'}}]}}
""", 1)
    drwatch.start(text)
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    missed = metric(drwatch, "drwatch_rule_group_iterations_missed_total")
    os.kill(drwatch.process.pid, signal.SIGSTOP)
    time.sleep(6)
    assert not receivers.accepted("webhook")
    os.kill(drwatch.process.pid, signal.SIGCONT)
    wait_until(lambda: len(receivers.accepted("webhook")) == 2, what="both steps")
    wait_until(lambda: metric(drwatch, "drwatch_rule_group_iterations_missed_total") >= missed + 8, what="missed ones counted")
    time.sleep(1.5)
    assert sorted(r.path for r in receivers.accepted("webhook")) == ["/webhook/second", "/webhook/third"]
    assert len(receivers.pages("trigger")) == 1 and not receivers.pages("resolve")
    api.repair()
    expect_resolve(receivers, page, wait_until)


def silence(drwatch, name):
    """(status, text)"""
    begins, ends = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead)) for ahead in (0, 3600))
    return request(drwatch, "/api/v2/silences", {
        "matchers": [{"name": "alertname", "value": name, "isRegex": False}], "startsAt": begins, "endsAt": ends,
        "createdBy": "ann", "comment": "test"})


def test_fault_16_no_file_may_grow(api, drwatch, receivers):
    """Works whoever runs it: the limit is on the size of files. It pages, says so, and recovers by itself."""
    api.start()
    pid = drwatch.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    wait_until(lambda: drwatch.value("drwatch_state_writable") == 0, what="says so")
    status, said = silence(drwatch, "Other")
    assert status == 500 and "it holds, but only until a restart: " in said
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: drwatch.value("drwatch_state_writable") == 1, what="recovers")
    drwatch.kill()  # what only memory knew is on disk by now
    drwatch.start()
    assert len(json.loads(request(drwatch, "/api/v2/silences")[1])) == 1
    api.repair()
    expect_resolve(receivers, page, wait_until)
    assert len(receivers.pages("trigger")) == 1


BUILT_IN = """
- name: self
  rules:
  - alert: StateNotWritable
    expr: drwatch_state_writable == 0
    labels: {severity: critical}
"""


def test_fault_16_disk_full(api, drwatch, receivers, folder):
    """A file system of 8 MiB that somebody fills: ENOSPC."""
    state = folder / "state"
    state.mkdir()
    in_own_mounts(drwatch, f"mount -t tmpfs -o size=8m tmpfs {state}")
    drwatch.start(api.text(rules=RULES + BUILT_IN.lstrip("\n")))
    wait_until(lambda: drwatch.value('probe_success{probe="api"}') == 1, what="probed")
    inside = f"/proc/{drwatch.process.pid}/root{state}/filler"
    with open(inside, "wb", buffering=0) as filler, pytest.raises(OSError):
        while True:
            filler.write(b"x" * 4096)
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    # The write-ahead log may still have room for a while.
    for number in range(200):
        if drwatch.value("drwatch_state_writable") == 0:
            break
        try:
            post(drwatch, *[f"Filler{number}-{i}" for i in range(20)], severity="warning")
        except AssertionError:
            pass  # refused, because it is not on disk; taken all the same
    expect_page(receivers, "StateNotWritable", wait_until)  # before what is less severe
    assert drwatch.process.poll() is None
    os.remove(inside)
    wait_until(lambda: drwatch.value("drwatch_state_writable") == 1, what="recovers")
    api.repair()
    expect_resolve(receivers, page, wait_until)


def test_fault_16_read_only_at_the_start(folder, drwatch, receivers):
    """Without a state no promise can be kept: it does not start, and says what to do."""
    state = folder / "state"
    state.mkdir()
    in_own_mounts(drwatch, f"mount -t tmpfs -o ro tmpfs {state}")
    with pytest.raises(RuntimeError, match="ended with 1"):
        drwatch.start(posting(folder, receivers))
    assert "read-only file system" in drwatch.log_text() and "make the folder of storage.path writable" in drwatch.log_text()


def killed_with_an_incident(api, drwatch, receivers):
    """The state as kill -9 leaves it, with the journal beside it, while PagerDuty has an open incident."""
    api.start()
    api.break_it()
    page = expect_page(receivers, "TestDown", wait_until)
    wait_until(lambda: receivers.accepted("slack"), what="slack")
    time.sleep(0.5)
    drwatch.kill()
    return page


def test_fault_17_journal_torn(api, drwatch, receivers, folder):
    """Whatever part of the write-ahead log is left, it starts, and the incident is the same. Each byte: DatabaseTest."""
    page = killed_with_an_incident(api, drwatch, receivers)
    state, kept = folder / "state", folder / "kept"
    shutil.copytree(state, kept)
    size = (kept / "drwatch.db-wal").stat().st_size
    assert size > 10_000
    for part in (0, 1, 31, 32, 33, size // 3, size // 2, size - 4097, size - 1):
        shutil.rmtree(state)
        shutil.copytree(kept, state)
        os.truncate(state / "drwatch.db-wal", part)
        drwatch.start()
        wait_until(lambda: "TestDown" in drwatch.firing(), what="still firing")
        wait_until(lambda: metric(drwatch, "drwatch_outbox_depth") == 0, what="told")
        drwatch.kill()
    assert only_incident(receivers) == page.body["dedup_key"]
    assert not receivers.pages("resolve"), "no false end"
    drwatch.start()
    api.repair()
    expect_resolve(receivers, page, wait_until)


@pytest.mark.parametrize("damage", ["garbage", "flipped"])
def test_fault_18_state_damaged(api, drwatch, receivers, folder, damage):
    """It starts, sets the file aside, says so, and tells of what fires again under the same key."""
    page = killed_with_an_incident(api, drwatch, receivers)
    state = folder / "state/drwatch.db"
    for journal in ("-wal", "-shm"):
        (folder / f"state/drwatch.db{journal}").unlink(missing_ok=True)
    if damage == "garbage":
        state.write_bytes(os.urandom(40_000))
    else:
        data = bytearray(state.read_bytes().ljust(8192, b"\0"))
        for at in range(100, len(data), 97):
            data[at] ^= 0x41
        state.write_bytes(data)
    mark = len(drwatch.log_text())
    drwatch.start()
    assert "was damaged; it was moved aside" in drwatch.log_text()[mark:]
    [aside] = (folder / "state").glob("drwatch.db.corrupt-*")
    wait_until(lambda: drwatch.value("drwatch_state_damaged_files") == 1, what="says so")
    aside.unlink()
    wait_until(lambda: drwatch.value("drwatch_state_damaged_files") == 0, what="it was taken away")
    wait_until(lambda: len(receivers.pages("trigger")) == 2, what="told again")
    assert only_incident(receivers) == page.body["dedup_key"]
    api.repair()
    expect_resolve(receivers, page, wait_until)
    assert not receivers.open_incidents()


def test_fault_19_second_program_on_the_same_folder(folder, drwatch, receivers, keep):
    """It ends before it sends anything, and says who has the folder."""
    drwatch.start(posting(folder, receivers))
    receivers.script = Always(lambda kind, body: 500)
    post(drwatch, "Fire")
    wait_until(lambda: attempts(receivers, "pagerduty"), what="an attempt")
    second = keep(Drwatch(folder / "second", PROGRAM))
    second.config.write_text(drwatch.config.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run([PROGRAM, f"--config.file={second.config}", "--web.listen-address=127.0.0.1:0"], capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == 3
    assert f"is in use by another process (pid {drwatch.process.pid})" in done.stderr + done.stdout
    receivers.script = []
    expect_page(receivers, "Fire", wait_until)
    assert len(receivers.pages("trigger")) == 1


def test_fault_29_stopped_with_something_to_tell(folder, drwatch, receivers):
    """SIGTERM: at most 10 s of sending, the rest after the next start."""
    drwatch.start(posting(folder, receivers))
    receivers.script = Always(lambda kind, body: "hang" if kind == "pagerduty" else None)
    post(drwatch, "Fire", "Flood")
    wait_until(lambda: attempts(receivers, "pagerduty") and len(receivers.accepted("slack")) == 2, what="an attempt")
    begin = time.monotonic()
    drwatch.stop(signal.SIGTERM, timeout=30)
    assert time.monotonic() - begin < 12
    receivers.script = []
    receivers.requests.clear()
    drwatch.start()
    expect_page(receivers, "Fire", wait_until)
    expect_page(receivers, "Flood", wait_until)
    time.sleep(0.5)
    assert not receivers.accepted("slack"), "Slack knew"
    post(drwatch, "Fire", "Flood", end=True)
    expect_closed(receivers)
