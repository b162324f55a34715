"""A bucket that answers as the XML API of Google Cloud Storage does to HMAC keys, by Google's documentation and what people report.

There is no such server to run. What it takes over: every request's signature is made anew, after the front end has added to
Accept-Encoding; HTTP/2 is picked where it is offered, and nothing signed works there; names by path; any region; listings of
version 2; hashes, generations and classes in x-goog-* headers, without MD5 for objects made of parts; ETags that only look like
MD5 for some objects; unpacking of what was stored as gzip unless it may stay packed; lifecycle rules in Google's own form.
"""

import base64
import datetime
import email.utils
import gzip
import hashlib
import hmac
import http.server
import re
import ssl
import struct
import threading
import time
import urllib.parse
import xml.sax.saxutils

ACCESS_KEY = "GOOG1ETESTDRWATCH0000001"
SECRET_KEY = "test/secret+of/google"
PAGE = 3  # objects of a listing, so that few of them make several pages
UPLOADS_PAGE = 1000


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def crc_row(number):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    return number


CRC_TABLE = [crc_row(number) for number in range(256)]


class Object:
    def __init__(self, body, *, age, composite, encoding, storage_class, headers):
        self.body, self.composite, self.encoding, self.storage_class = body, composite, encoding, storage_class
        self.headers = dict(headers or {})
        self.modified = time.time() - age
        self.generation = str(int(self.modified * 1e6))
        # Of an object made of parts it is no MD5 of anything.
        self.etag = f"-C{self.generation[-8:]}EAE=" if composite else hashlib.md5(body).hexdigest()
        self.hashes = "crc32c=" + base64.b64encode(struct.pack(">I", crc32c(body))).decode()
        if not composite:
            self.hashes += ",md5=" + base64.b64encode(hashlib.md5(body).digest()).decode()

    def answer_headers(self):
        return {"ETag": f'"{self.etag}"', "Last-Modified": email.utils.formatdate(int(self.modified), usegmt=True),
                "x-goog-generation": self.generation, "x-goog-metageneration": "1", "x-goog-hash": self.hashes,
                "x-amz-checksum-crc32c": re.match("crc32c=([^,]*)", self.hashes)[1],
                "x-goog-stored-content-encoding": self.encoding or "identity",
                "x-goog-stored-content-length": str(len(self.body)), "x-goog-storage-class": self.storage_class,
                **({"Content-Encoding": self.encoding} if self.encoding else {}), **self.headers}


class Gcs:
    """Over TLS with a certificate of its own. `forbidden` are the questions about the bucket that the keys may not ask."""

    def __init__(self, bucket, certificate, key):
        self.bucket, self.objects, self.settings, self.uploads = bucket, {}, {}, []
        self.forbidden, self.requests, self.lock = set(), [], threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def endpoint(self):
        return f"https://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def put(self, key, body, *, age=0, composite=False, encoding="", storage_class="STANDARD", headers=None):
        made = Object(body, age=age, composite=composite, encoding=encoding, storage_class=storage_class, headers=headers)
        with self.lock:
            self.objects[key] = made

    def rot(self, key):
        """A bit flips on Google's disks: everything else stays as it was, size and hash too."""
        with self.lock:
            body = bytearray(self.objects[key].body)
            body[len(body) // 2] ^= 1
            self.objects[key].body = bytes(body)


def error(status, code, message, details=""):
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message>"
    return status, {"Content-Type": "application/xml; charset=UTF-8"}, (
        text + (f"<Details>{details}</Details>" if details else "") + "</Error>").encode()


def xml_answer(text):
    return 200, {"Content-Type": "application/xml; charset=UTF-8"}, f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode()


def denied(right, bucket):
    return error(403, "AccessDenied", "Access denied.", f"drwatch@test.iam.gserviceaccount.com does not have {right} access to the "
                 f"Google Cloud Storage bucket. Permission '{right}' denied on resource (or it may not exist): {bucket}.")


def sign(method, path, query, headers, scope, names):
    """The signature that these headers have, in hexadecimal."""
    parts = sorted((quote(name), quote(value)) for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True))
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in names)
    canonical = (f"{method}\n{quote(urllib.parse.unquote(path), '/')}\n" + "&".join("=".join(part) for part in parts) +
                 f"\n{lines}\n{';'.join(names)}\n{headers.get('x-amz-content-sha256', '')}")
    text = (f"AWS4-HMAC-SHA256\n{headers.get('x-amz-date', '')}\n{'/'.join(scope)}\n"
            f"{hashlib.sha256(canonical.encode()).hexdigest()}")
    key = ("AWS4" + SECRET_KEY).encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def quote(text, keep=""):
    return urllib.parse.quote(text, safe=keep + "-._~")


