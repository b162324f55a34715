#!/bin/sh
# Makes openpgp/ with GnuPG (Debian package gnupg): 9000 bytes, encrypted with a passphrase.
set -eu
cd "$(dirname "$0")"
mkdir -p openpgp
rm -f openpgp/*
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
openssl enc -aes-128-ctr -nosalt -pass pass:x -iter 1 -in /dev/zero 2>/dev/null | head -c 9000 >"$GNUPGHOME/plain"
encrypt() {
    gpg -q --batch --pinentry-mode loopback --passphrase x --s2k-count 1024 -z 0 "$@" -c <"$GNUPGHOME/plain"
}
encrypt >openpgp/parts.gpg
encrypt --rfc4880 --disable-mdc >openpgp/old.gpg 2>/dev/null
encrypt -a >openpgp/letters.asc
gpg -q --batch --pinentry-mode loopback --passphrase x --s2k-count 1024 -z 0 -o openpgp/file.gpg -c "$GNUPGHOME/plain"
gpgconf --kill all
rm -r "$GNUPGHOME"
