#!/bin/sh
# Makes packed/ from plain.sql with brotli, xz and libsnappy (Debian packages brotli, xz-utils, libsnappy1v5).
set -eu
cd "$(dirname "$0")"
mkdir -p packed
brotli -c plain.sql >packed/plain.sql.br
brotli --large_window=26 -c plain.sql >packed/large.sql.br
xz --format=lzma -c plain.sql >packed/plain.sql.lzma
# The frames around libsnappy's blocks (framing_format.txt): it has no function for them.
/usr/bin/python3 - >packed/plain.sql.snappy <<'END'
import ctypes
import struct
import sys

library = ctypes.CDLL("libsnappy.so.1")
sys.stdout.buffer.write(b"\xff\x06\x00\x00sNaPpY")
with open("plain.sql", "rb") as file:
    while part := file.read(10000):
        crc = 0xFFFFFFFF
        for byte in part:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        crc ^= 0xFFFFFFFF
        masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        size = ctypes.c_size_t(library.snappy_max_compressed_length(len(part)))
        block = ctypes.create_string_buffer(size.value)
        assert library.snappy_compress(part, len(part), block, ctypes.byref(size)) == 0
        sys.stdout.buffer.write(b"\x00" + struct.pack("<I", size.value + 4)[:3] + struct.pack("<I", masked))
        sys.stdout.buffer.write(block.raw[:size.value])
END
