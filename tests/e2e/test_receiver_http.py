"""Receivers behind logins, private authorities and proxies; templates of files; no secret shows anywhere."""

import json
import pathlib
import subprocess

import pytest
from http_sink import HttpSink, Proxy
from mail import Certificates
from servers import wait_until
from test_email import post

SECRETS = ["token-geheim-1234", "password-geheim-5678", "proxy-geheim-9012", "path-geheim-3456", "connect-geheim-7890"]
TOKEN, PASSWORD, PROXY, PATH, CONNECT = SECRETS


@pytest.fixture
def certificates(folder):
    return Certificates(folder / "certificates")


def config(folder, receivers, kinds, extra=""):
    return f"""
global: {{external_url: 'http://drwatch.example.com'}}
storage: {{path: '{folder}/state'}}
builtin_rules: false
route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
fallback_receiver: fallback
receivers:
- name: team
  {kinds}
- name: fallback
  webhook_configs: [{{url: '{receivers.url("/webhook/fallback")}'}}]
{extra}
"""


def expect_no_secret(drwatch):
    shown = [drwatch.log_text(), drwatch.metrics()]
    for path in ("/", "/api/v2/status", "/api/v1/status/config", "/api/v2/alerts", "/api/v2/receivers"):
        shown.append(drwatch.get(path)[1])
    pid = drwatch.process.pid
    shown.append(pathlib.Path(f"/proc/{pid}/cmdline").read_text())
    state = b"".join(path.read_bytes() for path in (drwatch.folder.parent / "state").glob("**/*") if path.is_file())
    shown.append(state.decode(errors="replace"))
    for secret in SECRETS:
        for text in shown:
            assert secret not in text


def test_bearer_token_private_authority_and_proxy(folder, drwatch, receivers, keep, certificates):
    sink = keep(HttpSink(lambda sink, handler, body: (200, "ok") if handler.headers.get("Authorization") == f"Bearer {TOKEN}"
                         else (401, f"{handler.headers.get('Authorization')} is not it"), context=certificates.context))
    proxy = keep(Proxy("me", PROXY))
    token = folder / "token"
    token.write_text("wrong-" + TOKEN, encoding="utf-8")
    drwatch.start(config(folder, receivers, f"""webhook_configs:
  - url: 'https://localhost:{sink.port}/{PATH}'
    http_config:
      authorization: {{credentials_file: '{token}'}}
      tls_config: {{ca_file: '{certificates.ca}'}}
      proxy_url: 'http://me:{PROXY}@localhost:{proxy.port}'"""))
    post(drwatch)
    told = wait_until(lambda: receivers.accepted("webhook"), what="fallback, because the token is wrong")[0]
    assert "auth: status 401" in told.body["note"] and TOKEN not in json.dumps(told.body)
    token.write_text(TOKEN + "\n", encoding="utf-8")
    post(drwatch, "Second")
    method, path, headers, body, _ = wait_until(sink.taken, what="webhook, with the token as it is now")[0]
    assert (method, path) == ("POST", f"/{PATH}") and json.loads(body)["groupLabels"] == {"alertname": "Second"}
    assert f"localhost:{sink.port}" in proxy.carried
    expect_no_secret(drwatch)


def test_basic_auth_from_the_global_section(folder, drwatch, receivers, keep):
    sink = keep(HttpSink())
    text = config(folder, receivers, f"webhook_configs: [{{url: 'http://127.0.0.1:{sink.port}/{PATH}', max_alerts: 1}}]")
    drwatch.start(text.replace("global: {", f"global: {{http_config: {{basic_auth: {{username: me, password: {PASSWORD}}}}}, "))
    post(drwatch)
    headers = wait_until(sink.taken, what="webhook")[0][2]
    assert headers["Authorization"].startswith("Basic ")
    expect_no_secret(drwatch)


def test_a_token_is_asked_for_by_proxy_and_carried_past_it(folder, drwatch, receivers, keep, certificates):
    """The token's server is behind a proxy, the receiver is excepted from its own one; a token that is withdrawn is asked for anew."""
    valid = []

    def log_in(sink, handler, body):
        valid.append(f"{TOKEN}-{len(valid)}")
        good = body.decode() == f"grant_type=client_credentials&scope=page&audience={PATH}"
        return (200, json.dumps({"access_token": valid[-1], "expires_in": 3600})) if good else (400, body.decode())

    login = keep(HttpSink(log_in, context=certificates.context))
    sink = keep(HttpSink(lambda sink, handler, body: (200, "ok") if handler.headers.get("Authorization") == f"Bearer {valid[-1]}"
                         else (401, f"{handler.headers.get('Authorization')} is over")))
    proxy = keep(Proxy("me", PROXY))
    (folder / "secret").write_text(PASSWORD, encoding="utf-8")
    drwatch.start(config(folder, receivers, f"""webhook_configs:
  - url: 'http://127.0.0.1:{sink.port}/{PATH}'
    http_config:
      proxy_url: 'http://me:{PROXY}@localhost:{proxy.port}'
      no_proxy: '127.0.0.0/8'
      http_headers: {{X-Tenant: {{secrets: [{PASSWORD}]}}}}
      oauth2:
        client_id: drwatch
        client_secret_file: '{folder}/secret'
        token_url: 'https://localhost:{login.port}/token'
        scopes: [page]
        endpoint_params: {{audience: {PATH}}}
        tls_config: {{ca_file: '{certificates.ca}'}}
        proxy_url: 'http://me:{PROXY}@localhost:{proxy.port}'"""))
    post(drwatch)
    headers = wait_until(sink.taken, what="webhook")[0][2]
    assert headers["Authorization"] == f"Bearer {TOKEN}-0" and headers["X-Tenant"] == PASSWORD
    assert proxy.carried == [f"localhost:{login.port}"]
    valid.append("withdrawn")
    post(drwatch, "Second")
    wait_until(lambda: len(sink.taken()) == 2, what="the second one, with a new token")
    assert sink.taken()[1][2]["Authorization"] == f"Bearer {valid[-1]}" and len(login.requests) == 2
    expect_no_secret(drwatch)


