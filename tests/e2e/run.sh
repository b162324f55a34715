#!/bin/sh
# Runs one pytest file; with DRWATCH_REPORTS set it leaves a JUnit report there.
file=$1
name=$(basename "$file" .py)
# A folder of its own: each pytest that starts takes the others' right to look into the one that they share, and servers that run as
# another user lose their files.
PYTEST_DEBUG_TEMPROOT=$(mktemp -d) || exit 1
export PYTEST_DEBUG_TEMPROOT
trap 'rm -rf "$PYTEST_DEBUG_TEMPROOT"' EXIT
chmod 755 "$PYTEST_DEBUG_TEMPROOT"
/usr/bin/python3 -m pytest -q -x --maxfail=1000 -p no:cacheprovider \
  ${DRWATCH_REPORTS:+--junit-xml="$DRWATCH_REPORTS/$name.xml"} "$file"
