#!/bin/sh
# Runs one pytest file; with DRWATCH_REPORTS set it leaves a JUnit report there.
file=$1
name=$(basename "$file" .py)
exec /usr/bin/python3 -m pytest -q -x --maxfail=1000 -p no:cacheprovider \
  ${DRWATCH_REPORTS:+--junit-xml="$DRWATCH_REPORTS/$name.xml"} "$file"
