"""A real S3 server on loopback: Ceph's radosgw with one monitor and one store in memory, and a client for it.

Starting takes about 13 seconds, so a test session starts one and gives each test a bucket of its own.
"""

import base64
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse
import uuid
import xml.etree.ElementTree

from servers import Server, free_port, wait_until

ACCESS_KEY = "AKTESTDRWATCH0000001"
SECRET_KEY = "test/secret+of/radosgw"
KMS_KEY = "testkey-1"
ARCHIVE_CLASS = "GLACIER"

CONF = """
[global]
fsid = {fsid}
auth cluster required = none
auth service required = none
auth client required = none
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
public network = 127.0.0.0/8
ms bind ipv6 = false
ms mon client mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default pg autoscale mode = off
osd objectstore = memstore
memstore device bytes = 1073741824
mon data = {folder}/mon
osd data = {folder}/osd
run dir = {folder}
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
log file = {folder}/$name.ceph.log
mon data avail crit = 1
mon data avail warn = 1
[client.rgw.a]
ms mon client mode = crc
auth client required = none
rgw frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{tls_port} ssl_certificate={folder}/rgw.pem
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = {kms_key}={kms_secret}
rgw multipart min part size = 1024
"""


def available():
    return all(shutil.which(name) for name in ("ceph-mon", "ceph-osd", "radosgw", "ceph", "monmaptool", "radosgw-admin", "rados"))


class Radosgw(Server):
    def __init__(self, folder):
        super().__init__(folder)
        self.port, self.tls_port = free_port(), free_port()
        self.ca_file = self.folder / "rgw.crt"
        self.daemons = []

    def start(self):
        conf = self.folder / "ceph.conf"
        fsid = str(uuid.uuid4())
        mon2, mon1 = free_port(), free_port()
        self.make_certificate()
        conf.write_text(CONF.format(
            fsid=fsid, mon2=mon2, mon1=mon1, folder=self.folder, port=self.port, tls_port=self.tls_port, kms_key=KMS_KEY,
            kms_secret=base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()), encoding="utf-8")
        (self.folder / "osd").mkdir(exist_ok=True)
        monmap = self.folder / "monmap"
        self.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a",
                 f"[v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]", monmap)
        self.run("ceph-mon", "-c", conf, "-i", "a", "--mkfs", "--monmap", monmap)
        self.daemon("ceph-mon", "-c", conf, "-i", "a", "-f")
        osd_uuid = str(uuid.uuid4())
        osd = self.run("ceph", "-c", conf, "--connect-timeout", "30", "osd", "new", osd_uuid).strip()
        self.run("ceph-osd", "-c", conf, "-i", osd, "--mkfs", "--osd-uuid", osd_uuid)
        self.daemon("ceph-osd", "-c", conf, "-i", osd, "-f")
        wait_until(lambda: "1 up" in self.run("ceph", "-c", conf, "osd", "stat"), timeout=60, interval=0.3, what="store up")
        self.run("radosgw-admin", "-c", conf, "user", "create", "--uid=test", "--display-name=test",
                 f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")
        # A storage class that is an archive by its name only: it is read at once.
        archive = ["--placement-id=default-placement", f"--storage-class={ARCHIVE_CLASS}"]
        self.run("radosgw-admin", "-c", conf, "zonegroup", "placement", "add", "--rgw-zonegroup=default", *archive)
        self.run("radosgw-admin", "-c", conf, "zone", "placement", "add", "--rgw-zone=default", *archive,
                 "--data-pool=default.rgw.archive.data")
        self.daemon("radosgw", "-c", conf, "-n", "client.rgw.a", "-f")
        wait_until(lambda: S3(self.endpoint()).request("GET", "/")[0] == 200, timeout=120, interval=0.2, what="radosgw answering")
        return self

    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def tls_endpoint(self):
        return f"https://127.0.0.1:{self.tls_port}"

    def rot(self, bucket, key):
        """A bit flips where the store keeps the object: what S3 says of it, its ETag too, stays as it was."""
        conf, pool = self.folder / "ceph.conf", "default.rgw.buckets.data"
        stats = json.loads(self.run("radosgw-admin", "-c", conf, "bucket", "stats", f"--bucket={bucket}"))
        rados, file = ["rados", "-c", conf, "-p", pool], self.folder / "rotten"
        self.run(*rados, "get", f"{stats['marker']}_{key}", file)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(bytes(content))
        self.run(*rados, "put", f"{stats['marker']}_{key}", file)

    def make_certificate(self):
        self.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", self.folder / "rgw.key",
                 "-out", self.ca_file)
        pem = self.ca_file.read_text() + (self.folder / "rgw.key").read_text()
        (self.folder / "rgw.pem").write_text(pem, encoding="utf-8")

    def run(self, *command):
        answer = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, timeout=120)
        if answer.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {answer.returncode}: {answer.stderr[-2000:]}")
        return answer.stdout

    def daemon(self, *command):
        with open(self.folder / f"{command[0]}.log", "ab") as output:
            self.daemons.append(subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                                                 stderr=output, start_new_session=True))

    def stop(self, number=signal.SIGTERM, timeout=15):
        # Nothing in it is worth an orderly end.
        for daemon in reversed(self.daemons):
            if daemon.poll() is None:
                os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait(timeout)
        self.daemons = []