def test_what_is_for_the_proxy_alone_reaches_nobody_else(folder, drwatch, receivers, keep, certificates):
    login = keep(HttpSink(lambda sink, handler, body: (200, json.dumps({"access_token": TOKEN, "expires_in": 3600})),
                          context=certificates.context))
    sink = keep(HttpSink(context=certificates.context))
    proxy = keep(Proxy("me", PROXY))
    through = f"proxy_url: 'http://me:{PROXY}@localhost:{proxy.port}', tls_config: {{ca_file: '{certificates.ca}'}}"
    drwatch.start(config(folder, receivers, f"""webhook_configs:
  - url: 'https://localhost:{sink.port}/{PATH}'
    url_file: ''
    http_config: {{
      {through}, proxy_connect_header: {{X-Team: [red, {CONNECT}]}},
      oauth2: {{client_id: drwatch, token_url: 'https://localhost:{login.port}/token', {through},
                proxy_connect_header: {{X-Login: [{CONNECT}]}}}}}}"""))
    post(drwatch)
    headers = wait_until(sink.taken, what="webhook")[0][2]
    asked, told = proxy.heads
    assert f"\r\nX-Login: {CONNECT}\r\n" in asked and "X-Team" not in asked
    assert f"\r\nX-Team: red\r\nX-Team: {CONNECT}\r\n" in told and "X-Login" not in told
    assert TOKEN not in told, "what is for the receiver is not for the proxy"
    assert headers["Authorization"] == f"Bearer {TOKEN}" and "X-Team" not in headers
    assert all(CONNECT not in str(request) for request in login.requests + sink.requests)
    expect_no_secret(drwatch)


@pytest.mark.parametrize("trouble", ["authority", "proxy", "timeout"])
def test_what_stands_in_the_way_is_told(folder, drwatch, receivers, keep, certificates, trouble):
    sink = keep(HttpSink(context=certificates.context))
    proxy = keep(Proxy("me", PROXY))
    url, settings, reason = {
        "authority": (f"https://localhost:{sink.port}/{PATH}", "{}", "tls"),
        "proxy": (f"https://localhost:{sink.port}/{PATH}",
                  f"{{tls_config: {{ca_file: '{certificates.ca}'}}, proxy_url: 'http://me:x{PROXY}@localhost:{proxy.port}'}}",
                  "protocol"),
        "timeout": (receivers.url(f"/webhook/{PATH}"), "{}", "timeout"),
    }[trouble]
    receivers.script = ["hang"] if trouble == "timeout" else []
    drwatch.start(config(folder, receivers, f"webhook_configs: [{{url: '{url}', timeout: 300ms, http_config: {settings}}}]"))
    post(drwatch)
    wait_until(lambda: f'reason="{reason}"' in drwatch.metrics(), timeout=5, what=f"counted as {reason}")
    expect_no_secret(drwatch)


def test_templates_of_files_and_a_template_that_fails(folder, drwatch, receivers):
    (folder / "own.tmpl").write_text(
        '{{ define "team.title" }}{{ template "__subject" . }} for {{ .CommonLabels.severity | toUpper }}{{ end }}'
        '{{ define "slack.default.text" }}{{ range .Alerts }}{{ .Labels.SortedPairs.Values | join "/" }}{{ end }}{{ end }}',
        encoding="utf-8")
    drwatch.start(config(folder, receivers, f"""slack_configs:
  - api_url: '{receivers.slack_url}'
    title: '{{{{ template "team.title" . }}}}'
    text: '{{{{ template "slack.default.text" . }}}}'
    footer: '{{{{ .CommonLabels.nothing.at.all }}}}'
    fields: [{{title: Action, value: '{{{{ .CommonAnnotations.action }}}}'}}]""", f"templates: ['{folder}/*.tmpl']"))
    post(drwatch)
    attachment = wait_until(lambda: receivers.accepted("slack"), what="slack")[0].body["attachments"][0]
    assert attachment["title"] == "[FIRING:1] BackupFailed: Backup nächtlich fehlt for CRITICAL"
    assert attachment["text"] == "BackupFailed/critical"
    assert attachment["fields"] == [{"title": "Action", "value": "re-run it", "short": False}]
    assert "footer" not in attachment
    wait_until(lambda: "a notification template failed" in drwatch.log_text(), what="the log says so")


def test_a_broken_template_file_is_an_error_with_its_place(folder, drwatch, receivers):
    (folder / "bad.tmpl").write_text('\n{{ define "x" }}{{ .Status', encoding="utf-8")
    text = config(folder, receivers, f"slack_configs: [{{api_url: '{receivers.slack_url}'}}]", f"templates: ['{folder}/*.tmpl']")
    path = folder / "drwatch.yml"
    path.write_text(text, encoding="utf-8")
    checked = subprocess.run([drwatch.program, "check", "config", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 1 and f"{folder}/bad.tmpl:2:" in checked.stdout + checked.stderr
