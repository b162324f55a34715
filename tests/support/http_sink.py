"""A plain HTTP or HTTPS server that remembers whole requests, and a proxy that carries them."""

import base64
import http.server
import select
import socket
import threading


class HttpSink:
    """Answers every request by `answer(sink, handler, body)`: (status, text). `context` makes it HTTPS."""

    def __init__(self, answer=None, context=None):
        self.requests = []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, text = answer(sink, self, body) if answer else (200, "ok")
                sink.requests.append((self.command, self.path, dict(self.headers), body, status))
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = handle_any

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def taken(self):
        return [request for request in self.requests if request[4] < 300]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Proxy:
    """CONNECT only, for USER:PASSWORD. `heads` are those of its requests."""

    def __init__(self, user, password):
        self.wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.carried, self.heads = [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        text = head.decode()
        self.heads.append(text)
        target = text.split()[1]
        if self.wanted not in text:
            client.sendall(b"HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        self.carried.append(target)
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 go\r\n\r\n")
            pair = {client: server, server: client}
            while True:
                for source in select.select(list(pair), [], [], 30)[0]:
                    data = source.recv(65536)
                    if not data:
                        client.close()
                        return
                    pair[source].sendall(data)

    def stop(self):
        self.listener.close()
