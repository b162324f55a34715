"""Backups in buckets of a real S3 server (Ceph's radosgw): proven, missing, truncated, hidden; each to a page and back.

What radosgw does not answer (x-amz-checksum-*, replication states, another region, SlowDown) is tested on scripted servers:
tests/net/s3_test.cc, tests/catalog/place_catalog_test.cc, tests/probes/bucket_probe_test.cc.
"""

import base64
import concurrent.futures
import hashlib
import itertools
import os
import pathlib
import subprocess
import time

import pytest
import radosgw
from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from faults import Clock, reload
from radosgw import ACCESS_KEY, ARCHIVE_CLASS, Frontend, KMS_KEY, S3, SECRET_KEY, Radosgw
from servers import fill_backup_folder, made_at, Postgres, wait_until

DATA = pathlib.Path(__file__).resolve().parents[1] / "testdata/verify"
# Begun now: what says itself that it is days older than its object is no backup of today.
DUMP = made_at((DATA / "custom.dump").read_bytes(), time.time())
NUMBERS = itertools.count(1)

pytestmark = pytest.mark.skipif(not radosgw.available(), reason="radosgw is not installed")


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Started once: making its pools takes ten seconds."""
    server = Radosgw(tmp_path_factory.mktemp("radosgw"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def s3(storage):
    return S3(storage.endpoint())


@pytest.fixture
def bucket(s3):
    return s3.make_bucket(f"backups-{next(NUMBERS)}")


def probe(storage, bucket, **more):
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    s3 = {"endpoint": storage.endpoint(), **keys, **more.pop("s3", {})}
    return {"name": "nightly", "type": "backup", "service": "shop", "path": f"s3://{bucket}/daily", "pattern": "*.dump",
            "location": "dr", "max_age": "26h", "min_size": "1KiB", "interval": "500ms", "timeout": "8s", "s3": s3, **more}


def start(drwatch, folder, receivers, probes, **more):
    drwatch.start(config(folder, receivers, probes, **more))


def value(drwatch, metric, **labels):
    matchers = ",".join(f'{name}="{text}"' for name, text in {"backup": "nightly", "location": "dr", **labels}.items())
    return drwatch.value(f"{metric}{{{matchers}}}")


def proven(drwatch):
    return value(drwatch, "backup_success") == 1 and value(drwatch, "backup_verification_success") == 1


def tell_no_secrets(drwatch):
    for text in (drwatch.log_text(), drwatch.metrics(), drwatch.get("/")[1], drwatch.get("/api/v1/status/config")[1]):
        assert SECRET_KEY not in text
        assert "Signature=" not in text


def test_good_backup_is_proven(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop a+b.dump", DUMP)
    s3.put(bucket, "daily/shop a+b.dump.sha256", f"{hashlib.sha256(DUMP).hexdigest()}  shop a+b.dump\n".encode())
    s3.put(bucket, "elsewhere/other.dump", b"not ours")
    start(drwatch, folder, receivers, [probe(storage, bucket)])
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_verification_level") == 4
    assert value(drwatch, "backup_last_size_bytes") == len(DUMP)
    assert value(drwatch, "backup_stored_backups") == 1
    assert value(drwatch, "backup_check_success", check="checksum") == 1
    assert value(drwatch, "backup_storage_requests_total", operation="list") >= 1
    assert value(drwatch, "backup_storage_received_bytes_total") > len(DUMP)
    assert abs(value(drwatch, "backup_clock_skew_seconds")) < 5
    assert value(drwatch, "backup_retrieval_delay_seconds") == 0
    assert value(drwatch, "backup_stale_uploads") == 0
    assert value(drwatch, "backup_filesystem_free_bytes") is None
    time.sleep(1.5)
    assert not receivers.pages()
    tell_no_secrets(drwatch)


def test_missing_object_to_page_and_back(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket)])
    wait_until(lambda: proven(drwatch), what="backup proven")
    s3.delete(bucket, "daily/shop.dump")
    page = expect_page(receivers, "BackupFailed", wait_until)
    assert drwatch.value('probe_failure_info{probe="nightly",reason="not_found"}') == 1
    s3.put(bucket, "daily/shop.dump", DUMP)
    expect_resolve(receivers, page, wait_until)


def test_truncated_object_to_page_and_back(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket)])
    wait_until(lambda: proven(drwatch), what="backup proven")
    s3.put(bucket, "daily/shop.dump", DUMP[: len(DUMP) // 2])
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    assert drwatch.value('probe_failure_info{probe="nightly",reason="incomplete"}') == 1
    s3.put(bucket, "daily/shop.dump", DUMP)
    expect_resolve(receivers, page, wait_until)


@pytest.mark.parametrize("left", [None, -7], ids=["missing", "cut"])
def test_a_dump_in_pieces_to_page_and_back(folder, drwatch, receivers, storage, s3, bucket, left):
    """`pg_dump | split`, each piece an object of its own: one backup, which needs all of them."""
    length = len(DUMP) // 4 + 1
    pieces = {f"daily/shop.dump.a{letter}": DUMP[at * length:(at + 1) * length] for at, letter in enumerate("abcd")}
    for name, content in pieces.items():
        s3.put(bucket, name, content)
    start(drwatch, folder, receivers, [probe(storage, bucket, pattern="shop.dump.*")])
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_stored_backups") == 1
    assert value(drwatch, "backup_last_size_bytes") == len(DUMP)
    assert value(drwatch, "backup_verification_level") == 4
    assert not receivers.pages()
    middle = "daily/shop.dump.ab"
    if left is None:
        s3.delete(bucket, middle)
    else:
        s3.put(bucket, middle, pieces[middle][:left])
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    wait_until(lambda: value(drwatch, "backup_success") == 0, what="no backup")
    s3.put(bucket, middle, pieces[middle])
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: proven(drwatch), what="backup proven again")


def test_upload_in_parts(folder, drwatch, receivers, storage, s3, bucket):
    dump = made_at((DATA / "custom-z0.dump").read_bytes(), time.time())
    parts = [dump[at:at + 4096] for at in range(0, len(dump), 4096)]
    assert len(parts) > 2
    s3.put_parts(bucket, "daily/shop.dump", parts)
    s3.begin_upload(bucket, "daily/never-ended.dump")
    start(drwatch, folder, receivers, [probe(storage, bucket)])
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_last_size_bytes") == len(dump)
    assert value(drwatch, "backup_stale_uploads") == 0, "one that was just begun is not stale"


def test_parts_whose_size_nobody_tells(folder, drwatch, receivers, storage, s3, bucket):
    """radosgw 16.2 answers a HEAD of a part with the size of the whole object: the usual sizes are tried."""
    bytes_ = os.urandom(12 << 20)
    s3.put_parts(bucket, "daily/usual.bin", [bytes_[at:at + (5 << 20)] for at in range(0, len(bytes_), 5 << 20)])
    start(drwatch, folder, receivers, [probe(storage, bucket, pattern="*.bin")])
    wait_until(lambda: value(drwatch, "backup_verification_level") == 2, what="its bytes are those that were stored")


def test_a_slash_too_many_is_a_part_of_the_keys(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily//shop.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, path=f"s3://{bucket}/daily//"),
                                       probe(storage, bucket, name="one", backup="one")])
    wait_until(lambda: proven(drwatch), what="backup proven")
    wait_until(lambda: drwatch.value('probe_failure_info{probe="one",reason="not_found"}') == 1, what="nothing lies in daily/")


def test_an_object_under_a_key_of_the_customers(folder, drwatch, receivers, storage, s3, bucket):
    key = os.urandom(32)
    prefix = "x-amz-server-side-encryption-customer-"
    s3.put(bucket, "daily/shop.dump", DUMP, {prefix + "algorithm": "AES256", prefix + "key": base64.b64encode(key).decode(),
                                             prefix + "key-MD5": base64.b64encode(hashlib.md5(key).digest()).decode()})
    start(drwatch, folder, receivers, [probe(storage, bucket)])
    wait_until(lambda: "SSE-C" in drwatch.get("/")[1], what="told why it is not read")


def test_lists_page_by_page(folder, drwatch, receivers, storage, s3, bucket):
    names = [f"daily/{number:04}.dump" for number in range(1203)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: s3.put(bucket, name, b"x"), names))
    s3.put(bucket, "daily/zz.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, interval="2s")])
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_stored_backups") == len(names) + 1
    assert value(drwatch, "backup_storage_requests_total", operation="list") >= 2


def test_wrong_keys_are_not_an_empty_bucket(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    secret = folder / "secret"
    secret.write_text("wrong", encoding="utf-8")
    keys = {"secret_access_key_file": str(secret)}
    nightly = probe(storage, bucket, s3=keys)
    del nightly["s3"]["secret_access_key"]
    start(drwatch, folder, receivers, [nightly], rules=built_in("BackupPlaceUnreachable", "BackupFailed"),
          extra="builtin_rules: false")
    page = expect_page(receivers, "BackupPlaceUnreachable", wait_until)
    assert value(drwatch, "backup_probe_success") == 0
    assert value(drwatch, "backup_success") is None, "it is unknown, not failed"
    assert drwatch.value('probe_failure_info{probe="nightly",reason="auth"}') == 1
    assert value(drwatch, "backup_stored_backups") is None, "nothing is known"
    secret.write_text(SECRET_KEY + "\n", encoding="utf-8")
    expect_resolve(receivers, page, wait_until)
    assert not receivers.pages(alertname="BackupFailed")
    tell_no_secrets(drwatch)


def test_unknown_key_and_missing_bucket(folder, drwatch, receivers, storage, bucket):
    stranger = probe(storage, bucket, name="stranger", s3={"access_key_id": "AKNOBODY"})
    nowhere = probe(storage, "no-such-bucket", name="nowhere")
    start(drwatch, folder, receivers, [stranger, nowhere])
    wait_until(lambda: drwatch.value('probe_failure_info{probe="stranger",reason="auth"}') == 1, what="stranger refused")
    wait_until(lambda: drwatch.value('probe_failure_info{probe="nowhere",reason="not_found"}') == 1, what="bucket missing")


def test_storage_that_goes_away(folder, drwatch, receivers, storage, s3, bucket):
    """The last listing stands in: a network that is cut for a moment is no failed backup."""
    s3.put(bucket, "daily/shop.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, timeout="2s")])
    wait_until(lambda: proven(drwatch), what="backup proven")
    gateway = storage.daemons[-1]
    os.kill(gateway.pid, 19)  # SIGSTOP
    try:
        wait_until(lambda: value(drwatch, "backup_probe_success") == 0, what="storage gone")
        assert value(drwatch, "backup_success") == 1
    finally:
        os.kill(gateway.pid, 18)  # SIGCONT
    wait_until(lambda: value(drwatch, "backup_probe_success") == 1, what="storage back")
    assert not receivers.pages(alertname="BackupFailed")


def test_any_region_will_do(folder, drwatch, receivers, storage, s3, bucket):
    # radosgw takes a signature for any region; Amazon's answer to the wrong one is tested in tests/net/s3_test.cc.
    s3.put(bucket, "daily/shop.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, s3={"region": "eu-nowhere-9"})])
    wait_until(lambda: proven(drwatch), what="backup proven")


def test_private_authority(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    trusting = probe(storage, bucket, s3={"endpoint": storage.tls_endpoint(), "tls": {"ca_file": str(storage.ca_file)}})
    doubting = probe(storage, bucket, name="doubting", location="other", s3={"endpoint": storage.tls_endpoint()})
    start(drwatch, folder, receivers, [trusting, doubting])
    wait_until(lambda: proven(drwatch), what="backup proven")
    wait_until(lambda: drwatch.value('probe_failure_info{probe="doubting",reason="tls"}') == 1, what="stranger's certificate")


def test_bucket_settings(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    s3.set(bucket, "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")

    def expire_after(days):
        s3.set(bucket, "lifecycle", f"<LifecycleConfiguration><Rule><ID>r</ID><Prefix>daily/</Prefix><Status>Enabled</Status>"
                                    f"<Expiration><Days>{days}</Days></Expiration></Rule></LifecycleConfiguration>")
    expire_after(14)
    start(drwatch, folder, receivers, [probe(storage, bucket, retention="30d", expect={"versioning": True})])
    wait_until(lambda: value(drwatch, "backup_bucket_versioning_enabled") == 1, what="versioning seen")
    assert value(drwatch, "backup_bucket_lifecycle_expiration_seconds") == 14 * 86400
    assert value(drwatch, "backup_check_success", check="versioning") == 1
    assert value(drwatch, "backup_check_success", check="lifecycle") == 0
    page = expect_page(receivers, "LifecycleBelowRetention", wait_until)
    assert value(drwatch, "backup_success") == 1, "the backup itself is there"
    assert "BucketVersioningOff" not in drwatch.firing()
    expire_after(60)
    s3.set(bucket, "versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
    # Settings are asked for every quarter of an hour, and after a start.
    drwatch.stop()
    drwatch.start()
    expect_resolve(receivers, page, wait_until)
    page = expect_page(receivers, "BucketVersioningOff", wait_until)
    s3.set(bucket, "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    drwatch.stop()
    drwatch.start()
    expect_resolve(receivers, page, wait_until)


def test_encryption(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/a.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, expect={"encrypted": True})])
    page = expect_page(receivers, "BackupNotEncrypted", wait_until)
    assert value(drwatch, "backup_encrypted") == 0
    time.sleep(1.1)  # radosgw counts in seconds
    s3.put(bucket, "daily/b.dump", DUMP, {"x-amz-server-side-encryption": "aws:kms",
                                          "x-amz-server-side-encryption-aws-kms-key-id": KMS_KEY})
    expect_resolve(receivers, page, wait_until)
    assert value(drwatch, "backup_encrypted") == 1
    wait_until(lambda: proven(drwatch), what="what S3 encrypts is read as it was")


def test_failed_replication_to_page_and_back(folder, drwatch, receivers, storage, s3, bucket, keep):
    """radosgw tells no replication status: something in front of it does."""
    front = keep(Frontend(storage.port))
    front.headers = {"x-amz-replication-status": "COMPLETED"}
    s3.put(bucket, "daily/a.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, s3={"endpoint": front.endpoint()}, expect={"replicated": True})],
          rules=built_in("BackupReplicationFailed"), extra="builtin_rules: false")
    wait_until(lambda: value(drwatch, "backup_check_success", check="replicated") == 1, what="replication seen")
    time.sleep(1.1)  # radosgw counts in seconds
    front.headers = {"x-amz-replication-status": "FAILED"}
    s3.put(bucket, "daily/b.dump", DUMP)
    page = expect_page(receivers, "BackupReplicationFailed", wait_until)
    assert value(drwatch, "backup_replication_failed_objects") >= 1
    assert value(drwatch, "backup_success") == 1, "it is good here"
    time.sleep(1.1)
    front.headers = {"x-amz-replication-status": "COMPLETED"}
    s3.put(bucket, "daily/c.dump", DUMP)
    expect_resolve(receivers, page, wait_until)


def test_clock_skew_to_page_and_back(folder, drwatch, receivers, storage, s3, bucket):
    clock = Clock(folder)
    s3.put(bucket, "daily/a.dump", DUMP)
    text = config(folder, receivers, [probe(storage, bucket)], rules=built_in("StorageClockSkew"), extra="builtin_rules: false")
    drwatch.start(text, env=clock.environment)
    wait_until(lambda: proven(drwatch), what="backup proven")
    clock.set(400)
    page = expect_page(receivers, "StorageClockSkew", wait_until)
    assert -410 < value(drwatch, "backup_clock_skew_seconds") < -390
    clock.set(0)
    expect_resolve(receivers, page, wait_until)


def test_archive_class_to_page_and_back(folder, drwatch, receivers, storage, s3, bucket):
    """The class is one of radosgw's by Amazon's name; how long Amazon takes to bring it back is what its documents say."""
    s3.put(bucket, "daily/a.dump", DUMP)
    text = config(folder, receivers, [probe(storage, bucket)])
    drwatch.start(text.replace("services: [{name: shop, rpo: 1h}]", "services: [{name: shop, rto: 2h}]"))
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_retrieval_delay_seconds") == 0
    assert "RetrievalTooSlow" not in drwatch.firing()
    time.sleep(1.1)  # radosgw counts in seconds
    s3.put(bucket, "daily/b.dump", DUMP, {"x-amz-storage-class": ARCHIVE_CLASS})
    page = expect_page(receivers, "RetrievalTooSlow", wait_until)
    assert "takes 5h 0m 0s until it can be read" in page.body["payload"]["summary"]
    assert page.body["payload"]["severity"] == "warning"
    assert value(drwatch, "backup_retrieval_delay_seconds") == 5 * 3600
    assert value(drwatch, "backup_check_success", check="exists") == 1, "it is there, only slow"
    wait_until(lambda: value(drwatch, "backup_success") == 1 and value(drwatch, "backup_verification_level") == 0, what="nobody can read it")
    # The runbook's repair: the newest backup in a class that is read at once.
    s3.copy(bucket, "daily/b.dump", {"x-amz-storage-class": "STANDARD"})
    expect_resolve(receivers, page, wait_until)
    assert value(drwatch, "backup_retrieval_delay_seconds") == 0
    wait_until(lambda: proven(drwatch), what="backup proven again")


def test_waiting_for_an_archive_counts_in_the_recovery_time(folder, drwatch, receivers, storage, s3, bucket):
    """The newest backup is moved to an archive's class once it is proven: it cannot be back within two hours any more."""
    s3.put(bucket, "daily/a.dump", DUMP)
    text = config(folder, receivers, [probe(storage, bucket)], rules=built_in("RTOExceeded"), extra="builtin_rules: false")
    drwatch.start(text.replace("services: [{name: shop, rpo: 1h}]", "services: [{name: shop, rto: 2h}]"))
    estimate = 'dr_rto_estimated_seconds{service="shop",scenario="server_lost"}'
    wait_until(lambda: proven(drwatch) and drwatch.value(estimate) is not None, what="an estimate of what was read")
    assert drwatch.value(estimate) < 60
    assert not drwatch.firing()

    def first_step():
        scenario = next(entry for entry in drwatch.api("/api/dr/recovery")["services"][0]["scenarios"] if entry["scenario"] == "server_lost")
        return scenario["paths"][0]["steps"][0]
    assert first_step()["retrieval_seconds"] == 0
    time.sleep(1.1)  # radosgw counts in seconds
    s3.copy(bucket, "daily/a.dump", {"x-amz-storage-class": ARCHIVE_CLASS})
    page = expect_page(receivers, "RTOExceeded", wait_until)
    assert page.body["payload"]["severity"] == "warning"
    assert "shop would take at least 5h 0m " in page.body["payload"]["summary"]
    assert value(drwatch, "backup_success") == 1, "that it cannot be read does not make it bad"
    assert first_step()["retrieval_seconds"] == 5 * 3600 and first_step()["measured_bytes"] == len(DUMP)
    assert 5 * 3600 <= drwatch.value(estimate) < 5 * 3600 + 60
    time.sleep(1.1)
    s3.copy(bucket, "daily/a.dump", {"x-amz-storage-class": "STANDARD"})
    expect_resolve(receivers, page, wait_until)
    assert drwatch.value(estimate) < 60


