#!/usr/bin/python3
"""Runs the built tests with ctest and counts single test cases: unit (GoogleTest), tidy, e2e (pytest).

The last line is "N passed, N failed". Exit status 1 if anything failed or nothing ran.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / os.environ.get("DRWATCH_PRESET", "release")


def count_reports(folder):
    """(passed, failed) over all JUnit and GoogleTest reports in a folder; prints the failed ones."""
    passed = failed = 0
    for report in sorted(folder.glob("*.xml")):
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            bad = case.find("failure") is not None or case.find("error") is not None
            failed += bad
            passed += not bad and case.get("status") != "notrun" and case.find("skipped") is None
            if bad:
                print(f"FAILED {case.get('classname')}.{case.get('name')} ({report.name})")
    return passed, failed


def run_ctest(labels, reports):
    command = ["ctest", "--test-dir", str(BUILD), "--output-on-failure", "--no-tests=error", "-j", "2"]
    if labels:
        command += ["-L", "|".join(f"^{label}$" for label in labels)]
    environment = {**os.environ, "GTEST_OUTPUT": f"xml:{reports}/", "DRWATCH_REPORTS": str(reports)}
    lines = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def main():
    reports = pathlib.Path(tempfile.mkdtemp(prefix="drwatch-reports-"))
    try:
        status, output = run_ctest(sys.argv[1:], reports)
        passed, failed = count_reports(reports)
    finally:
        shutil.rmtree(reports)
    # What ctest ran beside the programs that write reports (tidy), and programs that died before they could write one.
    outcomes = re.findall(r"Test +#\d+: (\S+) \.+ *(\*\*\*)?(\w+)", output)
    for name, marked, verdict in outcomes:
        if name.startswith(("unit.", "e2e.")) and not (marked and verdict != "Failed"):
            continue
        passed += verdict == "Passed"
        failed += verdict != "Passed"
    if status != 0 and failed == 0:
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
