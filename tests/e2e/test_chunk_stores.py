"""Repositories of restic and Borg, laid out as their programs do it: read without a key."""

import hashlib
import json
import subprocess
import zlib

from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from servers import wait_until


def verify(path):
    answer = subprocess.run([PROGRAM, "verify", "--format=json", path], check=False, capture_output=True, text=True)
    return answer.returncode, json.loads(answer.stdout)[0]


def put(folder, content):
    """A file that is named after its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(content).hexdigest()
    path.write_bytes(content)
    return path


def restic_repository(root):
    for part in ("keys", "index", "snapshots", "data/5c"):
        put(root / part, part.encode() * 100)
    (root / "config").write_bytes(b"sealed")
    return put(root / "data/aa", bytes(range(256)) * 1000)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_pack_of_restic_pages(folder, drwatch, receivers):
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    pack = restic_repository(folder / "restic")
    code, verdict = verify(folder / "restic")
    assert (code, verdict["level"], verdict["format"]) == (0, 2, "restic repository"), verdict
    drwatch.start(config(folder, receivers, [{"name": "laptops", "type": "backup", "service": "shop", "path": str(folder / "restic"),
                                              "max_age": "26h", "quiet_time": "200ms"}],
                         rules=built_in("BackupCorrupt"), extra="builtin_rules: false"))
    wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="it was read")
    wait_until(lambda: drwatch.value("backup_success") == 1, what="it is a backup")
    flip(pack)
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    code, verdict = verify(folder / "restic")
    assert (code, verdict["place"]) == (2, f"data/aa/{pack.name}: byte 0"), verdict
    flip(pack)
    put(folder / "restic/snapshots", b"another backup")
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="it is whole again")


def entry(kind, rest):
    checked = (9 + len(rest)).to_bytes(4, "little") + bytes([kind]) + rest
    return zlib.crc32(checked).to_bytes(4, "little") + checked


def test_a_repository_of_borg(folder):
    root = folder / "borg"
    (root / "data/0").mkdir(parents=True)
    first = entry(0, b"a" * 32 + b"sealed")
    index = b"BORG_IDX" + (2).to_bytes(4, "little") * 2 + b"\x20\x08"
    for key, offset in ((b"a", 8), (b"b", 8 + len(first))):
        index += key * 32 + (1).to_bytes(4, "little") + offset.to_bytes(4, "little")
    for name, content in {"README": b"x", "config": b"[repository]\nversion = 1\n", "hints.2": b"x", "index.2": index,
                          "data/0/1": b"BORG_SEG" + first + entry(0, b"b" * 32), "data/0/2": b"BORG_SEG" + entry(2, b"")}.items():
        (root / name).write_bytes(content)
    code, verdict = verify(root)
    assert (code, verdict["level"], verdict["format"]) == (0, 4, "Borg repository"), verdict
    # What a backup writes while it runs.
    (root / "data/0/3").write_bytes(b"BORG_SEG" + first[:20])
    assert verify(root)[0] == 0
    flip(root / "data/0/1")
    code, verdict = verify(root)
    assert (code, verdict["place"]) == (2, "data/0/1: byte 8"), verdict
    (root / "data/0/1").unlink()
    code, verdict = verify(root)
    assert code == 2 and "segment 1 is missing" in verdict["message"], verdict
