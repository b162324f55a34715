"""Damages for copies of an artefact, and which of them its format lets anybody see.

A damage is (class, file relative to the artefact or "", function from bytes to bytes or None). `visible(kind, class)` is
  SEEN    the format proves its absence: a verifier that misses one is wrong
  UNSEEN  the format carries nothing against it: the verdict's level must say so (3 or less)
  EITHER  it depends on where it falls
"""

import re

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
    "tar": {**RAW, "zeros appended": UNSEEN},
    # What is wrong in a text, and what stands behind its end mark.
    "sql": {**RAW, "junk appended": UNSEEN, "zeros appended": UNSEEN},
    # Padding between the members; a manifest may be left out on purpose; the folder may hold other files.
    "base-tar": {"flipped bit": EITHER, "blocks swapped": EITHER, "block of zeros": EITHER, "zeros appended": EITHER,
                 "file removed": EITHER, "extra file": UNSEEN},
    "base-packed": {"flipped bit": EITHER, "zeros appended": EITHER, "file removed": EITHER, "extra file": UNSEEN},
    "base-packed-unchecked": {"flipped bit": EITHER, "blocks swapped": EITHER, "block of zeros": EITHER,
                              "zeros appended": EITHER, "file removed": EITHER, "extra file": UNSEEN},
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


def file_damages(random, data, count):
    """(class, function) for one file: `count` of each class that has a place in it."""
    size = len(data)
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
        exempt = r"(pg_wal/.*|postgresql\.auto\.conf|.*\.signal)"
        return not re.fullmatch(exempt, name) and not name.startswith("pg_wal.tar")
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
