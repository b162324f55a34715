"""Prometheus' web configuration file: TLS, users and headers, as curl, amtool and Prometheus see them."""

import base64
import json
import socket
import ssl
import subprocess
import threading
import time
import warnings

import pytest
from configs import config
from servers import Nginx, Prometheus, http_get, wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

PASSWORD = "correct horse battery staple"


def bcrypt(password, rounds=16):
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=rounds))


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    def __init__(self, folder, name):
        self.folder = folder
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.cert, "-days", 2,
                "-subj", f"/CN={name}")

    def issue(self, name, names="DNS:localhost,IP:127.0.0.1", days=2):
        """(certificate, key); those of the same name before are gone."""
        cert, key, request = (self.folder / f"{name}.{kind}" for kind in ("crt", "key", "csr"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                request, "-subj", f"/CN={name}")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n", encoding="utf-8")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-out", cert,
                "-days", days, "-extfile", self.folder / f"{name}.ext")
        return cert, key


@pytest.fixture
def authority(folder):
    return Authority(folder, "authority")


@pytest.fixture
def start(folder, drwatch, receivers, keep):
    """start(text of the web configuration)"""
    def run(text):
        nginx = keep(Nginx(folder / "nginx").start())
        nginx.set("/health", 200, "{}")
        (folder / "web.yml").write_text(text, encoding="utf-8")
        drwatch.start(config(folder, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                             extra="builtin_rules: false"), wait=None, options=[f"--web.config.file={folder}/web.yml"])
        drwatch.port = wait_until(lambda: drwatch.find_port(0), what="drwatch listening")
        return drwatch
    return run


@pytest.fixture
def encrypted(folder, start, authority):
    cert, key = authority.issue("server")
    return start(f"""
tls_server_config: {{cert_file: {cert.name}, key_file: {key.name}}}
basic_auth_users: {{ann: '{bcrypt(PASSWORD)}'}}
http_server_config: {{headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=60}}}}
""")


def curl(drwatch, path, *words):
    """(exit code, status, head and body)"""
    done = subprocess.run(["curl", "-si", "-m", "20", "-w", "\n%{http_code}",
                           f"https://localhost:{drwatch.port}{path}", *map(str, words)],
                          capture_output=True, text=True, check=False, timeout=30)
    text, status = done.stdout.rsplit("\n", 1)
    return done.returncode, int(status), text


def body_of(answer):
    return json.loads(answer[2].split("\n\n", 1)[1])


def good(folder):
    return ["--cacert", folder / "authority.pem", "-u", f"ann:{PASSWORD}"]


def test_curl_with_and_without_a_password(folder, encrypted):
    trust = ["--cacert", folder / "authority.pem"]
    wait_until(lambda: curl(encrypted, "/-/ready", *good(folder))[1] == 200, what="ready")
    code, status, text = curl(encrypted, "/metrics", *good(folder))
    assert (code, status) == (0, 200) and "drwatch_build_info" in text
    assert "x-frame-options: deny" in text.lower() and "strict-transport-security: max-age=60" in text.lower()
    for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/query?query=1", "/nowhere"):
        for words in ([], ["-u", "ann:wrong"], ["-u", f"bob:{PASSWORD}"], ["-u", "ann:"], ["-u", f"ann:{PASSWORD} "],
                      ["-H", "Authorization: Basic !!!"], ["-H", "Authorization: Bearer x"], ["-H", "Authorization: Basic"]):
            code, status, text = curl(encrypted, path, *trust, *words)
            assert (code, status) == (0, 401), (path, words, text)
            assert "www-authenticate: basic" in text.lower() and "drwatch" not in text.lower()
    assert curl(encrypted, "/", "-u", f"ann:{PASSWORD}")[0] == 60, "an authority that curl does not know"
    status_code = curl(encrypted, "/api/v1/status/config", *good(folder))[2]
    assert PASSWORD not in status_code and "$2b$" not in status_code + encrypted.log_text()


