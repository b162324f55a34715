"""Damages backups that real tools made, and wants drwatch to see every damage that the format can show."""

import os
import pathlib
import re
import subprocess
import sys
import tarfile
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/verify/corpus"))

import artefacts  # noqa: E402
import detect  # noqa: E402

PROGRAM = pathlib.Path(os.environ.get("DRWATCH_PROGRAM", ROOT / "build/release/exporter/drwatch"))
VERIFY_LINES = PROGRAM.parents[1] / "tests/verify_lines"
# Each class of damage, so often for each artefact; base backups are a thousand times larger than the others.
DAMAGES = 8
DAMAGES_OF_BASE_BACKUPS = 2


@pytest.fixture
def verifier():
    one = detect.Verifier(VERIFY_LINES)
    yield one
    one.close()


@pytest.mark.parametrize("part", ["dumps", "base_backups", "redis", "files"])
def test_every_damage_that_can_be_seen_is_seen(folder, verifier, part):
    maker = artefacts.Maker(folder / "corpus", seed=1)
    try:
        made = maker.make(part)
    finally:
        maker.close()
    work = folder / "work"
    work.mkdir()
    run = detect.Run(verifier, work, seed=len(part), with_tools=False)
    for artefact in made:
        run.artefact(artefact, DAMAGES_OF_BASE_BACKUPS if part == "base_backups" else DAMAGES)
    assert run.wrong == []
    assert sum(count.total for counts in run.counts.values() for count in counts.values()) > 50 * len(made) / 4


# What a hostile or broken source may leave: each ends soon and in little memory.

MEMORY = 64 << 20


def verify_in_a_child(path):
    """(answer, peak memory in bytes) of verifying one path in a process of its own."""
    child = subprocess.Popen([str(VERIFY_LINES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    child.stdin.write(f"{path}\n")
    child.stdin.flush()
    answer = child.stdout.readline()
    peak = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")).group(1))
    child.stdin.close()
    assert child.wait(30) == 0
    return answer.split("\t"), peak * 1024


def pack(program, chunks, target):
    with open(target, "wb") as output:
        packer = subprocess.Popen([*program, "-c"], stdin=subprocess.PIPE, stdout=output)
        for chunk in chunks:
            packer.stdin.write(chunk)
        packer.stdin.close()
        assert packer.wait() == 0


@pytest.mark.parametrize("program", [["gzip", "-9"], ["zstd", "-q"], ["bzip2"], ["xz", "-1"], ["lz4", "-q"]])
def test_bombs_stay_small(folder, program):
    bomb = folder / "bomb.gz"
    pack(program, (bytes(1 << 20) for _ in range(256)), bomb)
    answer, memory = verify_in_a_child(bomb)
    assert answer[0] == "broken" and "zero bytes" in answer[3]
    assert memory < MEMORY
    # Packed twice over, and deeper than anybody packs.
    again = folder / "again.gz"
    pack(program, [bomb.read_bytes()], again)
    for _ in range(3):
        data = again.read_bytes()
        pack(program, [data], again)
    answer, memory = verify_in_a_child(again)
    assert answer[0] == "unjudged" and answer[2] == "limit"
    assert memory < MEMORY


def test_names_of_ten_megabytes_stay_small(folder):
    archive = folder / "names.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("n" * (10 << 20)))
    answer, memory = verify_in_a_child(archive)
    assert answer[0] == "broken" and answer[2] == "corrupt"
    assert memory < MEMORY
    many = folder / "many.tar"
    with tarfile.open(many, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("toc.dat"))
        for i in range(300):
            tar.addfile(tarfile.TarInfo(f"{i}" + "n" * (1 << 20 - 1)))
    _, memory = verify_in_a_child(many)
    assert memory < MEMORY
    manifest = folder / "backup"
    manifest.mkdir()
    (manifest / "backup_manifest").write_bytes(b'{ "Files": [ { "Path": "' + b"n" * (10 << 20))
    answer, memory = verify_in_a_child(manifest)
    assert answer[0] == "broken" and answer[2] == "incomplete"
    assert memory < MEMORY
    listed = folder / "SHA256SUMS"
    listed.write_bytes(b"0" * 64 + b"  " + b"n" * (10 << 20))
    answer, memory = verify_in_a_child(listed)
    assert answer[0] == "unjudged" and memory < MEMORY


def test_yaml_of_one_line_stays_small(folder):
    """Its parser keeps whatever stands between brackets until they are closed."""
    for name, text, outcome in [("many", "a: [" + "b, " * 2_700_000 + "c]\n", "unjudged"),
                                ("deep", "[" * (8 << 20), "unjudged"),
                                ("json", '{"a": [' + '"b",' * 2_000_000 + "0]}", "intact"),
                                ("few", "a: [" + "b, " * 99_000 + "c" * (7 << 20) + "]\n", "intact"),
                                ("marks", '"" ' * 49_000 + "\n", "intact")]:
        file = folder / f"{name}.yaml"
        file.write_text(text, encoding="ascii")
        answer, memory = verify_in_a_child(file)
        assert answer[0] == outcome, (name, answer)
        assert memory < MEMORY, (name, memory)


def test_sparse_files_stay_small(folder):
    sparse = folder / "sparse.dump"
    with open(sparse, "wb") as file:
        file.truncate(1 << 30)
    answer, memory = verify_in_a_child(sparse)
    assert answer[0] == "broken" and memory < MEMORY


def test_fifos_and_devices_are_not_opened(folder):
    os.mkfifo(folder / "endless.dump")
    answer, _ = verify_in_a_child(folder / "endless.dump")
    assert answer[0] == "unjudged" and answer[2] == "wrong_format"
    answer, _ = verify_in_a_child("/dev/zero")
    assert answer[0] == "unjudged"
    (folder / "place").mkdir()
    os.mkfifo(folder / "place/SHA256SUMS")
    (folder / "place/x.json").write_text("{}", encoding="ascii")
    answer, _ = verify_in_a_child(folder / "place/x.json")
    assert answer[0] == "intact"


def test_a_file_that_grows_for_ever_ends(folder):
    growing = folder / "growing.aof"
    command = b"*1\r\n$4\r\nPING\r\n"
    growing.write_bytes(command * 10000)
    stop = threading.Event()

    def grow():
        with open(growing, "ab", buffering=0) as file:
            while not stop.wait(0.0001):
                file.write(command * 1000)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        answer, memory = verify_in_a_child(growing)
    finally:
        stop.set()
        writer.join()
    assert answer[0] == "intact" and memory < MEMORY
