#include "net/s3_head.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "net/aws_time.h"

namespace drwatch::net {
namespace {

constexpr std::size_t kMaxChecksumText = 256;

void ReadChecksums(const HttpResponse& response, S3Head& head) {
  constexpr std::string_view kPrefix = "x-amz-checksum-";
  for (const auto& [name, value] : response.headers) {
    if (!name.starts_with(kPrefix) || name == "x-amz-checksum-type") continue;
    const std::string_view text = value;
    // "digest-7" is one of the seven parts' checksums.
    const std::size_t dash = text.rfind('-');
    if (dash != text.npos) head.composite = true;
    auto digest = DecodeBase64(text.substr(0, dash));
    if (digest) head.checksums[name.substr(kPrefix.size())] = *std::move(digest);
  }
  if (response.Header("x-amz-checksum-type") == "COMPOSITE") head.composite = true;
  // Google: "crc32c=...,md5=..." over the whole object.
  for (const auto& [name, value] : response.headers) {
    if (name != "x-goog-hash") continue;
    for (const std::string_view part : base::Split(value, ',')) {
      const std::size_t equals = part.find('=');
      if (equals == part.npos) continue;
      auto digest = DecodeBase64(base::Trim(part.substr(equals + 1)));
      if (digest) head.checksums[std::string(base::Trim(part.substr(0, equals)))] = *digest;
    }
  }
}

// Google encrypts whatever it stores and says so only of keys that are not its own. Empty: it is
// not Google that answers.
std::string GoogleEncryption(const HttpResponse& response) {
  if (!response.Header("x-goog-encryption-kms-key-name").empty()) return "google:kms";
  if (!response.Header("x-goog-encryption-key-sha256").empty()) return "customer";
  return response.Header("x-goog-stored-content-length").empty() ? "" : "google";
}

// Amazon: expiry-date="Fri, 02 Jan 2026 00:00:00 GMT", rule-id="r". Google: the date alone.
std::optional<base::Timestamp> ReadExpiration(const HttpResponse& response) {
  const std::string google = response.Header("x-goog-expiration");
  if (!google.empty()) return ParseHttpTime(google);
  constexpr std::string_view kKey = "expiry-date=\"";
  const std::string amazon = response.Header("x-amz-expiration");
  const std::size_t key = amazon.find(kKey);
  if (key == amazon.npos) return std::nullopt;
  const std::size_t begin = key + kKey.size();
  return ParseHttpTime(amazon.substr(begin, amazon.find('"', begin) - begin));
}

}  // namespace

std::string WithoutQuotes(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) {
    return etag.substr(1, etag.size() - 2);
  }
  return etag;
}

base::Result<std::string> DecodeBase64(std::string_view text) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (text.empty() || text.size() > kMaxChecksumText || text.size() % 4 != 0 ||
      text.find('=') < text.size() - padding) {
    return base::Fail("not base64");
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  const int count = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()));
  if (count < 0) return base::Fail("not base64");
  bytes.resize(static_cast<std::size_t>(count) - padding);
  return bytes;
}

base::Result<S3Head> ParseS3Head(const HttpResponse& response) {
  const auto text = [&response](std::string_view name) { return response.Header(name); };
  S3Head head;
  // Google's Content-Length is that of the unpacked object when it was stored as gzip.
  std::string length = text("x-goog-stored-content-length");
  if (length.empty()) length = text("content-length");
  const auto size = base::ParseInt(length);
  if (!size || *size < 0) return base::Fail("the answer has no Content-Length");
  head.size = *size;
  head.etag = WithoutQuotes(text("etag"));
  head.modified = ParseHttpTime(text("last-modified"));
  head.storage_class = text("x-amz-storage-class");
  if (head.storage_class.empty()) head.storage_class = text("x-goog-storage-class");
  head.archive_status = text("x-amz-archive-status");
  head.restore = text("x-amz-restore");
  head.encryption = text("x-amz-server-side-encryption");
  if (!text("x-amz-server-side-encryption-customer-algorithm").empty()) {
    head.encryption = "customer";
  }
  if (head.encryption.empty()) head.encryption = GoogleEncryption(response);
  head.replication = text("x-amz-replication-status");
  for (const char* name :
       {"x-amz-object-lock-retain-until-date", "x-goog-object-lock-retain-until-date"}) {
    if (!head.locked_until) head.locked_until = ParseIsoTime(text(name));
  }
  head.expires = ReadExpiration(response);
  head.legal_hold = text("x-amz-object-lock-legal-hold") == "ON";
  head.parts = static_cast<int>(std::clamp<std::int64_t>(
      base::ParseInt(text("x-amz-mp-parts-count")).value_or(0), 0, 10'000));
  ReadChecksums(response, head);
  return head;
}

base::Result<std::int64_t> CheckRange(const HttpResponse& response, std::int64_t offset,
                                      std::int64_t size) {
  const auto got = static_cast<std::int64_t>(response.body.size());
  if (response.status == 200) {
    if (offset != 0 || got > size) return base::Fail("the server knows no ranges");
    return got;
  }
  // "bytes 0-9/443"
  const std::string text = response.Header("content-range");
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (response.status != 206 || !text.starts_with("bytes ") || dash == text.npos ||
      slash == text.npos || slash < dash) {
    return base::Fail("the answer is no range");
  }
  const auto first = base::ParseInt(text.substr(6, dash - 6));
  const auto last = base::ParseInt(text.substr(dash + 1, slash - dash - 1));
  const auto total = base::ParseInt(text.substr(slash + 1));
  if (!first || !last || !total || *first != offset || *last < *first || *last >= *total ||
      *last - *first != got - 1 || *last != std::min(offset + size, *total) - 1) {
    return base::Fail("the answer is another range than the one asked for");
  }
  return *total;
}

}  // namespace drwatch::net