def test_object_lock(folder, drwatch, receivers, storage, s3):
    locked = s3.make_bucket(f"locked-{next(NUMBERS)}", {"x-amz-bucket-object-lock-enabled": "true"})
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    s3.put(locked, "daily/shop.dump", DUMP, {"x-amz-object-lock-mode": "GOVERNANCE",
                                             "x-amz-object-lock-retain-until-date": until})
    start(drwatch, folder, receivers, [probe(storage, locked, expect={"object_lock": True, "versioning": True})])
    wait_until(lambda: value(drwatch, "backup_object_lock_until_timestamp_seconds"), what="lock seen")
    assert abs(value(drwatch, "backup_object_lock_until_timestamp_seconds") - time.time() - 86400) < 60
    assert value(drwatch, "backup_check_success", check="object_lock") == 1
    assert value(drwatch, "backup_bucket_versioning_enabled") == 1


def test_no_lock_where_one_is_promised(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, expect={"object_lock": True})])
    expect_page(receivers, "BackupNotImmutable", wait_until)


def test_a_lock_that_ends_too_early_to_page_and_back(folder, drwatch, receivers, storage, s3):
    bucket = s3.make_bucket(f"locked-{next(NUMBERS)}", {"x-amz-bucket-object-lock-enabled": "true"})

    def put(name, days):
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))
        s3.put(bucket, f"daily/{name}", DUMP, {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": until})
    put("a.dump", 1)
    start(drwatch, folder, receivers, [probe(storage, bucket, retention="30d", expect={"object_lock": True})])
    page = expect_page(receivers, "BackupNotImmutable", wait_until)
    assert value(drwatch, "backup_success") == 1, "it is there, only not for long enough"
    time.sleep(1.1)  # radosgw counts in seconds
    put("b.dump", 31)
    expect_resolve(receivers, page, wait_until)


def test_base_backup_as_a_group_of_objects(folder, drwatch, receivers, storage, s3, bucket, tmp_path_factory):
    home = tmp_path_factory.mktemp("postgres")
    for path in [home, *home.parents[:2]]:
        path.chmod(0o755)
    server = Postgres(home / "server").create().start()
    try:
        _, base = fill_backup_folder(server, home / "backup")
    finally:
        server.stop()
    files = {path.name: path.read_bytes() for path in base.iterdir()}
    s3.put(bucket, "daily/base-1/backup_manifest", files.pop("backup_manifest"))
    start(drwatch, folder, receivers, [probe(storage, bucket, pattern="*", quiet_time="1s")])
    wait_until(lambda: value(drwatch, "backup_in_progress") == 1, what="base backup on its way")
    for name, content in files.items():
        s3.put(bucket, f"daily/base-1/{name}", content)
    wait_until(lambda: proven(drwatch), what="base backup proven")
    assert value(drwatch, "backup_verification_level") == 4
    archive = bytearray(files["base.tar.gz"])
    archive[len(archive) // 2] ^= 1
    s3.put(bucket, "daily/base-1/base.tar.gz", bytes(archive))
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    s3.put(bucket, "daily/base-1/base.tar.gz", files["base.tar.gz"])
    expect_resolve(receivers, page, wait_until)


def test_requests_of_a_day_are_limited(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    start(drwatch, folder, receivers, [probe(storage, bucket, interval="200ms", s3={"max_requests_per_day": 20})])
    wait_until(lambda: value(drwatch, "backup_probe_success") == 0, what="limit reached")
    assert value(drwatch, "backup_success") == 1, "what was seen last stands in"
    assert sum(drwatch.query("backup_storage_requests_total").values()) == 20


def test_another_configuration_of_the_probe_goes_on_with_the_day(folder, drwatch, receivers, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    limits = {"max_requests_per_day": 30}
    start(drwatch, folder, receivers, [probe(storage, bucket, interval="200ms", s3=limits)])
    wait_until(lambda: value(drwatch, "backup_probe_success") == 0, what="limit reached")
    reload(drwatch, config(folder, receivers, [probe(storage, bucket, interval="300ms", max_age="27h", s3=limits)]))
    wait_until(lambda: value(drwatch, "backup_storage_requests_total", operation="list") == 0, what="the new one asks nothing")
    wait_until(lambda: value(drwatch, "backup_probe_success") == 0, what="it cannot look")
    reload(drwatch, config(folder, receivers, [probe(storage, bucket, interval="300ms", s3={"max_requests_per_day": 3000})]))
    wait_until(lambda: value(drwatch, "backup_probe_success") == 1, what="more is allowed")


def test_what_the_day_cannot_hold_is_not_begun(folder, drwatch, receivers, storage, s3, bucket):
    """Reading it would use up the day, and the bucket could not be looked at for the rest of it."""
    s3.put(bucket, "daily/shop.dump", DUMP + os.urandom(3 << 20))
    start(drwatch, folder, receivers, [probe(storage, bucket, s3={"max_bytes_per_day": "2MiB"})])
    wait_until(lambda: drwatch.value('probe_failure_info{probe="nightly",reason="limit"}') == 1, what="told why")
    wait_until(lambda: "raise it" in drwatch.get("/")[1], what="told what to do")
    runs = value(drwatch, "backup_storage_requests_total", operation="list")
    wait_until(lambda: value(drwatch, "backup_storage_requests_total", operation="list") >= runs + 3, what="listed on and on")
    wait_until(lambda: value(drwatch, "backup_probe_success") == 1 and value(drwatch, "backup_success") == 1, what="still seen")
    assert value(drwatch, "backup_storage_received_bytes_total") < 1 << 20


def test_once_without_a_config(folder, storage, s3, bucket):
    s3.put(bucket, "daily/shop.dump", DUMP)
    s3.put(bucket, "broken/shop.dump", DUMP[:-10])
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                   "AWS_ENDPOINT_URL_S3": storage.endpoint(), "HOME": str(folder)}

    def once(*targets):
        return subprocess.run([PROGRAM, "--once", *targets], check=False, capture_output=True, text=True, env=environment)
    good = once(f"s3://{bucket}/daily")
    assert good.returncode == 0, good.stdout
    assert once(f"s3://{bucket}/daily/shop.dump").returncode == 0
    assert once(f"s3://{bucket}/broken/").returncode == 2
    assert once(f"s3://{bucket}/nothing").returncode == 2
    s3.put(bucket, f"dated/{time.strftime('%Y-%m-%d', time.gmtime())}/shop.dump", DUMP)
    assert once(f"s3://{bucket}/dated").returncode == 0, "its folders are named by dates"
    s3.put(bucket, "twice//shop.dump", DUMP)
    assert once(f"s3://{bucket}/twice//shop.dump").returncode == 0
    assert once(f"s3://{bucket}/twice//").returncode == 0
    assert once(f"s3://{bucket}/twice/shop.dump").returncode == 2, "the key of another object"
    for nowhere in ("s3://", "s3:///shop.dump"):
        refused = once(nowhere)
        assert refused.returncode == 3 and "hint: name a bucket" in refused.stderr and not refused.stdout
    environment["AWS_SECRET_ACCESS_KEY"] = "wrong"
    refused = once(f"s3://{bucket}/daily")
    assert refused.returncode == 3, "nobody knows what lies there"
    assert "SignatureDoesNotMatch" in refused.stdout
    assert SECRET_KEY not in good.stdout + good.stderr
