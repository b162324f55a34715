"""Damages for copies of an artefact, and which of them its format lets anybody see.

A damage is (class, file relative to the artefact or "", function from bytes to bytes or None). `visible(kind, class)` is
  SEEN    the format proves its absence: a verifier that misses one is wrong
  UNSEEN  the format carries nothing against it: the verdict's level must say so (3 or less)
  EITHER  it depends on where it falls
"""

import gzip
import json
import re
import struct
import zlib

BLOCK = 4096
SEEN, UNSEEN, EITHER = "seen", "unseen", "either"

CLASSES = ["cut off", "flipped bit", "blocks swapped", "block of zeros", "junk appended", "zeros appended", "made empty",
           "error page", "file removed", "extra file", "files exchanged"]

# Formats that cover every byte of theirs.
ALL_SEEN = {name: SEEN for name in CLASSES}
# Tables of contents, headers of archives and rows that are not packed carry no checksum.
RAW = {"flipped bit": EITHER, "blocks swapped": EITHER, "block of zeros": EITHER}

EXCEPTIONS = {
    # Bytes of the header that change nothing that is unpacked (time, name, system), and zeros behind the end.
    "packed": {"flipped bit": EITHER, "zeros appended": UNSEEN},
    # A cut between two members leaves a whole file.
    "packed-members": {"cut off": EITHER, "flipped bit": EITHER, "zeros appended": UNSEEN},
    # What stands in a skippable frame is nobody's.
    "packed-pzstd": {"flipped bit": EITHER},
    "packed-unchecked": RAW,
    "custom": {"flipped bit": EITHER, "blocks swapped": EITHER, "block of zeros": EITHER},
    "custom-raw": RAW,
    # Rows of one table in another's file; large objects that are not packed may be anything.
    "dump-folder": {"flipped bit": EITHER, "extra file": UNSEEN, "zeros appended": EITHER, "files exchanged": EITHER},
    "dump-folder-raw": {**RAW, "cut off": EITHER, "extra file": UNSEEN, "files exchanged": EITHER, "zeros appended": EITHER,
                        "junk appended": EITHER, "made empty": EITHER, "error page": EITHER},
    "dump-tar": {**RAW, "zeros appended": UNSEEN},
    # The table of contents, and padding between the members.
    "dump-folder-tar": {**RAW, "zeros appended": UNSEEN},
    "tar": {**RAW, "zeros appended": UNSEEN},
    # What is wrong in a text, and what stands behind its end mark.
    "sql": {**RAW, "junk appended": UNSEEN, "zeros appended": UNSEEN},
    # Padding between the members; a manifest may be left out on purpose; the folder may hold other files.
    "base-tar": {"flipped bit": EITHER, "blocks swapped": EITHER, "block of zeros": EITHER, "zeros appended": EITHER,
                 "file removed": EITHER, "extra file": UNSEEN},
    "base-packed": {"flipped bit": EITHER, "zeros appended": EITHER, "file removed": EITHER, "extra file": UNSEEN},
    "base-packed-unchecked": {"flipped bit": EITHER, "blocks swapped": EITHER, "block of zeros": EITHER,
                              "zeros appended": EITHER, "file removed": EITHER, "extra file": UNSEEN},
    # Padding between the members, and WAL behind what is needed.
    "base-one": {**RAW, "zeros appended": UNSEEN},
    "rdb-unchecked": RAW,
    # A cut-off tail is what a crash leaves: the server drops it.
    "aof": {**RAW, "cut off": EITHER, "made empty": SEEN},
    "aof-folder": {**RAW, "cut off": EITHER, "extra file": UNSEEN, "made empty": EITHER, "files exchanged": SEEN},
    "json": {**RAW, "zeros appended": SEEN},
    "listed": {"extra file": EITHER},
}


def visible(kind, damage_class):
    return EXCEPTIONS.get(kind, {}).get(damage_class, SEEN)


def harmless(before, after):
    """True if all that is lost is padding at the very end: zeros of a tar archive that keeps its two zero blocks, or what
    follows the end mark of a text."""
    lost = before[len(after):]
    if not before.startswith(after) or not lost:
        return before == after
    return (not any(lost) and not any(after[-1024:])) or (len(lost) < 16 and set(lost) <= set(b"\n- ") and len(after) > 16)