def check_signature(method, path, query, headers):
    """None, or the answer to a request that is refused."""
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(.+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
                         headers.get("authorization", ""))
    if not match:
        return error(400, "MissingSecurityHeader", "Your request was missing a required header.", "Authorization")
    key, scope, names, signature = match[1], match[2].split("/"), match[3].split(";"), match[4]
    if key != ACCESS_KEY:
        return error(403, "InvalidSecurity", "The provided security credentials are not valid.", "Incorrect Authorization header")
    if sign(method, path, query, headers, scope, names) != signature:
        return error(403, "SignatureDoesNotMatch", "Access denied.")
    said = datetime.datetime.strptime(headers["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
    if abs(said - time.time()) > 900:
        return error(403, "RequestTimeTooSkewed", "The difference between the request time and the server time is too large.")
    return None


def handler(gcs):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            self.request.do_handshake()
            super().setup()
            if self.connection.selected_alpn_protocol() == "h2":
                raise ConnectionAbortedError("nothing that is signed works over HTTP/2")

        def handle_any(self):
            headers = {name.lower(): value for name, value in self.headers.items()}
            # Google's front end says what it can unpack itself.
            headers["accept-encoding"] = ",".join([*filter(None, [headers.get("accept-encoding")]), "gzip(gfe)"])
            path, _, query = self.path.partition("?")
            status, more, body = (check_signature(self.command, path, query, headers)
                                  or answer(gcs, path, query, headers))
            with gcs.lock:
                gcs.requests.append((self.command, self.path, status))
            self.send_response_only(status)
            for name, value in {"Date": email.utils.formatdate(usegmt=True), "Server": "UploadServer", **more}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = handle_any

        def log_message(self, *unused):
            pass

    return Handler


def answer(gcs, path, query, headers):
    bucket, _, key = urllib.parse.unquote(path)[1:].partition("/")
    asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    if bucket != gcs.bucket:
        return error(404, "NoSuchBucket", "The specified bucket does not exist.")
    with gcs.lock:
        return give(gcs, key, headers) if key else tell(gcs, asked)


def tell(gcs, asked):
    if "list-type" in asked:
        return denied("storage.objects.list", gcs.bucket) if "list" in gcs.forbidden else list_objects(gcs, asked)
    for what, right in {"versioning": "storage.buckets.get", "lifecycle": "storage.buckets.get",
                        "object-lock": "storage.buckets.get", "uploads": "storage.multipartUploads.list"}.items():
        if what not in asked:
            continue
        if what in gcs.forbidden:
            return denied(right, gcs.bucket)
        if what == "uploads":
            return list_uploads(gcs, asked)
        return xml_answer(gcs.settings.get(what, "<VersioningConfiguration/>" if what == "versioning" else "<LifecycleConfiguration/>"))
    return error(400, "InvalidArgument", "Invalid argument.", "of a question that Google does not answer")


def list_objects(gcs, asked):
    encode = quote_url if asked.get("encoding-type") == "url" else xml.sax.saxutils.escape
    after = asked.get("start-after", "")
    if asked.get("continuation-token"):
        after = base64.urlsafe_b64decode(asked["continuation-token"]).decode()
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    found, common, cut, last = "", [], "", ""
    count = 0
    for key in sorted(gcs.objects, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        if count == PAGE:
            cut = base64.urlsafe_b64encode(last.encode()).decode()
            break
        last = key
        group = prefix + key[len(prefix):].partition(delimiter)[0] + delimiter if delimiter and delimiter in key[len(prefix):] else ""
        if group:
            if group not in common:
                common.append(group)
                count += 1
            continue
        count += 1
        entry = gcs.objects[key]
        modified = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(entry.modified))
        found += (f"<Contents><Key>{encode(key)}</Key><Generation>{entry.generation}</Generation><MetaGeneration>1</MetaGeneration>"
                  f"<LastModified>{modified}.123Z</LastModified><ETag>\"{entry.etag}\"</ETag><Size>{len(entry.body)}</Size>"
                  f"<StorageClass>{entry.storage_class}</StorageClass></Contents>")
    found += "".join(f"<CommonPrefixes><Prefix>{encode(group)}</Prefix></CommonPrefixes>" for group in common)
    return xml_answer(f"<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Name>{gcs.bucket}</Name>"
                      + ("<EncodingType>url</EncodingType>" if "encoding-type" in asked else "")
                      + (f"<NextContinuationToken>{cut}</NextContinuationToken>" if cut else "")
                      + f"<IsTruncated>{'true' if cut else 'false'}</IsTruncated>{found}</ListBucketResult>")


def quote_url(text):
    return quote(text, "/")


def list_uploads(gcs, asked):
    """`gcs.uploads` are (key, id, begun), sorted."""
    after = (asked.get("key-marker", ""), asked.get("upload-id-marker", ""))
    left = [upload for upload in gcs.uploads if upload[0].startswith(asked.get("prefix", "")) and upload[:2] > after]
    page = left[:UPLOADS_PAGE]
    more = len(left) > len(page)
    text = f"<ListMultipartUploadsResult><IsTruncated>{'true' if more else 'false'}</IsTruncated>"
    if more:
        text += f"<NextKeyMarker>{page[-1][0]}</NextKeyMarker><NextUploadIdMarker>{page[-1][1]}</NextUploadIdMarker>"
    for key, number, begun in page:
        text += (f"<Upload><Key>{key}</Key><UploadId>{number}</UploadId><StorageClass>STANDARD</StorageClass>"
                 f"<Initiated>{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(begun))}</Initiated></Upload>")
    return xml_answer(text + "</ListMultipartUploadsResult>")


def give(gcs, key, headers):
    if "get" in gcs.forbidden:
        return denied("storage.objects.get", gcs.bucket)
    found = gcs.objects.get(key)
    if found is None:
        return error(404, "NoSuchKey", "The specified key does not exist.", f"No such object: {gcs.bucket}/{key}")
    if headers.get("if-match", f'"{found.etag}"') != f'"{found.etag}"':
        return error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
    told, body = found.answer_headers(), found.body
    stays_packed = "gzip" in [one.strip() for one in headers["accept-encoding"].split(",")]
    if found.encoding == "gzip" and not stays_packed:
        # Unpacked on the way: ranges are of no meaning then.
        del told["Content-Encoding"]
        return 200, {**told, "Warning": '214 UploadServer gunzipped'}, gzip.decompress(body)
    wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
    if not wanted:
        return 200, told, body
    first, last = int(wanted[1]), min(int(wanted[2]), len(body) - 1)
    if first >= len(body):
        return error(416, "InvalidRange", "The requested range cannot be satisfied.")
    return 206, {**told, "Content-Range": f"bytes {first}-{last}/{len(body)}"}, body[first:last + 1]