class Frontend:
    """Passes everything on to the server behind it and adds `headers` to the answers about objects: what radosgw does not say.
    Requests for objects whose path ends with one of `failing` are answered 503 instead."""

    def __init__(self, port):
        self.headers, self.failing = {}, ()
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.path.endswith(tuple(front.failing)):
                    return self.fail()
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                try:
                    connection.request(self.command, self.path, body=body or None, headers=dict(self.headers))
                    answer = connection.getresponse()
                    content = answer.read()
                finally:
                    connection.close()
                kept = [(name, text) for name, text in answer.getheaders()
                        if name.lower() not in ("connection", "transfer-encoding", "content-length")]
                about_object = "?" not in self.path and self.path.count("/") > 1
                self.send_response_only(answer.status)
                for name, text in kept + (list(front.headers.items()) if about_object else []):
                    self.send_header(name, text)
                size = answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(content))
                self.send_header("Content-Length", size)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = handle_any

            def fail(self):
                content = b"<Error><Code>ServiceUnavailable</Code><Message>Please reduce your request rate.</Message></Error>"
                self.send_response_only(503)
                self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(content)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else content)

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class S3:
    """As much of a client as the tests need: everything signed with version 4."""

    def __init__(self, endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, region="us-east-1"):
        self.url = urllib.parse.urlsplit(endpoint)
        self.access_key, self.secret_key, self.region = access_key, secret_key, region

    def request(self, method, path, query=(), body=b"", headers=None):
        """(status, headers, body)"""
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in sorted(dict(query).items()))
        path = quote(path, "/")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": self.url.netloc, "x-amz-date": now, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
                  **{name.lower(): value for name, value in (headers or {}).items()}}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{signed['x-amz-content-sha256']}"
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secret_key).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, "
                                   f"Signature={signature}")
        connection = http.client.HTTPConnection(self.url.netloc, timeout=30)
        try:
            connection.request(method, path + ("?" + query if query else ""), body=body, headers=signed)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def must(self, method, path, query=(), body=b"", headers=None):
        status, answered, content = self.request(method, path, query, body, headers)
        assert status < 300, f"{method} {path}: {status} {content[:500]}"
        return answered, content

    def make_bucket(self, name, headers=None):
        self.must("PUT", f"/{name}", headers=headers)
        return name

    def put(self, bucket, key, body, headers=None):
        self.must("PUT", f"/{bucket}/{key}", body=body, headers=headers)

    def copy(self, bucket, key, headers):
        """The object onto itself, with other attributes: what "aws s3 cp s3://B/K s3://B/K --storage-class" does."""
        self.must("PUT", f"/{bucket}/{key}", headers={"x-amz-copy-source": f"/{bucket}/{key}",
                                                      "x-amz-metadata-directive": "REPLACE", **headers})

    def delete(self, bucket, key):
        self.must("DELETE", f"/{bucket}/{key}")

    def set(self, bucket, what, text):
        """PUT of a setting of the bucket, such as "versioning"."""
        body = text.encode()
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        self.must("PUT", f"/{bucket}", query={what: ""}, body=body, headers={"Content-MD5": md5})

    def forbid(self, bucket, *keys):
        """Nobody may read these objects; none = all may be read again."""
        if not keys:
            self.must("DELETE", f"/{bucket}", query={"policy": ""})
            return
        resources = [f"arn:aws:s3:::{bucket}/{key}" for key in keys]
        statement = {"Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject"], "Resource": resources}
        self.must("PUT", f"/{bucket}", query={"policy": ""}, body=json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode())

    def begin_upload(self, bucket, key):
        _, content = self.must("POST", f"/{bucket}/{key}", query={"uploads": ""})
        return find(content, "UploadId")

    def put_parts(self, bucket, key, parts):
        """A multipart upload of these parts."""
        upload = self.begin_upload(bucket, key)
        listed = ""
        for number, part in enumerate(parts, 1):
            headers, _ = self.must("PUT", f"/{bucket}/{key}", query={"partNumber": str(number), "uploadId": upload}, body=part)
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{headers['etag']}</ETag></Part>"
        self.must("POST", f"/{bucket}/{key}", query={"uploadId": upload},
                  body=f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())


def quote(text, keep=""):
    return urllib.parse.quote(text, safe=keep + "-._~")


def find(document, name):
    for element in xml.etree.ElementTree.fromstring(document).iter():
        if element.tag.rpartition("}")[2] == name:
            return element.text
    raise AssertionError(f"no {name} in {document[:500]}")


if __name__ == "__main__":
    import tempfile
    began = time.monotonic()
    server = Radosgw(tempfile.mkdtemp(prefix="radosgw-"))
    try:
        server.start()
        print(f"{server.endpoint()} after {time.monotonic() - began:.1f} s")
        S3(server.endpoint()).make_bucket("demo-bucket")
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
