"""Backups in Google Cloud Storage. There is no such server to run: tests/support/gcs.py answers as Google documents it."""

import gzip
import hashlib
import os
import pathlib
import subprocess
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from gcs import ACCESS_KEY, SECRET_KEY, Gcs
from servers import made_at, wait_until

DATA = pathlib.Path(__file__).resolve().parents[1] / "testdata/verify"
# Begun when they are stored: what says itself that it is days older is no backup of today.
DUMP = made_at((DATA / "custom.dump").read_bytes(), time.time() - 60)
# A dump without checksums of its own: only what Google keeps of it can tell that a bit has changed.
PLAIN_DUMP = made_at((DATA / "custom-z0.dump").read_bytes(), time.time() - 60)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gcs")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def gcs(keep, certificate):
    return keep(Gcs("company-backups", *certificate))


def probe(gcs, certificate, **more):
    s3 = {"endpoint": gcs.endpoint(), "region": "auto", "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY,
          "tls": {"ca_file": str(certificate[0])}, **more.pop("s3", {})}
    return {"name": "nightly", "type": "backup", "service": "shop", "path": "s3://company-backups/daily", "pattern": "*.dump*",
            "location": "google", "max_age": "26h", "min_size": "1KiB", "interval": "500ms", "timeout": "8s", "s3": s3, **more}


def value(drwatch, metric, **labels):
    matchers = ",".join(f'{name}="{text}"' for name, text in {"probe": "nightly", **labels}.items())
    return drwatch.value(f"{metric}{{{matchers}}}")


def proven(drwatch):
    return value(drwatch, "backup_success") == 1 and value(drwatch, "backup_verification_success") == 1


def test_good_backups_are_proven(folder, drwatch, receivers, gcs, certificate):
    for days in range(1, 8):
        gcs.put(f"daily/shop a+b-{days}.dump", DUMP, age=days * 86400)
    gcs.put("daily/shop a+b-0.dump", made_at(DUMP, time.time() - 60), age=60)
    gcs.put("elsewhere/other.dump", b"not ours")
    drwatch.start(config(folder, receivers, [probe(gcs, certificate, expect={"encrypted": True})]))
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_verification_level") == 4
    assert value(drwatch, "backup_stored_backups") == 8, "listed page by page"
    assert value(drwatch, "backup_last_size_bytes") == len(DUMP)
    assert value(drwatch, "backup_encrypted") == 1, "Google encrypts whatever it stores"
    assert value(drwatch, "backup_check_success", check="encrypted") == 1
    assert value(drwatch, "backup_retrieval_delay_seconds") == 0
    assert value(drwatch, "backup_bucket_versioning_enabled") == 0
    assert value(drwatch, "backup_stale_uploads") == 0
    assert abs(value(drwatch, "backup_clock_skew_seconds")) < 5
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="a way back")
    assert not receivers.pages()
    for text in (drwatch.log_text(), drwatch.metrics(), drwatch.get("/")[1]):
        assert SECRET_KEY not in text


@pytest.mark.parametrize("composite", [False, True], ids=["whole", "of parts"])
def test_the_stored_checksum_tells_a_bit_that_flipped(folder, drwatch, receivers, gcs, certificate, composite):
    """The dump has no checksums inside, and of an object made of parts Google keeps no MD5."""
    gcs.put("daily/shop.dump", PLAIN_DUMP, age=60, composite=composite)
    drwatch.start(config(folder, receivers, [probe(gcs, certificate, verify={"every": "2s"})]))
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_check_success", check="checksum") == 1
    gcs.rot("daily/shop.dump")
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    assert drwatch.value('probe_failure_info{probe="nightly",reason="corrupt"}') == 1
    assert "crc32c" in drwatch.get("/api/dr/backups")[1]
    gcs.put("daily/shop.dump", PLAIN_DUMP, age=50, composite=composite)
    expect_resolve(receivers, page, wait_until)


def test_what_was_stored_as_gzip_is_read_as_it_lies(folder, drwatch, receivers, gcs, certificate):
    """gsutil cp -Z: Google would unpack it on the way, and its hash and size are those of the packed bytes."""
    packed = gzip.compress(DUMP)
    gcs.put("daily/shop.dump", packed, age=60, encoding="gzip")
    sidecar = f"{hashlib.sha256(packed).hexdigest()}  shop.dump\n".encode()
    gcs.put("daily/shop.dump.sha256", sidecar, age=60)
    drwatch.start(config(folder, receivers, [probe(gcs, certificate, require_checksum=True)]))
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_last_size_bytes") == len(packed)
    assert value(drwatch, "backup_check_success", check="checksum") == 1
    assert not receivers.pages()


def test_archive_classes_are_read_at_once(folder, drwatch, receivers, gcs, certificate):
    gcs.put("daily/shop.dump", DUMP, age=60, storage_class="ARCHIVE")
    text = config(folder, receivers, [probe(gcs, certificate)], rules=built_in("RetrievalTooSlow"), extra="builtin_rules: false")
    drwatch.start(text.replace("services: [{name: shop, rpo: 1h}]", "services: [{name: shop, rto: 15m}]"))
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_retrieval_delay_seconds") == 0
    assert not drwatch.firing()