def test_writers_without_a_password_change_nothing(folder, encrypted):
    trust = ["--cacert", folder / "authority.pem", "-H", "Content-Type: application/json"]
    for path, body in (("/api/v2/alerts", '[{"labels":{"alertname":"X"}}]'), ("/-/reload", ""),
                       ("/api/v2/silences", '{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":'
                        '"2026-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"x","comment":"x"}')):
        assert curl(encrypted, path, *trust, "-d", body)[1] == 401
    for path in ("/api/v2/silence/x", "/api/dr/acknowledge?fingerprint=x&by=eve"):
        assert curl(encrypted, path, *trust, "-X", "DELETE")[1] == 401
    for path in ("/api/dr/acknowledge", "/acknowledge?fingerprint=x", "/acknowledge?token=x"):
        assert curl(encrypted, path, *trust, "-d", "{}")[1] == 401
    wait_until(lambda: curl(encrypted, "/-/ready", *good(folder))[1] == 200, what="ready")
    for path in ("/api/v2/alerts", "/api/v2/silences"):
        assert body_of(curl(encrypted, path, *good(folder))) == []
    assert "configuration reloaded" not in encrypted.log_text()
    assert curl(encrypted, "/-/reload", *good(folder), "-X", "POST")[1] == 200

    def reloaders():
        rows = body_of(curl(encrypted, "/api/dr/audit?limit=1000", *good(folder)))["data"]["rows"]
        return [row["initiated_by"] for row in rows if row["event_type"] == "RELOAD"]
    assert wait_until(reloaders, what="the reload in the audit log") == ["ann, 127.0.0.1"]


