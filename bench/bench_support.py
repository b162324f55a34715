"""What the side-by-side benchmarks share: the chain a user would build otherwise, targets that break on command, tables."""

import http.server
import json
import os
import pathlib
import re
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))

from servers import Alertmanager, Prometheus, Server, free_port, http_get, wait_until  # noqa: E402


class QuietServer(http.server.ThreadingHTTPServer):
    """A client that gives up early is no event worth a traceback."""

    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        pass


class Targets:
    """Health endpoints /0, /1, ... of one server; break_(i) makes one answer 503 from that moment on."""

    def __init__(self, count):
        self.broken = [False] * count
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = b"{}"
                self.send_response(503 if owner.broken[int(self.path[1:])] else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *unused):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, index):
        return f"http://127.0.0.1:{self.port}/{index}"


class Hook:
    """Records when each alert's first firing notification arrived; takes Alertmanager's webhook format."""

    def __init__(self):
        self.first = {}
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                now = time.monotonic()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for match in re.finditer(r"target-(\d+)", body.decode()):
                    owner.first.setdefault(int(match.group(1)), now)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *unused):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.port}/webhook"


class Blackbox(Server):
    def start(self):
        self.port = free_port()
        (self.folder / "blackbox.yml").write_text("modules: {http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n")
        self.spawn(["prometheus-blackbox-exporter", f"--config.file={self.folder}/blackbox.yml",
                    f"--web.listen-address=127.0.0.1:{self.port}"])
        wait_until(lambda: http_get(f"http://127.0.0.1:{self.port}/-/healthy")[0] == 200, what="blackbox")
        return self


class PostgresExporter(Server):
    def start(self, url):
        self.port = free_port()
        self.spawn(["prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{self.port}"],
                   env={**os.environ, "DATA_SOURCE_NAME": url + "?sslmode=disable"})
        wait_until(lambda: http_get(f"http://127.0.0.1:{self.port}/metrics")[0] == 200, what="postgres exporter")
        return self


class RedisExporter(Server):
    def start(self, port):
        self.port = free_port()
        self.spawn(["prometheus-redis-exporter", f"--web.listen-address=127.0.0.1:{self.port}",
                    f"--redis.addr=redis://127.0.0.1:{port}"])
        wait_until(lambda: http_get(f"http://127.0.0.1:{self.port}/metrics")[0] == 200, what="redis exporter")
        return self


def usage(pids):
    """(resident bytes, CPU seconds, threads) summed over processes."""
    ticks = os.sysconf("SC_CLK_TCK")
    resident = cpu = threads = 0
    for pid in pids:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        resident += int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024
        threads += int(re.search(r"Threads:\s+(\d+)", status).group(1))
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu += (int(fields[11]) + int(fields[12])) / ticks
    return resident, cpu, threads


def cpu_nanoseconds(pids):
    """CPU time at the scheduler's resolution: for processes that use a millisecond a second."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, IndexError):
                continue
    return total


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores, {model.group(1) if model else 'unknown CPU'}"


def write_section(name, text):
    """Replaces the section `name` of bench/README.md, between its markers, and prints it."""
    print(text)
    path = ROOT / "bench/README.md"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin in page:
        page = page[:page.index(begin)] + section + page[page.index(end) + len(end):]
    else:
        page = page.rstrip() + "\n\n" + section + "\n"
    path.write_text(page, encoding="utf-8")


def prometheus_text(job_lines, alertmanager, interval, evaluation, rules):
    return "\n".join([f"global: {{scrape_interval: {interval}, evaluation_interval: {evaluation}}}",
                      f"rule_files: ['{rules}']",
                      f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}",
                      "scrape_configs:", *job_lines]) + "\n"


def dumps(value):
    return json.dumps(value)