def test_lifecycle_versioning_and_locks(folder, drwatch, receivers, gcs, certificate):
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 40 * 86400))
    gcs.put("daily/shop.dump", DUMP, age=60, headers={"x-goog-object-lock-mode": "COMPLIANCE",
                                                      "x-goog-object-lock-retain-until-date": until})
    gcs.settings["versioning"] = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    gcs.settings["object-lock"] = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"

    def expire_after(days):
        gcs.settings["lifecycle"] = (
            "<LifecycleConfiguration><Rule><Action><Delete/></Action><Condition>"
            f"<Age>{days}</Age><IsLive>true</IsLive><MatchesPrefix>logs/</MatchesPrefix><MatchesPrefix>daily/</MatchesPrefix>"
            "</Condition></Rule><Rule><Action><Delete/></Action><Condition><Age>1</Age><IsLive>false</IsLive></Condition></Rule>"
            "</LifecycleConfiguration>")
    expire_after(14)
    drwatch.start(config(folder, receivers, [
        probe(gcs, certificate, retention="30d", expect={"versioning": True, "object_lock": True})],
        rules=built_in("LifecycleBelowRetention"), extra="builtin_rules: false"))
    page = expect_page(receivers, "LifecycleBelowRetention", wait_until)
    assert value(drwatch, "backup_bucket_lifecycle_expiration_seconds") == 14 * 86400
    assert value(drwatch, "backup_bucket_versioning_enabled") == 1
    assert value(drwatch, "backup_check_success", check="versioning") == 1
    assert value(drwatch, "backup_check_success", check="object_lock") == 1
    assert value(drwatch, "backup_object_lock_until_timestamp_seconds") == pytest.approx(time.time() + 40 * 86400, abs=60)
    wait_until(lambda: drwatch.value('backup_immutable_copies{backup="nightly"}') == 1, what="a copy that is locked")
    expire_after(60)
    # Settings are asked for every quarter of an hour, and after a start.
    drwatch.stop()
    drwatch.start()
    expect_resolve(receivers, page, wait_until)


def test_what_the_keys_may_not_see_is_unknown(folder, drwatch, receivers, gcs, certificate):
    gcs.put("daily/shop.dump", DUMP, age=60, headers={
        "x-goog-expiration": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 5 * 86400))})
    gcs.forbidden = {"versioning", "lifecycle", "object-lock", "uploads"}
    drwatch.start(config(folder, receivers, [
        probe(gcs, certificate, retention="30d", expect={"versioning": True, "object_lock": True})]))
    wait_until(lambda: proven(drwatch), what="backup proven")
    assert value(drwatch, "backup_bucket_versioning_enabled") is None
    assert value(drwatch, "backup_stale_uploads") is None
    assert value(drwatch, "backup_check_success", check="versioning") is None
    assert value(drwatch, "backup_check_success", check="object_lock") is None
    # The object's own header tells all the same.
    assert value(drwatch, "backup_bucket_lifecycle_expiration_seconds") == pytest.approx(5 * 86400 + 60, abs=30)
    assert value(drwatch, "backup_check_success", check="lifecycle") == 0


def test_no_right_to_list_is_no_empty_bucket(folder, drwatch, receivers, gcs, certificate):
    gcs.put("daily/shop.dump", DUMP, age=60)
    gcs.forbidden = {"list"}
    drwatch.start(config(folder, receivers, [probe(gcs, certificate)], rules=built_in("BackupPlaceUnreachable", "BackupFailed"),
                         extra="builtin_rules: false"))
    page = expect_page(receivers, "BackupPlaceUnreachable", wait_until)
    assert not receivers.pages(alertname="BackupFailed")
    assert drwatch.value('probe_failure_info{probe="nightly",reason="permission"}') == 1
    assert "storage.objects.list" in drwatch.get("/api/dr/probes")[1] or "storage.objects.list" in drwatch.get("/")[1]
    gcs.forbidden = set()
    expect_resolve(receivers, page, wait_until)


def test_uploads_by_the_thousand(folder, drwatch, receivers, gcs, certificate):
    gcs.put("daily/shop.dump", DUMP, age=60)
    now = time.time()
    gcs.uploads = sorted((f"daily/part-{number:05}", f"id-{number}", now - (90000 if number % 2 else 60)) for number in range(3500))
    drwatch.start(config(folder, receivers, [probe(gcs, certificate)], rules=built_in("StaleUploads"), extra="builtin_rules: false"))
    page = expect_page(receivers, "StaleUploads", wait_until)
    assert "1750 unfinished uploads" in page.body["payload"]["summary"]
    assert value(drwatch, "backup_stale_uploads") == 1750
    gcs.uploads = gcs.uploads[:0]
    # They are asked for every quarter of an hour, and after a start.
    drwatch.stop()
    drwatch.start()
    expect_resolve(receivers, page, wait_until)


def test_once_without_a_config(folder, gcs, certificate):
    gcs.put("daily/shop.dump", DUMP, age=60)
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "wrong", "AWS_REGION": "auto",
                   "AWS_ENDPOINT_URL_S3": gcs.endpoint(), "HOME": str(folder), "SSL_CERT_FILE": str(certificate[0])}

    def once():
        return subprocess.run([PROGRAM, "--once", "s3://company-backups/daily"], check=False, capture_output=True, text=True,
                              env=environment)
    refused = once()
    assert refused.returncode == 3 and "SignatureDoesNotMatch" in refused.stdout, refused.stdout
    environment["AWS_SECRET_ACCESS_KEY"] = SECRET_KEY
    good = once()
    assert good.returncode == 0, good.stdout
    assert "intact" in good.stdout
