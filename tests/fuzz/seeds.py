#!/usr/bin/python3
"""Writes inputs for the fuzz targets from tests/testdata, rules/ and examples/: seeds.py OUTPUT_FOLDER."""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/testdata"
MAX_BYTES = 4096


class Seeds:
    def __init__(self, folder):
        self.folder = folder

    def add(self, target, content):
        if isinstance(content, str):
            content = content.encode()
        if not content or len(content) > MAX_BYTES:
            return
        folder = self.folder / (target + "_fuzz")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(content).hexdigest()[:16]).write_bytes(content)


def promql(seeds):
    expressions = []
    for case in json.loads((DATA / "promql-parser/cases.json").read_text())["expressions"]:
        expressions.append(case["expr"] if "expr" in case else bytes.fromhex(case["expr_hex"]))
    for script in (DATA / "promql").glob("*.test"):
        for line in script.read_text().splitlines():
            found = re.match(r"eval\w* (?:instant at \S+|range from \S+ to \S+ step \S+) +(.*)", line)
            if found:
                expressions.append(found[1])
                known = re.sub(r"\b[a-z_]*(requests|metric|data)\w*(?=[\[{ )]|$)", "requests_total", found[1])
                seeds.add("promql_eval", known)
    for expression in expressions:
        seeds.add("promql_lexer", expression)
        seeds.add("promql_parser", expression)


def pages(seeds):
    for page in (DATA / "exposition").glob("*.txt"):
        text = page.read_bytes()
        for end in (len(text), 1000):
            seeds.add("exposition", text[:end])


def templates(seeds):
    for line in (DATA / "templates/templates.yaml").read_text().splitlines():
        found = re.match(r'\s*(?:- )?"template": (".*")$', line)
        if found:
            seeds.add("template", json.loads(found[1]))


def items(text):
    """The top-level list items of each section, each as a file of its own."""
    for section in re.split(r"\n(?=[a-z_]+:)", text):
        head, *parts = re.split(r"\n(?= {0,2}- )", section)
        for part in parts:
            yield head.splitlines()[-1] + "\n" + part + "\n"
        if not parts:
            yield section + "\n"


def files(seeds):
    for file in list((DATA / "rules-check").glob("*.y*ml")) + list((DATA / "rules-unit").glob("*/rules*.yml")):
        seeds.add("rule_file", file.read_bytes())
    for file in (ROOT / "rules").glob("*.yml"):
        for rule in re.split(r"\n(?=  - alert|  - record)", file.read_text())[1:]:
            seeds.add("rule_file", "groups:\n- name: g\n  rules:\n" + rule + "\n")
    for file in (DATA / "rules-unit").glob("*/*test*.yml"):
        seeds.add("rule_test", file.read_bytes())
    for file in list((ROOT / "examples").glob("*.yml")) + [DATA / "config/errors.yml"]:
        text = re.sub(r"\$\{\w+\}", "${S}", file.read_text())
        text = re.sub(r"(?m)^\s*#.*\n", "", text)
        seeds.add("config", text)
        for item in items(text):
            seeds.add("config", item)


def tool(*command, content):
    """What a compressor makes of it, or nothing where it is not installed."""
    if not shutil.which(command[0]):
        return b""
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout


