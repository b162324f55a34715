"""A real SMTP server (aiosmtpd) that keeps what it was given, certificates for it, and servers that behave badly."""

import email
import email.policy
import socket
import ssl
import subprocess
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

USER = "drwatch"
PASSWORD = "correct-horse-battery-staple"


def run_openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificates:
    """A private authority and a certificate of its for localhost, as files."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, ca_key = folder / "ca.pem", folder / "ca.key"
        self.cert, self.key, request = folder / "server.pem", folder / "server.key", folder / "server.csr"
        names = folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run_openssl("req", "-x509", *new_key, "-keyout", ca_key, "-out", self.ca, "-days", "2", "-subj", "/CN=test authority")
        run_openssl("req", *new_key, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost")
        run_openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out", self.cert,
                    "-days", "1", "-extfile", names)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, self.key)


class Mail:
    def __init__(self, envelope, tls):
        self.sender = envelope.mail_from
        self.recipients = list(envelope.rcpt_tos)
        self.raw = envelope.original_content
        self.message = email.message_from_bytes(self.raw, policy=email.policy.default)
        self.tls = tls

    def header(self, name):
        return self.message[name]

    def body(self, kind="plain"):
        return self.message.get_body((kind,)).get_content()


class MailServer:
    """security: None, "starttls" or "tls"; `login` asks for USER and PASSWORD; `script` makes the next messages fail: each
    entry is the reply to one DATA, None takes it; `refuse` maps a recipient to the reply it gets."""

    def __init__(self, certificates=None, security=None, login=False):
        self.mails = []
        self.script = []
        self.refuse = {}
        self.lines_too_long = []
        options = {}
        if security == "starttls":
            options["tls_context"] = certificates.context
            options["require_starttls"] = True
        if security == "tls":
            options["ssl_context"] = certificates.context
        if login:
            options["authenticator"] = self.authenticate
            options["auth_required"] = True
            options["auth_require_tls"] = security == "starttls"
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)
        self.controller.start()
        self.port = self.controller.port

    def authenticate(self, server, session, envelope, mechanism, data):
        good = data.login == USER.encode() and data.password == PASSWORD.encode()
        return AuthResult(success=good, handled=good)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        reply = self.script.pop(0) if self.script else None
        if reply:
            return reply
        self.lines_too_long += [line for line in envelope.original_content.split(b"\r\n") if len(line) > 998]
        self.mails.append(Mail(envelope, session.ssl is not None))
        return "250 taken"

    @property
    def smarthost(self):
        return f"localhost:{self.port}"

    def stop(self):
        self.controller.stop()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class BadServer:
    """Talks to each connection by `behave(connection)`, in a thread of its own."""

    def __init__(self, behave):
        self.behave = behave
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.ended = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def smarthost(self):
        return f"localhost:{self.port}"

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection:
            try:
                self.behave(self, connection)
            except OSError:
                pass

    def hang(self, connection):
        self.ended.wait(60)

    def drip(self, connection):
        while not self.ended.wait(0.2):
            connection.sendall(b"2")

    def busy(self, connection):
        connection.sendall(b"421 4.3.2 too many connections\r\n")

    def stop(self):
        self.ended.set()
        self.listener.close()
