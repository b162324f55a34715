"""What people and programs touch: pages, API, reload, --once, check config, init, flags."""

import gzip
import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.request

import pytest

from configs import ROUTING_KEY, config
from drwatch import PROGRAM, ROOT
from servers import Postgres, Redis, free_port, wait_until


def api_probe(nginx, name="api"):
    return {"name": name, "type": "http", "service": "shop", "url": nginx.url("/health")}


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *[str(a) for a in arguments]], check=False, capture_output=True, text=True,
                          timeout=60, **options)


def post(url):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_page(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    request = urllib.request.Request(drwatch.url() + "/metrics", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert answer.headers["Content-Encoding"] == "gzip"
        page = gzip.decompress(answer.read()).decode()
    assert "# TYPE probe_success gauge" in page
    lint = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    # blackbox_exporter's own names for certificates are the field's; promtool has nothing against the rest.
    assert lint.returncode == 0, lint.stdout + lint.stderr
    documented = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"^# TYPE (\S+)", page, re.M)):
        assert f"`{name}" in documented or name.startswith("process_"), f"{name} is not documented"


def test_health_ready_and_landing_page(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    assert drwatch.get("/-/healthy")[0] == 200
    assert drwatch.get("/-/ready")[0] == 200
    status, page = drwatch.get("/")
    assert status == 200 and "api" in page and "<html" in page
    assert drwatch.get("/runbooks/DatabaseDown")[0] == 200
    assert drwatch.get("/nowhere")[0] == 404


def test_ready_only_after_each_probe_ran_or_timed_out(folder, drwatch, receivers, keep):
    redis = keep(Redis(folder / "redis").start())
    redis.send(signal.SIGSTOP)
    probe = {"name": "cache", "type": "redis", "address": f"redis://127.0.0.1:{redis.port}"}
    drwatch.start(config(folder, receivers, [probe], timeout="2s"), wait="healthy")
    assert drwatch.get("/-/ready")[0] == 503
    wait_until(lambda: drwatch.get("/-/ready")[0] == 200, timeout=6, what="ready after the timeout")


def test_query_api(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    assert drwatch.value("1+1") == 2
    assert drwatch.value('probe_success{probe="api"}') == 1
    wait_until(lambda: (drwatch.value("count_over_time(probe_success[1m])") or 0) > 2, what="history")
    assert "probe" in drwatch.api("/api/v1/labels")
    assert drwatch.api("/api/v1/label/probe/values") == ["api"]
    series = drwatch.api("/api/v1/series", **{"match[]": 'probe_success{probe="api"}'})
    assert series == [{"__name__": "probe_success", "probe": "api", "service": "shop"}]
    assert drwatch.api("/api/v1/status/buildinfo")["version"]
    groups = {group["name"] for group in drwatch.api("/api/v1/rules")["groups"]}
    assert {"drwatch-database", "drwatch-backup", "drwatch-self"} <= groups
    assert drwatch.api("/api/v1/metadata")["probe_success"][0]["type"] == "gauge"
    status, body = drwatch.get("/api/v1/query?query=sum(")
    assert status == 400 and json.loads(body)["errorType"] == "bad_data"
    for command in (["instant", drwatch.url(), "probe_success"], ["labels", drwatch.url(), "probe"],
                    ["series", drwatch.url(), "--match=probe_success"]):
        answer = subprocess.run(["promtool", "query", *command], check=False, capture_output=True, text=True)
        assert answer.returncode == 0 and "api" in answer.stdout, answer.stderr


def test_watchdog_fires_and_pages_nobody(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    wait_until(lambda: "Watchdog" in drwatch.firing(), what="watchdog")
    wait_until(lambda: drwatch.value('ALERTS{alertname="Watchdog",alertstate="firing"}') == 1, what="ALERTS")
    assert not receivers.requests


def test_reload_takes_the_new_config_whole_or_keeps_the_old(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    drwatch.config.write_text(config(folder, receivers, [api_probe(nginx), api_probe(nginx, "second")]), encoding="utf-8")
    assert post(drwatch.url() + "/-/reload")[0] == 200
    wait_until(lambda: drwatch.value('probe_success{probe="second"}') == 1, what="second probe")
    drwatch.config.write_text("probes: [{name: x, type: postgres, dsnn: y}]\n", encoding="utf-8")
    status, body = post(drwatch.url() + "/-/reload")
    assert status == 500 and "drwatch.yml:1:" in body and "dsnn" in body
    wait_until(lambda: drwatch.value("drwatch_config_last_reload_successful") == 0, what="failed reload counted")
    assert drwatch.value('probe_success{probe="second"}') == 1
    drwatch.config.write_text(config(folder, receivers, [api_probe(nginx)]), encoding="utf-8")
    drwatch.send(signal.SIGHUP)
    wait_until(lambda: drwatch.value('probe_success{probe="second"}') is None, what="second probe gone")
    wait_until(lambda: drwatch.value("drwatch_config_last_reload_successful") == 1, what="reload counted")
    assert drwatch.get("/-/reload")[0] == 405


def test_bad_config_shows_every_error_and_starts_nothing(folder):
    path = folder / "bad.yml"
    path.write_text("""global: {probe_interval: soon}
probes:
- {name: a, type: http, url: "http://x/", intervall: 3s}
- {name: a, type: http, url: "http://x/"}
- {name: b, type: backup, path: /backup, schedule: "61 * * * *"}
- {name: c, type: redis, address: "redis://x", password_file: /nonexistent/secret}
route: {receiver: nobody}
rule_files: [bad.rules.yml]
""", encoding="utf-8")
    (folder / "bad.rules.yml").write_text("""groups:
- name: g
  rules:
  - alert: Broken
    expr: sum(
  - alert: Template
    expr: up == 0
    annotations: {summary: '{{ $value'}
""", encoding="utf-8")
    for arguments in (["check", "config", path], [f"--config.file={path}", f"--storage.path={folder}/state"]):
        answer = run(*arguments)
        text = answer.stdout + answer.stderr
        assert answer.returncode == 1
        for part in ("bad.yml:1:", "soon", "bad.yml:3:", "intervall", "bad.yml:4:", "bad.yml:5:", "bad.yml:6:",
                     "/nonexistent/secret", "nobody", "bad.rules.yml:5:", "bad.rules.yml:8:"):
            assert part in text, f"{part} missing in:\n{text}"
        assert not (folder / "state").exists()


def test_unwritable_storage_is_a_clear_error(folder, receivers, nginx):
    path = folder / "drwatch.yml"
    path.write_text(config(folder, receivers, [api_probe(nginx)]).replace(f"{folder}/state", "/proc/nowhere/state"),
                    encoding="utf-8")
    answer = run(f"--config.file={path}", "--web.listen-address=127.0.0.1:0")
    assert answer.returncode == 1 and "/proc/nowhere" in answer.stderr


def test_second_instance_on_the_same_state_is_refused(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    answer = run(f"--config.file={drwatch.config}", "--web.listen-address=127.0.0.1:0")
    assert answer.returncode == 3 and "in use by another process" in answer.stderr


def test_taken_port_is_a_clear_error(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    answer = run(f"--config.file={drwatch.config}", f"--storage.path={folder}/other",
                 f"--web.listen-address=127.0.0.1:{drwatch.port}")
    assert answer.returncode == 1 and str(drwatch.port) in answer.stderr


def test_version_help_and_no_config():
    assert run("--version").stdout.startswith("drwatch, version ")
    assert run("--help").returncode == 0
    answer = run()
    assert answer.returncode == 1 and "drwatch init" in answer.stdout + answer.stderr
    assert run("--no-such-flag").returncode == 1


def test_version_names_the_commit_it_was_built_from():
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], check=False, capture_output=True, text=True)

    head = git("rev-parse", "HEAD")
    log = pathlib.Path(git("rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD").stdout.strip())
    build = pathlib.Path(PROGRAM).parents[1] / "build.ninja"
    if head.returncode != 0 or not log.is_file() or not build.is_file():
        pytest.skip("no checkout, or a program from elsewhere")
    if not log.stat().st_mtime < build.stat().st_mtime < os.stat(PROGRAM).st_mtime:
        pytest.skip("not built since the newest commit")
    revision = re.search(r"\(revision: ([0-9a-f]{7,40})\)", run("--version").stdout)
    assert revision and head.stdout.startswith(revision[1])


def test_init_writes_a_starter_that_checks(folder):
    assert run("init", folder / "new.yml").returncode == 0
    text = (folder / "new.yml").read_text(encoding="utf-8")
    assert text.startswith("#")
    assert run("init", folder / "new.yml").returncode == 1, "never overwrites"
    assert "probes:" in run("init").stdout


def test_once_exit_codes_and_formats(folder, keep, nginx, receivers):
    path = folder / "drwatch.yml"
    dead = {"name": "dead", "type": "tcp", "address": f"127.0.0.1:{free_port()}"}
    path.write_text(config(folder, receivers, [api_probe(nginx), dead]), encoding="utf-8")
    flag = f"--config.file={path}"
    good = run(flag, "--once", "api")
    assert good.returncode == 0, good.stdout + good.stderr
    assert re.search(r"^OK\s+api\s+http", good.stdout, re.M) and "1 ok, 0 warning, 0 critical" in good.stdout
    both = run(flag, "--once")
    assert both.returncode == 2
    assert both.stdout.splitlines()[1].startswith("CRITICAL"), "worst first"
    assert "connection_refused" in both.stdout
    assert run(flag, "--once", "no-such-probe").returncode == 3
    answer = json.loads(run(flag, "--once", "--format=json").stdout)
    assert answer["summary"]["critical"] == 1 and answer["summary"]["exit_code"] == 2
    assert {r["probe"]: r["status"] for r in answer["results"]} == {"api": "ok", "dead": "critical"}
    nagios = run(flag, "--once", "--format=nagios")
    assert nagios.returncode == 2 and nagios.stdout.startswith("DRWATCH CRITICAL - 1 of 2 not ok: dead")
    page = run(flag, "--once", "--format=prometheus").stdout
    assert subprocess.run(["promtool", "check", "metrics"], input=page, text=True, check=False).returncode == 0
    assert run(flag, "--once", "--format=junit").stdout.startswith("<?xml")
    assert not (folder / "state").exists(), "--once writes no state"
    assert not receivers.requests, "--once never pages"


def test_once_without_a_config(folder, keep, nginx):
    postgres = keep(Postgres(folder / "pg").create().start())
    redis = keep(Redis(folder / "redis").start())
    backup = folder / "backup"
    backup.mkdir()
    (backup / "a.sql").write_text("-- PostgreSQL database dump\n\n-- PostgreSQL database dump complete\n--\n")
    targets = [postgres.url(), f"redis://127.0.0.1:{redis.port}", nginx.url("/health"), f"tcp://127.0.0.1:{redis.port}",
               str(backup)]
    answer = run("--once", *targets)
    assert answer.returncode in (0, 1), answer.stdout + answer.stderr
    for word in ("postgres", "redis", "http", "tcp", "backup"):
        assert word in answer.stdout
    postgres.stop()
    assert run("--once", postgres.url()).returncode == 2
    assert run("--once", "gopher://x").returncode == 3


def test_once_tells_a_path_from_a_name(folder, receivers, nginx):
    """`cd /var && drwatch --once backup`: a name of a probe, if there is one, and no path."""
    (folder / "backup").mkdir()
    (folder / "backup/a.sql").write_text("-- PostgreSQL database dump\n\n-- PostgreSQL database dump complete\n--\n")
    path = folder / "drwatch.yml"
    path.write_text(config(folder, receivers, [api_probe(nginx, "backup")]), encoding="utf-8")
    for name in ("backup", "backup/a.sql"):
        refused = run("--once", name, cwd=folder)
        assert refused.returncode == 3 and f'"./{name}"' in refused.stderr, refused.stderr
        assert run("--once", f"./{name}", cwd=folder).returncode in (0, 1)
    assert run(f"--config.file={path}", "--once", "backup", cwd=folder).returncode == 0
    assert '"./' not in run("--once", "nowhere", cwd=folder).stderr


def test_secrets_never_show(folder, drwatch, receivers, nginx):
    secret = folder / "token"
    secret.write_text("hunter2-from-file\n", encoding="utf-8")
    probe = {**api_probe(nginx), "bearer_token_file": str(secret), "headers": {"X-Api-Key": "hunter2-inline"}}
    drwatch.start(config(folder, receivers, [probe]))
    with open(f"/proc/{drwatch.process.pid}/cmdline", encoding="utf-8") as file:
        command = file.read()
    everything = "".join([drwatch.metrics(), drwatch.get("/")[1], drwatch.get("/api/v1/rules")[1],
                          drwatch.log_text(), command])
    assert "hunter2" not in everything and "secretsecretsecret" not in everything and ROUTING_KEY not in everything


def test_stop_is_quick_and_clean(folder, drwatch, receivers, nginx):
    drwatch.start(config(folder, receivers, [api_probe(nginx)]))
    process = drwatch.process
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(5) == 0
