"""The archive that `mongodump --archive` writes, put together as its format says: no MongoDB is packaged for Debian 12."""

import struct

MAGIC = 0x8199E26D
END = b"\xff" * 4


def document(fields):
    """BSON of texts, truth values and numbers."""
    body = b""
    for name, value in fields.items():
        key = name.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + key + bytes([value])
        elif isinstance(value, int):
            body += b"\x12" + key + struct.pack("<Q", value)
        else:
            text = value.encode() + b"\0"
            body += b"\x02" + key + struct.pack("<i", len(text)) + text
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def crc64(data):
    """The CRC-64 of xz, which follows the last document of each collection."""
    crc = 2**64 - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    return crc ^ 2**64 - 1


def archive(database, collections):
    """Of {name: [{field: value}]}: the first half of each, then the second half of each, as it writes several at a time."""
    halves = {}
    for name, rows in collections.items():
        middle = len(rows) // 2
        halves[name] = [b"".join(map(document, part)) for part in (rows[:middle], rows[middle:])]

    def head(name, end, crc=0):
        return document({"db": database, "collection": name, "EOF": end, "CRC": crc})
    data = struct.pack("<I", MAGIC) + document({"version": "0.1", "server_version": "6.0.5", "tool_version": "100.7.0"})
    data += b"".join(document({"db": database, "collection": name, "metadata": '{"indexes":[]}'}) for name in collections) + END
    for half in (0, 1):
        for name in collections:
            data += head(name, False) + halves[name][half] + END
    for name in collections:
        data += head(name, True, crc64(b"".join(halves[name]))) + END
    return data