def cut(size):
    return lambda data: data[:size]


def flip(at, bit):
    def apply(data):
        data = bytearray(data)
        data[at] ^= 1 << bit
        return bytes(data)
    return apply


def swap(a, b, block):
    def apply(data):
        data = bytearray(data)
        data[a:a + block], data[b:b + block] = data[b:b + block], data[a:a + block]
        return bytes(data)
    return apply


def zero(at, block):
    return lambda data: data[:at] + bytes(len(data[at:at + block])) + data[at + block:]


class Wal:
    """What a base backup needs of one segment of its pg_wal. Bytes that say nothing:
    - outside the manifest's WAL-Ranges: recovery reads them, if at all, behind the point where the backup is consistent;
    - between a record and the next one, which begins at a multiple of 8; and the last 4 bytes of a page's header, up to
      the next multiple of 8: PostgreSQL looks at neither;
    - the flag XLP_BKP_REMOVABLE of a page, a hint for programs that strip block images, with which a page is as valid as
      without;
    - of a page that no record goes on to: how much of one is left (xlp_rem_len), and whether another was written over it
      (XLP_FIRST_IS_OVERWRITE_CONTRECORD). PostgreSQL asks for both only where one goes on."""

    PAGE = 8192
    LONG_HEADER, SHORT_HEADER = 40, 24
    INFO, LEFT = 2, range(16, 20)
    CONTINUED, REMOVABLE, OVERWRITTEN = 1, 4, 8

    def __init__(self, backup, name):
        data = (backup / name).read_bytes()
        segment = name.rpartition("/")[2]
        number = int(segment[8:16], 16) * ((1 << 32) // len(data)) + int(segment[16:], 16)
        first = number * len(data)
        ranges = json.loads((backup / "backup_manifest").read_bytes())["WAL-Ranges"]
        mine = [one for one in ranges if one["Timeline"] == int(segment[:8], 16)]
        self.begin = max(0, min(self.position(one["Start-LSN"]) for one in mine) - first)
        self.end = min(len(data), max(self.position(one["End-LSN"]) for one in mine) - first)
        self.flags = {page: data[page + self.INFO] for page in range(0, len(data), self.PAGE)}
        self.padding = set()
        if self.begin > 0:
            self.walk(data)

    @staticmethod
    def position(lsn):
        high, low = lsn.split("/")
        return int(high, 16) << 32 | int(low, 16)

    def header(self, page):
        return self.LONG_HEADER if page == 0 else self.SHORT_HEADER

    def walk(self, data):
        """Record by record from where the backup begins; what begins in a segment before this one is not followed."""
        at = self.begin
        while at < self.end:
            left, = struct.unpack_from("<I", data, at)
            while left > 0 and at < len(data):
                part = min(left, self.PAGE - at % self.PAGE)
                left -= part
                at += part
                if left > 0:
                    at += self.header(at)
            self.padding.update(range(at, (at + 7) // 8 * 8))
            at = (at + 7) // 8 * 8
            if at % self.PAGE == 0:
                at += self.header(at)

    def says_nothing(self, at, before, after):
        page = at // self.PAGE * self.PAGE
        hints = self.REMOVABLE | (0 if self.flags[page] & self.CONTINUED else self.OVERWRITTEN)
        if at - page == self.INFO and (before ^ after) & ~hints == 0:
            return True
        if at - page in self.LEFT and not self.flags[page] & self.CONTINUED:
            return True
        if at % self.PAGE < self.header(page):
            return self.SHORT_HEADER - 4 <= at % self.PAGE < self.SHORT_HEADER or at >= self.end
        return not self.begin <= at < self.end or at in self.padding

    def harmless(self, before, after):
        if len(before) != len(after):
            return False
        for page in range(0, len(before), self.PAGE):
            old, new = before[page:page + self.PAGE], after[page:page + self.PAGE]
            if old != new and not all(self.says_nothing(page + at, a, b)
                                      for at, (a, b) in enumerate(zip(old, new)) if a != b):
                return False
        return True


def unpacks_alike(before, after):
    """True if a gzip file unpacks to the same bytes, its checksum right: pg_basebackup leaves blocks without content in
    pg_wal.tar.gz, which may hold anything that is such a block as well."""
    try:
        return gzip.decompress(before) == gzip.decompress(after)
    except (OSError, EOFError, zlib.error):
        return False


def is_segment(name):
    return re.fullmatch(r"pg_wal/[0-9A-F]{24}", name) is not None


def file_damages(random, data, count, size=None):
    """(class, function) for one file: `count` of each class that has a place in it, within its first `size` bytes."""
    size = len(data) if size is None else size
    if size == 0:
        return
    edges = {size - 1, size - 4, size - 512, size // 2, size // 4, 3 * size // 4, 512, 4096, size // 4096 * 4096, 1}
    places = [place for place in edges if 0 < place < size] + [random.randrange(1, size) for _ in range(count)] if size > 1 else []
    random.shuffle(places)
    for place in places[:count]:
        yield "cut off", cut(place)
    for _ in range(count):
        yield "flipped bit", flip(random.randrange(size), random.randrange(8))
    block = BLOCK if size >= 4 * BLOCK else max(1, size // 8)
    for _ in range(count):
        a, b = (random.randrange(size // block) * block for _ in "ab")
        if data[a:a + block] != data[b:b + block]:
            yield "blocks swapped", swap(min(a, b), max(a, b), block)
    for _ in range(count):
        at = random.randrange(max(1, size // block)) * block
        if any(data[at:at + block]):
            yield "block of zeros", zero(at, block)
    for length in (1, 64, 5000)[:max(1, count // 3)]:
        junk = random.randbytes(length - 1) + b"\x55"
        yield "junk appended", lambda original, junk=junk: original + junk
    for length in (1, 512, 10240)[:max(1, count // 3)]:
        yield "zeros appended", lambda original, length=length: original + bytes(length)
    yield "made empty", lambda original: b""
    yield "error page", lambda original: b"<!DOCTYPE html><html><body>403 Forbidden</body></html>\n"


def is_part(kind, name):
    """True for files whose damage anybody should see."""
    if kind.startswith("base"):
        # The server writes these without telling the manifest.
        return not re.fullmatch(r"(pg_wal/archive_status/.*|postgresql\.auto\.conf|.*\.signal)", name)
    if kind.startswith("dump-folder"):
        return name != "toc.dat"
    if kind == "aof-folder":
        return not name.endswith(".manifest")
    return True


def folder_damages(random, artefact, count):
    """(class, file, function) for a folder; None for the function removes the file."""
    files = {path.relative_to(artefact.path).as_posix(): path for path in sorted(artefact.path.rglob("*")) if path.is_file()}
    parts = [name for name in files if is_part(artefact.kind, name) and files[name].stat().st_size > 0]
    lists = [name for name in parts if not name.endswith("SUMS")]
    # A few files among a thousand, and the ones that make the others consistent.
    wal = [name for name in parts if is_segment(name) or name.startswith("pg_wal.tar")]
    for name in wal:
        size = Wal(artefact.path, name).end if is_segment(name) else None
        for damage_class, function in file_damages(random, files[name].read_bytes(), count, size):
            yield damage_class, name, function
        yield "file removed", name, None
    lists = [name for name in lists if not is_segment(name)]
    parts = [name for name in parts if name not in wal]
    seen = set()
    for _ in range(count * 3):
        name = random.choice(lists)
        data = files[name].read_bytes()
        for damage_class, function in file_damages(random, data, 1):
            wanted = [key for key in seen if key[0] == damage_class]
            if len(wanted) < count and function(data) != data:
                seen.add((damage_class, len(wanted)))
                yield damage_class, name, function
    for name in random.sample(parts, min(count, len(parts))):
        if not name.endswith("SUMS"):
            yield "file removed", name, None
    yield "extra file", "extra-file.bin", lambda _: b"what is this\n"
    by_extension = {}
    for name in lists:
        by_extension.setdefault(name.rpartition(".")[2], []).append(name)
    pairs = [(a, b) for group in by_extension.values() for a in group for b in group
             if a < b and files[a].read_bytes() != files[b].read_bytes()] if len(lists) < 50 else []
    for a, b in random.sample(pairs, min(count, len(pairs))):
        yield "files exchanged", (a, b), None