def test_amtool_and_prometheus(folder, encrypted, keep):
    (folder / "client.yml").write_text(
        f"basic_auth: {{username: ann, password: '{PASSWORD}'}}\n"
        f"tls_config: {{ca_file: {folder}/authority.pem, server_name: localhost}}\n", encoding="utf-8")
    wait_until(lambda: curl(encrypted, "/-/ready", *good(folder))[1] == 200, what="ready")
    done = subprocess.run(["amtool", f"--alertmanager.url=https://127.0.0.1:{encrypted.port}",
                           f"--http.config.file={folder}/client.yml", "silence", "add", "alertname=X", "--author=ann",
                           "--comment=x"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    prometheus = keep(Prometheus(folder / "prometheus"))
    prometheus.start(f"""
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: drwatch
  scheme: https
  basic_auth: {{username: ann, password: '{PASSWORD}'}}
  tls_config: {{ca_file: {folder}/authority.pem, server_name: localhost}}
  static_configs: [{{targets: ['127.0.0.1:{encrypted.port}']}}]
""")

    def up():
        status, body = http_get(prometheus.url() + "/api/v1/query?query=up")
        found = json.loads(body)["data"]["result"] if status == 200 else []
        return found and found[0]["value"][1] == "1"
    wait_until(up, timeout=30, what="up in Prometheus")


def test_many_requests_cost_one_hash(folder, start):
    drwatch = start(f"basic_auth_users: {{ann: '{bcrypt(PASSWORD, 1 << 12)}'}}\n")
    address = f"http://127.0.0.1:{drwatch.port}/-/healthy"
    header = {"Authorization": "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()}
    begin = time.monotonic()
    assert http_get(address, headers=header)[0] == 200
    first = time.monotonic() - begin
    begin = time.monotonic()
    for _ in range(20):
        assert http_get(address, headers=header)[0] == 200
    assert time.monotonic() - begin < 10 * first, "hashed once"

    def refused(user):
        before = time.monotonic()
        wrong = {"Authorization": "Basic " + base64.b64encode(f"{user}:wrong".encode()).decode()}
        assert http_get(address, headers=wrong, timeout=20)[0] == 401
        return time.monotonic() - before
    known, unknown = refused("ann"), refused("nobody")
    assert 0.2 < unknown / known < 5, "an unknown user takes as long"


def test_changes_are_taken_while_it_runs(folder, encrypted, authority):
    wait_until(lambda: curl(encrypted, "/-/healthy", *good(folder))[1] == 200, what="healthy")
    web = folder / "web.yml"
    text = web.read_text(encoding="utf-8")
    web.write_text(text.replace("ann: ", "bob: "), encoding="utf-8")
    bob = ["--cacert", folder / "authority.pem", "-u", f"bob:{PASSWORD}"]
    wait_until(lambda: curl(encrypted, "/-/healthy", *bob)[1] == 200, what="the new user")
    assert curl(encrypted, "/-/healthy", *good(folder))[1] == 401
    web.write_text("tls_server_config: {cert_file: nowhere}\n", encoding="utf-8")
    wait_until(lambda: "web configuration cannot be used" in encrypted.log_text() or
               curl(encrypted, "/-/healthy", *bob) is None, what="the refusal in the log")
    assert curl(encrypted, "/-/healthy", *bob)[1] == 200, "the old one stays"
    web.write_text(text, encoding="utf-8")
    wait_until(lambda: curl(encrypted, "/-/healthy", *good(folder))[1] == 200, what="repaired")

    def shown():
        return ssl.get_server_certificate(("127.0.0.1", encrypted.port))
    before = shown()
    authority.issue("server")
    wait_until(lambda: curl(encrypted, "/-/healthy", *good(folder))[1] == 200 and shown() != before,
               what="the new certificate")


@pytest.mark.parametrize("kind", ["RequireAnyClientCert", "RequireAndVerifyClientCert", "VerifyClientCertIfGiven"])
def test_client_certificates(folder, start, authority, kind):
    cert, key = authority.issue("server")
    mine, my_key = authority.issue("client", "DNS:client.example,IP:10.0.0.1")
    foreign, foreign_key = Authority(folder, "foreign").issue("stranger", "DNS:client.example")
    ca = "" if kind == "RequireAnyClientCert" else f", client_ca_file: {authority.cert.name}"
    drwatch = start(f"tls_server_config: {{cert_file: {cert.name}, key_file: {key.name}, client_auth_type: {kind}{ca}}}\n")
    trust = ["--cacert", authority.cert]

    def status(*words):
        return curl(drwatch, "/-/healthy", *trust, *words)[1]
    assert status("--cert", mine, "--key", my_key) == 200
    assert (status() == 200) == (kind == "VerifyClientCertIfGiven")
    assert (status("--cert", foreign, "--key", foreign_key) == 200) == (kind == "RequireAnyClientCert")


def test_names_in_client_certificates(folder, start, authority):
    cert, key = authority.issue("server")
    drwatch = start(f"""
tls_server_config:
  cert_file: {cert.name}
  key_file: {key.name}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: {authority.cert.name}
  client_allowed_sans: [client.example, 10.0.0.1]
""")
    for number, (names, allowed) in enumerate([("DNS:client.example", True), ("DNS:other.example", False),
                                               ("DNS:other.example,IP:10.0.0.1", True), ("IP:10.0.0.2", False)]):
        mine, my_key = authority.issue(f"client{number}", names)
        status = curl(drwatch, "/-/healthy", "--cacert", authority.cert, "--cert", mine, "--key", my_key)[1]
        assert (status == 200) == allowed, names


def test_versions_and_ciphers(folder, start, authority):
    cert, key = authority.issue("server")
    drwatch = start(f"""
tls_server_config:
  cert_file: {cert.name}
  key_file: {key.name}
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
  curve_preferences: [CurveP384]
""")
    trust = ["--cacert", authority.cert]
    assert curl(drwatch, "/-/healthy", *trust)[1] == 200
    assert curl(drwatch, "/-/healthy", *trust, "--tlsv1.3")[0] != 0
    assert curl(drwatch, "/-/healthy", *trust, "--tls-max", "1.1")[0] != 0
    assert curl(drwatch, "/-/healthy", *trust, "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256")[0] != 0
    assert curl(drwatch, "/-/healthy", *trust, "--curves", "X25519")[0] != 0


def test_slow_handshakes_hold_up_nobody(folder, encrypted):
    wait_until(lambda: curl(encrypted, "/-/healthy", *good(folder))[1] == 200, what="healthy")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    slow = [socket.create_connection(("127.0.0.1", encrypted.port)) for _ in range(100)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(hello[:number % len(hello)])
        begin = time.monotonic()
        assert curl(encrypted, "/-/healthy", *good(folder))[1] == 200
        assert time.monotonic() - begin < 3
        begin = time.monotonic()
        for connection in slow:
            connection.settimeout(20)
            try:
                while connection.recv(1000):
                    pass
            except ConnectionResetError:
                pass
        assert time.monotonic() - begin < 15, "closed after ten seconds"
    finally:
        for connection in slow:
            connection.close()
    plain = socket.create_connection(("127.0.0.1", encrypted.port))
    plain.settimeout(5)
    plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"drwatch" not in plain.recv(1000)
    plain.close()


def test_many_connections_at_once(folder, encrypted):
    wait_until(lambda: curl(encrypted, "/-/healthy", *good(folder))[1] == 200, what="healthy")
    failed = []

    def ask():
        for _ in range(5):
            if curl(encrypted, "/metrics", *good(folder), "--compressed")[1] != 200:
                failed.append(1)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_half_a_request_changes_nothing(folder, encrypted):
    wait_until(lambda: curl(encrypted, "/-/ready", *good(folder))[1] == 200, what="ready")
    token = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    with socket.create_connection(("127.0.0.1", encrypted.port)) as raw, \
            context.wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall(f"POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\n"
                           "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
                           '[{"labels":{"alertname":"Half"}}]'.encode())
    time.sleep(0.5)
    assert "Half" not in curl(encrypted, "/api/v2/alerts", *good(folder))[2]


def check(drwatch, folder):
    done = subprocess.run([drwatch.program, "check", "web-config", str(folder / "web.yml")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=30)
    return done.returncode, done.stdout


@pytest.mark.parametrize("text, wanted", [
    ("basic_auth_users: {ann: secret-in-plain}", "web.yml:1:25: the password of user \"ann\" is no bcrypt hash"),
    ("basic_auth_users: [ann]", "web.yml:1:19: "),
    ("tls_server_config: {cert_file: nowhere.pem, key_file: nowhere.key}", "nowhere.pem"),
    ("tls_server_config: {}", "\"cert\" or \"cert_file\" is missing"),
    ("tls_server_confg: {}", "web.yml:1:1: "),
    ("tls_server_config:\n  min_version: SSL3", "web.yml:2:16: "),
    ("http_server_config: {headers: {X-Frame-Options: maybe}}", "X-Frame-Options"),
    ("http_server_config: {headers: {X-Other: a}}", "X-Other"),
    ("rate_limit: {interval: 1s}", "rate_limit"),
    ("{", "web.yml:"),
])
def test_errors_are_found_before_the_start(folder, drwatch, text, wanted):
    (folder / "web.yml").write_text(text + "\n", encoding="utf-8")
    code, told = check(drwatch, folder)
    assert code == 1 and wanted in told and "FAILED" in told, told
    assert "secret-in-plain" not in told


def test_a_key_that_does_not_fit_is_an_error(folder, drwatch, authority):
    cert, _ = authority.issue("server")
    _, key = authority.issue("other")
    (folder / "web.yml").write_text(f"tls_server_config: {{cert_file: {cert.name}, key_file: {key.name}}}\n")
    assert check(drwatch, folder)[0] == 1 and "cannot be used" in check(drwatch, folder)[1]
    _, right = authority.issue("server")
    (folder / "web.yml").write_text(f"tls_server_config: {{cert_file: {cert.name}, key_file: {right.name}}}\n")
    assert check(drwatch, folder) == (0, f"{folder}/web.yml: ok\n")
