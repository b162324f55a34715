"""Configurations of the end-to-end tests, as text."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


def config(folder, receivers, probes, *, rules=None, interval="300ms", timeout="2s", group_wait="0s", extra=""):
    """A whole configuration: `probes` are dicts (JSON is YAML), `rules` is the text of a rule file."""
    lines = [
        f"global: {{probe_interval: {interval}, probe_timeout: {timeout}, evaluation_interval: 500ms}}",
        f"storage: {{path: '{folder}/state'}}",
        "services: [{name: shop, rpo: 1h}]",
        "probes:",
        *[f"- {json.dumps(probe)}" for probe in probes],
    ]
    if rules:
        path = folder / "test.rules.yml"
        path.write_text(rules, encoding="utf-8")
        lines.append(f"rule_files: ['{path}']")
    lines += [
        f"route: {{receiver: on-call, group_wait: {group_wait}, group_interval: 1s, repeat_interval: 4h}}",
        "receivers:",
        "- name: on-call",
        f"  pagerduty_configs: [{{routing_key: {ROUTING_KEY}, url: '{receivers.pagerduty_url}'}}]",
        f"  slack_configs: [{{api_url: '{receivers.slack_url}'}}]",
        extra,
    ]
    return "\n".join(lines) + "\n"


def built_in(*names, shorter=()):
    """A rule file of these built-in rules, all of a name, which fire at once; `shorter` are (old, new) of what a test has no time for."""
    found = {}
    for path in (ROOT / "rules").glob("*.yml"):
        for block in re.split(r"(?m)^  - (?=alert: )", path.read_text(encoding="utf-8"))[1:]:
            rule = "  - " + re.sub(r"(?m)^ +for: .*\n", "", block)
            found[block.split()[1]] = found.get(block.split()[1], "") + rule
    text = "groups:\n- name: patient\n  rules:\n" + "".join(found[name] for name in names)
    for old, new in shorter:
        assert old in text, f"{old} is not in\n{text}"
        text = text.replace(old, new)
    return text


def lag_rule(seconds):
    """ReplicationLag with a threshold a test can wait for."""
    return f"""
groups:
- name: test
  rules:
  - alert: TestLag
    expr: replication_lag_seconds > {seconds}
    labels: {{severity: warning}}
    annotations: {{summary: "{{{{ $labels.probe }}}} lags by {{{{ $value }}}}", runbook_url: "https://example.com/lag", action: "look"}}
"""


def expect_page(receivers, alertname, wait_until, timeout=20):
    return wait_until(lambda: receivers.pages("trigger", alertname), timeout=timeout, what=f"page for {alertname}")[0]


def expect_resolve(receivers, page, wait_until, timeout=20):
    key = page.body["dedup_key"]
    wait_until(lambda: [r for r in receivers.pages("resolve") if r.body["dedup_key"] == key], timeout=timeout,
               what=f"resolve of {page.body['payload']['summary']}")
    return key
