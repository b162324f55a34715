#!/bin/sh
# Makes zip/ with Info-ZIP, Python and libarchive (Debian packages zip, python3, libarchive-tools).
set -eu
cd "$(dirname "$0")"
mkdir -p zip
rm -f zip/*
files=$(mktemp -d)
mkdir "$files/empty-folder"
head -c 3000 plain.sql >"$files/part.txt"
: >"$files/empty"
seq 2000 >"$files/numbers"
zip -q zip/dump.zip plain.sql
cat plain.sql | zip -q - - >zip/dump-pipe.zip
head -c 3000 plain.sql | zip -q - - >zip/cut-dump.zip
here=$PWD
cd "$files"
zip -qr "$here/zip/files.zip" .
zip -qr - . | cat >"$here/zip/files-pipe.zip"
zip -qr0 - . | cat >"$here/zip/stored-pipe.zip"
zip -qr -P secret "$here/zip/encrypted.zip" .
zip -qr -Z bzip2 "$here/zip/bzip2.zip" .
bsdtar --format zip --options zip:zip64 -cf - . | cat >"$here/zip/zip64-padded.zip"
/usr/bin/python3 - "$here/zip/zip64-stream.zip" <<'END'
import sys
import zipfile


class Pipe:
    def __init__(self, file):
        self.write, self.flush = file.write, file.flush


with open(sys.argv[1], "wb") as file, zipfile.ZipFile(Pipe(file), "w", zipfile.ZIP_DEFLATED) as archive:
    for name in ("numbers", "empty", "part.txt"):
        with open(name, "rb") as source, archive.open(name, "w", force_zip64=True) as member:
            member.write(source.read())
END
rm -r "$files"
