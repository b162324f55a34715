"""`drwatch check rules` and `drwatch test rules`: the real program beside the real promtool."""

import csv
import functools
import re
import subprocess
import xml.etree.ElementTree

import pytest
from drwatch import PROGRAM, ROOT

DATA = ROOT / "tests/testdata"

RULES = """groups:
- name: g
  rules:
  - {record: twice, expr: m * 2}
  - {alert: High, expr: m > 1, labels: {site: '{{ $externalLabels.site }}'}, annotations: {s: 'is {{ $value }} at {{ externalURL }}'}}
"""


def run(program, *arguments):
    return subprocess.run([program, *[str(a) for a in arguments]], check=False, capture_output=True, text=True, timeout=120)


def drwatch_rules(command, *arguments):
    return run(PROGRAM, command, "rules", *arguments)


def rows(folder):
    with open(DATA / folder / "expected.tsv", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@functools.cache
def verdicts(folder, command, good):
    """[(row, what drwatch says, what promtool says, whether the table has drwatch accept it, and promtool)]."""
    results = []
    for row in rows(folder):
        if row["verdict"] == "skip":
            continue
        path = DATA / folder / row["file"]
        arguments = row["arguments"].split()
        ours = drwatch_rules(command, *arguments, path)
        theirs = run("promtool", command, "rules", *arguments, path) if row["promtool_2.42"] != "not run" else None
        results.append((row, ours, theirs, row["verdict"] == good, row["promtool_2.42"] == good))
    return results


@pytest.mark.parametrize(("folder", "command", "good"), [("rules-unit", "test", "pass"), ("rules-check", "check", "valid")])
def test_verdicts_are_promtools(folder, command, good):
    compared = 0
    for row, ours, theirs, expected, expected_of_promtool in verdicts(folder, command, good):
        assert (ours.returncode == 0) == expected, f"{row['file']}\n{ours.stdout}{ours.stderr}"
        assert ours.returncode in (0, 1, 3), row["file"]
        if theirs is None:
            continue
        assert (theirs.returncode == 0) == expected_of_promtool, f"the table is wrong about {row['file']}"
        if expected == expected_of_promtool:
            assert ours.returncode == theirs.returncode, row["file"]
            compared += 1
    assert compared > 50


def failed_expressions(text):
    """[(expr and time, exp, got)] as both programs print them."""
    return re.findall(r"^    expr: (.*),\n        exp: (.*)\n        got: (.*)$", text, re.M)


def test_failed_expressions_read_as_promtools():
    compared = 0
    for row, ours, theirs, expected, _ in verdicts("rules-unit", "test", "pass"):
        if expected or theirs is None or row["since"] != "2.42" or "yaml:" in theirs.stderr:
            continue
        assert failed_expressions(ours.stderr) == failed_expressions(theirs.stderr), row["file"]
        compared += len(failed_expressions(ours.stderr))
    assert compared > 10


@pytest.fixture
def case(folder):
    """case(tests) writes a test file of RULES with these tests and gives its path."""
    (folder / "rules").mkdir()
    (folder / "rules/one.yml").write_text(RULES, encoding="utf-8")

    def write(tests, name="test.yml", head="rule_files: ['rules/*.yml']\n"):
        path = folder / name
        path.write_text(head + "tests:\n" + tests, encoding="utf-8")
        return path

    return write


GOOD = """- name: good
  interval: 1m
  input_series: [{series: m, values: '1 2 3'}]
  external_labels: {site: east}
  external_url: https://example.com
  alert_rule_test:
  - {alertname: High, eval_time: 90s, exp_alerts: [{exp_labels: {site: east}, exp_annotations: {s: 'is 2 at https://example.com'}}]}
  promql_expr_test:
  - {expr: twice, eval_time: 2m, exp_samples: [{labels: twice, value: 6}]}
"""
BAD = """- name: "bad \\"<&>\\t\\u0007"
  interval: 1m
  input_series: [{series: m, values: '1 2 3'}]
  promql_expr_test:
  - {expr: "m < 2 or\\n twice", eval_time: 0, exp_samples: [{labels: 'm{a="b"}', value: 1}]}
  - {expr: 'm +', eval_time: 0}
"""


def test_several_files_in_order_and_one_bad_fails_all(case):
    good = case(GOOD, "good.yml")
    bad = case(BAD, "bad.yml")
    result = drwatch_rules("test", bad, good)
    assert result.returncode == 1
    assert result.stdout.index(f"Unit Testing:  {bad}") < result.stdout.index(f"Unit Testing:  {good}\n  SUCCESS\n")
    assert "  FAILED:\n" in result.stderr
    assert '    expr: "m < 2 or\\n twice", time: 0s,\n' in result.stderr
    assert '        exp: {__name__="m", a="b"} 1E+00\n        got: {__name__="m"} 1E+00' in result.stderr
    assert '    expr: "m +", time: 0s, err: 1:4: parse error: unexpected end of input' in result.stderr
    assert drwatch_rules("test", good).returncode == 0
    # promtool 2.42 cannot expand externalURL in a test.
    plain = case(re.sub(r"  alert_rule_test:\n.*\n", "", GOOD), "plain.yml")
    alone = drwatch_rules("test", plain)
    theirs = run("promtool", "test", "rules", plain)
    assert (alone.returncode, alone.stdout) == (theirs.returncode, theirs.stdout) == (0, f"Unit Testing:  {plain}\n  SUCCESS\n\n")


def test_run_selects_tests_by_name(case):
    path = case(GOOD + BAD)
    assert drwatch_rules("test", path).returncode == 1
    assert drwatch_rules("test", "--run", "^good$", path).returncode == 0
    assert drwatch_rules("test", "--run", "bad", path).returncode == 1
    assert drwatch_rules("test", "--run", "nothing", "--run", "goo", path).returncode == 0
    broken = drwatch_rules("test", "--run", "(", path)
    assert broken.returncode == 1
    assert broken.stderr == '--run: invalid regular expression "(": missing closing ) at character 2\n'


def test_junit_is_xml_that_tells_the_same(case, folder):
    good = case(GOOD, "good.yml")
    bad = case(BAD + GOOD.replace("name: good", "name: ''"), "bad.yml")
    (folder / "no.yml").write_text("tests: 5\n", encoding="utf-8")
    report = folder / "report.xml"
    result = drwatch_rules("test", "--junit", report, good, bad, folder / "no.yml")
    assert result.returncode == 1
    root = xml.etree.ElementTree.parse(report).getroot()
    assert root.tag == "testsuites"
    suites = {suite.get("name").rsplit("/", 1)[-1]: suite for suite in root}
    assert list(suites) == ["good.yml", "bad.yml", "no.yml"]

    def counts(suite):
        return [int(suite.get(what)) for what in ("tests", "failures", "errors", "skipped")]

    assert counts(suites["good.yml"]) == [1, 0, 0, 0]
    assert counts(suites["bad.yml"]) == [2, 1, 0, 0]
    assert counts(suites["no.yml"]) == [1, 0, 1, 0]
    for suite in root:
        assert len(suite.findall("testcase")) == int(suite.get("tests"))
        assert len(suite.findall("testcase[failure]")) == int(suite.get("failures"))
    names = [test.get("name") for test in suites["bad.yml"]]
    assert names == ['bad "<&>\t\ufffd', "unnamed#1"]
    failures = [failure.text for failure in suites["bad.yml"].iter("failure")]
    assert len(failures) == 2
    assert 'expr: "m < 2 or\\n twice", time: 0s,\n        exp: ' in failures[0]
    unwritable = drwatch_rules("test", "--junit", folder / "none/report.xml", good)
    assert unwritable.returncode == 1
    assert "none" in unwritable.stderr


def test_diff_shows_what_differs(case):
    text = drwatch_rules("test", "--diff", case(BAD)).stderr
    assert '- {__name__="m", a="b"} 1E+00\n' in text
    assert '+ {__name__="m"} 1E+00\n' in text


def test_unknown_fields(case, folder):
    path = case(GOOD)
    (folder / "rules/two.yml").write_text("groups: [{name: h, owner: me, rules: []}]", encoding="utf-8")
    strict = drwatch_rules("test", path)
    assert strict.returncode == 1
    assert f"{folder}/rules/two.yml:1:20: unknown key \"owner\" in rule group" in strict.stderr
    assert drwatch_rules("test", "--ignore-unknown-fields", path).returncode == 0
    assert drwatch_rules("check", folder / "rules/two.yml").returncode == 1
    assert drwatch_rules("check", "--ignore-unknown-fields", folder / "rules/two.yml").returncode == 0


def test_patterns_that_match_nothing_only_warn(case, folder):
    path = case(GOOD, head="rule_files: [rules/one.yml, 'none/*.yml']\n")
    result = drwatch_rules("test", path)
    assert result.returncode == 0
    assert f"  WARNING: no file match pattern {folder}/none/*.yml\n" in result.stderr
    assert "WARNING" in run("promtool", "test", "rules", path).stderr


def test_groups_run_in_the_given_order(case, folder):
    (folder / "rules/one.yml").write_text(
        "groups: [{name: a, rules: [{record: x, expr: y}]}, {name: b, rules: [{record: y, expr: vector(1)}]}]",
        encoding="utf-8")
    tests = "- {interval: 1m, promql_expr_test: [{expr: x, eval_time: 0, exp_samples: [{labels: x, value: 1}]}]}\n"
    head = "rule_files: ['rules/*.yml']\n"
    ordered = case(tests, head=head + "group_eval_order: [b, a]\n")
    for program in (PROGRAM, "promtool"):
        assert run(program, "test", "rules", ordered).returncode == 0
    assert drwatch_rules("test", case(tests, head=head + "group_eval_order: [a, b]\n")).returncode == 1


def test_keys_of_prometheus_3(case):
    tests = """- start_timestamp: 2026-01-01T02:00:00+02:00
  promql_expr_test: [{expr: time(), eval_time: 1m, exp_samples: [{value: 1767225660}]}]
- start_timestamp: 1767225600
  input_series: [{series: m, values: '0.1+0.2x1'}]
  promql_expr_test: [{expr: m + 0.2, eval_time: 0, exp_samples: [{value: 0.3}]}]
"""
    head = "rule_files: []\n"
    assert drwatch_rules("test", case(tests, head=head)).returncode == 1
    assert drwatch_rules("test", case(tests, head=head + "fuzzy_compare: true\n")).returncode == 0


@pytest.mark.parametrize(("text", "place"), [
    ("groups:\n- name: g\n  rules:\n  - record: r\n    expr: |\n      up\n        + ))\n", ":7:11: cannot parse the expression"),
    ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations: {s: '{{ $x }}'}\n", ":6:26: cannot parse the template"),
    ("groups:\n- name: g\n  intervall: 5s\n", ":3:3: unknown key \"intervall\""),
    ("groups: [\n", ":2:1: bad YAML"),
])
def test_errors_have_their_place(folder, text, place):
    path = folder / "r.yml"
    path.write_text(text, encoding="utf-8")
    result = drwatch_rules("check", path)
    assert result.returncode == 1
    assert f"Checking {path}\n" in result.stdout
    assert f"  FAILED:\n{path}{place}" in result.stderr
    assert run("promtool", "check", "rules", path).returncode == 1


def test_files_that_cannot_be_read(folder, case):
    good = case(GOOD)
    missing = folder / "missing.yml"
    for command, path in (("check", folder / "rules/one.yml"), ("test", good)):
        for bad in (missing, folder):
            result = drwatch_rules(command, bad, path)
            assert result.returncode == 1
            assert str(bad) in result.stderr
            assert "SUCCESS" in result.stdout, "the other file is judged all the same"
    assert drwatch_rules("test").returncode != 0


TWICE = "groups: [{name: g, rules: [{record: r, expr: up}, {record: r, expr: up, labels: {%s}}]}]"


@pytest.mark.parametrize("labels", ["", "a: b"], ids=["repeated", "different"])
@pytest.mark.parametrize(("options", "status"), [
    ([], 0), (["--lint-fatal"], 3),
    (["--lint=all"], 0), (["--lint=all", "--lint-fatal"], 3),
    (["--lint=duplicate-rules"], 0), (["--lint", "duplicate-rules", "--lint-fatal"], 3),
    (["--lint=none"], 0), (["--lint=none", "--lint-fatal"], 0),
    (["--lint=none,duplicate-rules", "--lint-fatal"], 3), (["--lint=all,none", "--lint-fatal"], 3),
    (["--lint=other"], 0), (["--lint=other,all", "--lint-fatal"], 3),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_lint_is_promtools(folder, options, status, labels):
    path = folder / "r.yml"
    path.write_text(TWICE % labels, encoding="utf-8")
    ours = drwatch_rules("check", *options, path)
    theirs = run("promtool", "check", "rules", *options, path)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)
    assert ours.returncode == (0 if labels else status)


def test_an_error_outweighs_lint(folder):
    (folder / "twice.yml").write_text(TWICE % "", encoding="utf-8")
    (folder / "bad.yml").write_text("groups: [{name: g, rules: [{record: r, expr: up +}]}]", encoding="utf-8")
    for files in (["twice.yml", "bad.yml"], ["bad.yml", "twice.yml"]):
        paths = [folder / name for name in files]
        assert drwatch_rules("check", "--lint-fatal", *paths).returncode == 1
        assert run("promtool", "check", "rules", "--lint-fatal", *paths).returncode == 1


def from_standard_input(text, *options):
    return subprocess.run([PROGRAM, "check", "rules", *options], input=text, check=False, capture_output=True, text=True, timeout=120)


# As promtool does since 3.0; the installed one wants a file.
def test_rules_from_standard_input():
    good = from_standard_input(TWICE % "a: b")
    assert (good.returncode, good.stdout, good.stderr) == (0, "Checking standard input\n  SUCCESS: 2 rules found\n\n", "")
    twice = from_standard_input(TWICE % "", "--lint-fatal")
    assert twice.returncode == 3
    assert twice.stderr.startswith("  FAILED:\nlint error 1 duplicate rule(s) found.\nMetric: r\n")
    bad = from_standard_input("groups:\n- name: g\n  rules: [{record: r, expr: up +}]\n")
    assert bad.returncode == 1
    assert bad.stderr.startswith("  FAILED:\n<stdin>:3:")
    unknown = "groups: [{name: g, owner: me, rules: []}]"
    assert from_standard_input(unknown).returncode == 1
    assert from_standard_input(unknown, "--ignore-unknown-fields").returncode == 0
    assert from_standard_input("").returncode == 0
