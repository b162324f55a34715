#!/usr/bin/python3
"""The style rules a machine can check. Prints one line a finding and exits 1 if there is any.

Run it from anywhere: tests/tidy/tidy.py [ROOT]. The last line is "N passed, N failed", counted in rules.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]

LAYERS = {"base": 0, "model": 1, "config": 2, "verify": 2, "db": 2, "store": 2, "net": 3, "promql": 4, "template": 4,
          "catalog": 4, "probes": 5, "rules": 5, "notify": 5, "recovery": 5, "web": 6, "exporter": 7}

# header prefix -> folders or files that may include it
FENCES = {
    "tl/": ["base", "src/", "exporter/"],
    "spdlog/": ["src/base/log.cc"],
    "openssl/": ["src/base/digest.cc", "src/verify/", "src/net/"],
    "re2/": ["src/model/", "src/config/", "src/promql/", "src/template/", "src/rules/", "src/probes/"],
    "prometheus/": ["src/model/", "exporter/"],
    "yaml-cpp/": ["src/config/node.cc", "src/verify/yaml.cc"],
    "date/": ["src/config/schedule.cc", "src/config/schedule_pause.cc", "src/config/local_clock.cc", "src/config/local_zone.cc", "src/config/time_interval.cc",
              "src/config/read_muting.cc", "src/template/time.cc"],
    "isa-l": ["src/verify/", "src/net/gzip.cc"], "zstd.h": ["src/verify/"], "lzma.h": ["src/verify/"], "bzlib.h": ["src/verify/"],
    "lz4": ["src/verify/"], "brotli/": ["src/verify/"], "zlib.h": ["src/verify/"],
    "nlohmann/": ["src/verify/", "src/net/aws_credential_sources.cc", "src/net/oauth2.cc", "src/notify/", "src/web/", "src/probes/", "exporter/"],
    "sqlite3.h": ["src/db/"],
    "ares.h": ["src/net/"], "curl/": ["src/net/"], "libpq": ["src/net/"], "postgresql/": ["src/net/"],
    "hiredis/": ["src/net/"], "microhttpd.h": ["src/net/"], "gnutls/": ["src/net/server_tls.cc"], "crypt.h": ["src/web/basic_auth.cc"], "pugixml": ["src/net/"],
    "CLI/": ["exporter/"],
}

BANNED = {
    r"\bstd::regex\b": ("RE2 is bounded", []),
    r"\bsleep_for\b|\bsleep_until\b|\busleep\(": ("wait on a StopToken", []),
    r"system_clock::now": ("take now as an argument, or a base::Clock", ["src/base/"]),
    r"std::c(out|err)\b": ("log, or return it", ["exporter/"]),
    r"\b(strcpy|strcat|sprintf|gets)\(": ("use std::string", []),
    r"\brand\(\)": ("use <random> or base::RandomBytes", []),
    r"\bsystem\(|\bpopen\(": ("no shelling out", []),
    r"\b(TODO|FIXME|XXX)\b": ("finish it", []),
}

MAX_FILE_LINES = 600
MAX_HEADER_LINES = 150
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100

findings = {}


def report(rule, text):
    findings.setdefault(rule, []).append(text)


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cc", ".inc") and path.is_file():
                yield path, path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def ratchet():
    """file:function entries that may be long; the list may only shrink."""
    path = ROOT / "tests/tidy/long_functions.txt"
    return {line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()} if path.exists() else set()


def folder_of(name):
    parts = name.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]


def strip_comments_and_strings(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    pattern = r'R"(\w*)\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, blank, text)


def check_layers():
    findings.setdefault("layers", [])
    for _, name, text in sources("src", "exporter"):
        own = folder_of(name)
        if own not in LAYERS:
            report("layers", f"{name}: folder {own} has no layer")
            continue
        for other in re.findall(r'#include "([a-z_]+)/', text):
            if other in LAYERS and other != own and LAYERS[other] >= LAYERS[own]:
                report("layers", f"{name}: {own} (layer {LAYERS[own]}) includes {other} (layer {LAYERS[other]})")


def check_fences():
    findings.setdefault("fences", [])
    for _, name, text in sources("src", "exporter"):
        for header in re.findall(r"#include <([^>]+)>", text):
            for prefix, allowed in FENCES.items():
                if header.startswith(prefix) and not any(name.startswith(place) for place in allowed):
                    report("fences", f"{name}: <{header}> may only be included by {', '.join(allowed)}")


def check_sizes():
    findings.setdefault("sizes", [])
    for _, name, text in sources("src", "exporter", "tests"):
        lines = text.count("\n")
        limit = MAX_HEADER_LINES if name.endswith(".h") and not name.startswith("tests/") else MAX_FILE_LINES
        if lines > limit and not (name.startswith("tests/") and lines <= 2 * MAX_FILE_LINES):
            report("sizes", f"{name}: {lines} lines, more than {limit}")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > MAX_COLUMNS and "http" not in line and 'R"' not in line and not name.startswith("tests/"):
                report("sizes", f"{name}:{number}: {len(line)} columns, more than {MAX_COLUMNS}")


def long_functions(name, text):
    """(function, lines) of bodies at namespace or class level, found by indentation and braces."""
    lines = strip_comments_and_strings(text).splitlines()
    start = None
    for number, line in enumerate(lines):
        if start is None and re.match(r"^(?!namespace|struct|class|enum|union|extern|constexpr|const |#|\})[A-Za-z].*\{\s*$", line) \
                and "=" not in line.split("(")[0]:
            start = number
        elif start is None and re.match(r"^ {4}.*\) (const )?(noexcept )?(override )?\{\s*$", line) and not re.match(
                r"^\s*(if|for|while|switch)", line) and number and not lines[number - 1].startswith(" "):
            start = number - 1
        elif start is not None and line.startswith("}"):
            yield lines[start].strip()[:60], number - start + 1
            start = None


def check_functions():
    findings.setdefault("functions", [])
    allowed = ratchet()
    seen = set()
    for _, name, text in sources("src", "exporter"):
        for function, length in long_functions(name, text):
            if length <= MAX_FUNCTION_LINES:
                continue
            key = f"{name}:{function}"
            seen.add(key)
            if key not in allowed:
                report("functions", f"{key}: {length} lines, more than {MAX_FUNCTION_LINES}")
    for key in sorted(allowed - seen):
        report("functions", f"{key}: no longer long; take it off tests/tidy/long_functions.txt")


def check_banned():
    findings.setdefault("banned calls", [])
    for _, name, text in sources("src", "exporter"):
        for pattern, (instead, allowed) in BANNED.items():
            searched = text if "TODO" in pattern else strip_comments_and_strings(text)
            for match in re.finditer(pattern, searched):
                if not any(name.startswith(place) for place in allowed):
                    line = searched.count("\n", 0, match.start()) + 1
                    report("banned calls", f"{name}:{line}: {match.group(0)}: {instead}")
        if name.endswith(".h") and re.search(r"^using namespace", text, re.M):
            report("banned calls", f"{name}: using namespace in a header")


def check_headers():
    findings.setdefault("headers", [])
    for _, name, text in sources("src", "exporter"):
        if not name.endswith(".h"):
            continue
        if "#pragma once" not in text:
            report("headers", f"{name}: no #pragma once")
        if not text.startswith("//"):
            report("headers", f"{name}: does not begin with what it is for")


def check_documents():
    """What the code registers is in the documents, and the reverse."""
    findings.setdefault("documents", [])
    metrics = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    prefixes = r'"((?:backup|wal_archive|pitr|dr|drwatch|postgres|redis|replication|probe|scrape)_[a-z0-9_]+)"'
    for _, name, text in sources("src/probes", "src/recovery", "exporter"):
        for metric in re.findall(prefixes, text):
            if metric not in metrics and re.search(r"(Gauge|Counter|Add)\w*\(\s*\"" + metric, text):
                report("documents", f"{name}: metric {metric} is not in docs/metrics.md")
    alerts = set()
    for path in sorted((ROOT / "rules").glob("*.yml")):
        alerts |= set(re.findall(r"- alert: (\w+)", path.read_text(encoding="utf-8")))
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules/tests").glob("*.yml")))
    readme = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else ""
    for alert in sorted(alerts):
        if not (ROOT / f"docs/runbooks/{alert}.md").exists():
            report("documents", f"alert {alert} has no docs/runbooks/{alert}.md")
        if f"alertname: {alert}\n" not in tests:
            report("documents", f"alert {alert} has no test in rules/tests")
        if f"`{alert}`" not in readme:
            report("documents", f"alert {alert} is not in README.md")
    for path in sorted((ROOT / "docs/runbooks").glob("*.md")):
        if path.stem not in alerts:
            report("documents", f"{path.name} is the runbook of no alert")
    reasons = (ROOT / "docs/reasons.md").read_text(encoding="utf-8") if (ROOT / "docs/reasons.md").exists() else ""
    names = re.search(r"kReasonNames = \{([^}]*)\}", (ROOT / "src/model/probe_result.cc").read_text(encoding="utf-8"))
    for reason in re.findall(r'"(\w+)"', names.group(1)):
        if f"`{reason}`" not in reasons:
            report("documents", f"reason {reason} is not in docs/reasons.md")


def check_words():
    """No paths of one machine, no promises for later."""
    findings.setdefault("words", [])
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], check=False, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        if "testdata" in name or path.suffix not in (".h", ".cc", ".md", ".py", ".yml", ".txt", "") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for match in re.finditer(r"/wo" r"rk/|/ro" r"ot/", text):
            report("words", f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group(0)} is a path of one machine")


def main():
    for check in (check_layers, check_fences, check_sizes, check_functions, check_banned, check_headers, check_documents,
                  check_words):
        check()
    failed = 0
    for rule, found in findings.items():
        failed += bool(found)
        for text in found:
            print(f"tidy: {rule}: {text}")
    print(f"{len(findings) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