def tar_of(members, kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()[:3584]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def wal_segment():
    """The start of a segment of PostgreSQL 15 with pages of 1 KiB: two records, the second a commit."""
    page = struct.pack("<HHIQIIQII", 0xD110, 2, 1, 1 << 20, 0, 0, 7, 1 << 20, 1024)
    previous = 0
    for manager, body in ((10, b"x" * 30), (1, b"\xff\x08" + struct.pack("<Q", 10**15))):
        head = struct.pack("<IIQBB2x", 24 + len(body), 7, previous, 0, manager)
        previous = (1 << 20) + len(page)
        page += head + struct.pack("<I", crc32c(body + head)) + body
        page += bytes(-len(page) % 8)
    return page.ljust(1024, b"\0") + bytes(1024)


def old_tar():
    """A tar archive from before there was a magic."""
    tar = bytearray(tar_of([("a", b"hello")], tarfile.USTAR_FORMAT))
    tar[257:512] = bytes(255)
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    return bytes(tar[:2048])


def snappy(content):
    """One chunk that is stored, not compressed."""
    crc = crc32c(content)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return b"\xff\x06\x00\x00sNaPpY\x01" + struct.pack("<I", len(content) + 4)[:3] + struct.pack("<I", masked) + content


def folder(*files):
    """Several files, as the target takes them."""
    return b"\n\x1e".join(name.encode() + b"\n" + content for name, content in files)


BASE_BACKUP = b"""{ "PostgreSQL-Backup-Manifest-Version": 1,
"Files": [
{ "Path": "backup_label", "Size": 1, "Last-Modified": "2026-01-01 00:00:00 GMT" },
{ "Path": "PG_VERSION", "Size": 3, "Checksum-Algorithm": "CRC32C", "Checksum": "%s" }
],
"WAL-Ranges": [ { "Timeline": 1, "Start-LSN": "0/100000", "End-LSN": "0/100028" } ],"""


def borg_repository():
    """One transaction of Borg 1: two pieces and its end; behind it what a backup that runs has written."""
    def entry(kind, rest):
        checked = (9 + len(rest)).to_bytes(4, "little") + bytes([kind]) + rest
        return zlib.crc32(checked).to_bytes(4, "little") + checked
    def bucket(key, segment, offset):
        return key + segment.to_bytes(4, "little") + offset.to_bytes(4, "little")
    first, second = entry(0, b"a" * 32 + b"sealed"), entry(0, b"b" * 32)
    index = b"BORG_IDX" + (2).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"\x20\x08"
    index += bucket(b"a" * 32, 1, 8) + bucket(b"b" * 32, 1, 8 + len(first)) + bucket(bytes(32), 0xffffffff, 0)
    return [("README", b"x"), ("config", b"[repository]\nversion = 1\n"), ("hints.2", b"x"), ("index.2", index),
            ("data/0/1", b"BORG_SEG" + first + second), ("data/0/2", b"BORG_SEG" + entry(2, b"")),
            ("data/0/3", b"BORG_SEG" + entry(1, b"c" * 32)[:30])]


def restic_repository():
    names = [("keys/", b"k"), ("snapshots/", b"s"), ("index/", b"i"), ("data/6e/", b"pack")]
    return [("config", b"x")] + [(name + hashlib.sha256(content).hexdigest(), content) for name, content in names]


def folders(seeds):
    seeds.add("verify", folder(*borg_repository()))
    seeds.add("verify", folder(*restic_repository()))
    manifest = BASE_BACKUP % crc32c(b"15\n").to_bytes(4, "little").hex().encode()
    whole = [("backup_label", b"x"), ("PG_VERSION", b"15\n")]
    segment = ("pg_wal/000000010000000000000001", wal_segment())
    seeds.add("verify", folder(("backup_manifest", manifest), *whole, segment))
    # Without WAL, whose segments are too large, so that all of it is right.
    idle = re.sub(rb'(?<="WAL-Ranges": )\[.*?\]', b"[ ]", manifest)
    seeds.add("verify", folder(("backup_manifest", idle), *whole))
    seeds.add("verify", folder(("backup_manifest", idle), ("base.tar", tar_of(whole, tarfile.USTAR_FORMAT)[:3072])))
    for part in ("verify/folder", "verify/aof"):
        files = [(file.name, file.read_bytes()) for file in sorted((DATA / part).glob("*"))]
        seeds.add("verify", folder(*[file for file in files if len(file[1]) < 3300]))
    seeds.add("verify", folder(("SHA256SUMS", hashlib.sha256(b"1").hexdigest().encode() + b"  a"), ("a", b"1")))


def artefacts(seeds):
    contents = {"x.sql": b"--\n-- PostgreSQL database dump\n--\nCOPY t (a) FROM stdin;\n1\n\\.\n--\n-- PostgreSQL database dump complete\n--\n"}
    contents["t.tar"] = tar_of([("a/b", b"hello"), ("c" * 120, b"")], tarfile.PAX_FORMAT)
    contents["g.tar"] = tar_of([("c" * 120, b"x")], tarfile.GNU_FORMAT)
    contents["v7.tar"] = old_tar()
    contents["000000010000000000000001"] = wal_segment()
    # Whole ones are as short as this only when they are packed.
    seeds.add("verify", b"000000010000000000000001.zst\n" + tool("zstd", "-q", "-c", content=wal_segment().ljust(1 << 20, b"\0")))
    contents["000000010000000000000001.00000028.backup"] = b"START WAL LOCATION: 0/1000028 (file 000000010000000000000001)\nSTOP WAL LOCATION: 0/1000100 (file 000000010000000000000001)\nSTART TIME: 2026-01-01 00:00:00 UTC\nLABEL: x\nSTART TIMELINE: 1\n"
    contents["00000003.history"] = b"1\t0/1000000\tno recovery target specified\n2\t0/2000000\tx\n"
    contents["x.json"] = b'{"a": [1, 2.5e3, "\\u00e9", null]}\n{}\n'
    contents["x.yml"] = b"a: &x [1, {b: c}]\nd: *x\n---\n- |\n  text\n"
    contents["x.rdb"] = b"REDIS0004\xfe\x00\x00\x01a\x01b\x04\x01h\x01\x01f\x01v\xff"
    contents["x.aof"] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$5\r\nMULTI\r\n"
    for file in sorted((DATA / "verify").glob("*")) + sorted((DATA / "verify/aof").glob("*")):
        if file.is_file() and file.suffix != ".sh":
            contents[file.name] = file.read_bytes()[:3500]
    for file in (DATA / "verify/zip").glob("*.zip"):
        if file.stat().st_size < 4000:
            seeds.add("verify", file.name.encode() + b"\n" + file.read_bytes())
    packed_files = io.BytesIO()
    with zipfile.ZipFile(packed_files, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x.sql", "x.json", "x.aof"):
            with archive.open(name, "w", force_zip64=name == "x.json") as member:
                member.write(contents[name])
    seeds.add("verify", b"x.zip\n" + packed_files.getvalue())
    for file in (DATA / "verify/folder").glob("*"):
        seeds.add("verify", file.name.encode() + b"\n" + file.read_bytes())
    for name, content in contents.items():
        seeds.add("verify", name.encode() + b"\n" + content)
        packed = {".gz": gzip.compress(content, mtime=0), ".bz2": bz2.compress(content, 1), ".xz": lzma.compress(content),
                  ".lzma": lzma.compress(content, lzma.FORMAT_ALONE), ".sz": snappy(content),
                  ".zst": tool("zstd", "-q", "-c", content=content), ".lz4": tool("lz4", "-q", "-c", content=content),
                  ".br": tool("brotli", "-c", content=content)}
        for suffix, bytes_ in packed.items():
            seeds.add("verify", (name + suffix).encode() + b"\n" + bytes_)
    text = contents["x.sql"]
    seeds.add("verify", b"old.lz4\n" + tool("lz4", "-q", "-l", "-c", content=text))
    seeds.add("verify", b"parallel.sql.zst\n" + tool("pzstd", "-q", "-c", content=text))
    folders(seeds)


def main():
    seeds = Seeds(pathlib.Path(sys.argv[1]))
    for make in (promql, pages, templates, files, artefacts):
        make(seeds)


main()
