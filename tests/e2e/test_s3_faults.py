"""Objects of a real S3 server (Ceph's radosgw) that rot where they lie, or cannot be read for a while; each to a page and back."""

import json
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from radosgw import Frontend
from servers import made_at, wait_until
from test_s3 import DUMP, bucket, probe, proven, pytestmark, s3, start, storage, value  # noqa: F401 (fixtures)

HOUR = 3600
# What nobody is to be told while one object cannot be read.
FALSE = ("BackupFailed", "BackupCorrupt", "NoRecoveryPoint", "BackupPlaceUnreachable")


def dump_of(hours):
    """(key, content) of a dump that was begun so many hours ago."""
    then = time.time() - hours * HOUR
    return f"daily/{time.strftime('shop-%Y%m%dT%H%M%SZ.dump', time.gmtime(then))}", made_at(DUMP, then)


def name_of(key):
    return key.split("/")[1]


def backups_of(drwatch):
    return json.loads(drwatch.get("/api/dr/backups")[1])["data"]["backups"][0]


def test_an_older_object_that_rots(folder, drwatch, receivers, storage, s3, bucket):
    """Nothing that is listed of it changes: only reading it again tells."""
    kept = [dump_of(hours) for hours in (3, 2, 1)]
    for key, content in kept:
        s3.put(bucket, key, content)
    start(drwatch, folder, receivers, [probe(storage, bucket, min_count=3, verify={"kept_every": "2s"})],
          rules=built_in("KeptBackupBroken", "BackupsTooFew", "BackupFailed"), extra="builtin_rules: false")
    wait_until(lambda: proven(drwatch), what="backup proven")
    wait_until(lambda: all(copy["good"] for copy in backups_of(drwatch)["places"][0]["stored"]), what="each is read once")
    assert not receivers.pages()
    victim, content = kept[0]
    storage.rot(bucket, victim)
    page = expect_page(receivers, "KeptBackupBroken", wait_until)
    assert page.body["payload"]["severity"] == "critical"
    assert value(drwatch, "backup_success") == 1, "the newest is what it was"
    wait_until(lambda: {copy["name"] for copy in backups_of(drwatch)["places"][0]["stored"] if not copy["good"]} == {name_of(victim)},
               what="that one is not counted")
    expect_page(receivers, "BackupsTooFew", wait_until)
    time.sleep(1.1)  # radosgw counts in seconds
    s3.put(bucket, victim, content)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: not receivers.open_incidents(), what="enough of them again")
    assert not receivers.pages("trigger", "BackupFailed")


class Forbidden:
    """The bucket's policy denies reading it: 403."""
    reason = "permission"

    def __init__(self, storage, s3, bucket, keep):
        self.endpoint, self.s3, self.bucket = storage.endpoint(), s3, bucket

    def begin(self, key):
        self.s3.forbid(self.bucket, key)

    def end(self):
        self.s3.forbid(self.bucket)


class Unavailable:
    """radosgw does not know how to be overloaded: something in front of it answers 503 for that object."""
    reason = "unexpected_status"

    def __init__(self, storage, s3, bucket, keep):
        self.front = keep(Frontend(storage.port))
        self.endpoint = self.front.endpoint()

    def begin(self, key):
        self.front.failing = (key,)

    def end(self):
        self.front.failing = ()


@pytest.mark.parametrize("fault", [Forbidden, Unavailable])
def test_the_newest_cannot_be_read_for_a_while(folder, drwatch, receivers, storage, s3, bucket, keep, fault):
    """What was there before stays the way back; that nobody can read the new one is told, and is no failure of the backup."""
    trouble = fault(storage, s3, bucket, keep)
    (older, old), (newer, new) = dump_of(2), dump_of(1)
    s3.put(bucket, older, old)
    text = config(folder, receivers, [probe(storage, bucket, s3={"endpoint": trouble.endpoint}, verify={"every": "1s", "timeout": "2s"})],
                  rules=built_in("BackupUnreadable", "BackupVerificationStale", *FALSE), extra="builtin_rules: false")
    drwatch.start(text.replace("rpo: 1h", "rpo: 26h"))
    wait_until(lambda: proven(drwatch), what="backup proven")
    trouble.begin(newer)
    s3.put(bucket, newer, new)
    wait_until(lambda: drwatch.value(f'probe_failure_info{{probe="nightly",reason="{trouble.reason}"}}') == 1, what="told why")
    page = expect_page(receivers, "BackupUnreadable", wait_until)
    assert page.body["payload"]["severity"] == "warning"
    assert value(drwatch, "backup_success") == 1 and value(drwatch, "backup_stored_backups") == 2
    wait_until(lambda: "could not be verified: " in drwatch.get("/")[1], what="where the alert sends whoever is told")
    assert value(drwatch, "backup_verification_success") is None, "nobody knows"
    wait_until(lambda: backups_of(drwatch)["latest_good"]["name"] == name_of(older), what="the one before is the latest good one")
    wait_until(lambda: 2 * HOUR <= (drwatch.value('dr_rpo_achieved_seconds{scenario="database_corrupted"}') or 0) < 2 * HOUR + 120,
               what="its state is the recovery point")
    trouble.end()
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: proven(drwatch) and backups_of(drwatch)["latest_good"]["name"] == name_of(newer), what="the new one is proven")
    for name in FALSE:
        assert not receivers.pages(alertname=name), name


def test_one_that_was_overwritten_cannot_be_read_for_a_while(folder, drwatch, receivers, storage, s3, bucket):
    """The state of what lay there stands in, until somebody can read what lies there now: it is broken."""
    def put(hours, size=None):
        time.sleep(1.1)  # radosgw counts in seconds
        s3.put(bucket, "daily/latest.dump", dump_of(hours)[1][:size])
    put(3)
    text = config(folder, receivers, [probe(storage, bucket)], rules=built_in(*FALSE), extra="builtin_rules: false")
    drwatch.start(text.replace("rpo: 1h", "rpo: 26h"))
    wait_until(lambda: proven(drwatch), what="backup proven")
    point = value(drwatch, "backup_last_success_timestamp_seconds")
    s3.forbid(bucket, "daily/latest.dump")
    put(2)
    wait_until(lambda: value(drwatch, "backup_presumed_timestamp_seconds") == point, what="the old state stands in")
    wait_until(lambda: drwatch.value('probe_failure_info{probe="nightly",reason="permission"}') == 1, what="told why")
    assert value(drwatch, "backup_presumed_timestamp_seconds") == point and value(drwatch, "backup_success") == 1
    wait_until(lambda: drwatch.value('dr_recovery_point_timestamp_seconds{scenario="database_corrupted"}') == point, what="the recovery point")
    wait_until(lambda: drwatch.value('backup_copies{backup="nightly"}') == 1, what="a copy")
    assert backups_of(drwatch)["latest_good"] is None, "its bytes are gone"
    assert not receivers.pages()
    s3.forbid(bucket)
    put(1, size=-100)
    page = expect_page(receivers, "NoRecoveryPoint", wait_until)
    wait_until(lambda: value(drwatch, "backup_presumed_timestamp_seconds") is None, what="nothing stands in for what is broken")
    put(0.5)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert not receivers.pages(alertname="BackupPlaceUnreachable")
