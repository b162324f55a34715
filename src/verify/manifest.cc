#include "verify/manifest.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kChecksumKey = "\"Manifest-Checksum\"";

// The manifest's events, without building a tree of it: a large cluster has millions of files.
class ManifestSax final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Manifest manifest;
  std::string problem;
  base::Timestamp newest{};

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override {
    return value < 0 ? Fail("negative number") : Number(static_cast<std::uint64_t>(value));
  }
  bool number_unsigned(number_unsigned_t value) override { return Number(value); }
  bool number_float(number_float_t, const string_t&) override { return Fail("fraction"); }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    ++depth_;
    if (depth_ == 2 && section_ == "Files") StartFile();
    if (depth_ == 2 && section_ == "WAL-Ranges") manifest.wal.emplace_back();
    return true;
  }
  bool end_object() override {
    --depth_;
    return depth_ != 1 || section_ != "Files" || EndFile();
  }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool key(string_t& name) override {
    (depth_ == 1 ? section_ : key_) = name;
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && section_ == "Files") return FileText(text);
    if (depth_ == 2 && section_ == "WAL-Ranges") return WalText(text);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail("not JSON at byte " + std::to_string(position));
  }

 private:
  bool Fail(std::string text) {
    if (problem.empty()) problem = std::move(text);
    return false;
  }
  void StartFile() {
    manifest.files.emplace_back();
    has_checksum_ = false;
    modified_.reset();
  }
  bool Number(std::uint64_t value) {
    if (depth_ == 1 && section_ == "PostgreSQL-Backup-Manifest-Version") {
      manifest.version = static_cast<int>(std::min<std::uint64_t>(value, 1000));
    } else if (depth_ == 1 && section_ == "System-Identifier") {
      manifest.system_identifier = value;
    } else if (depth_ == 2 && section_ == "Files" && key_ == "Size") {
      if (value > INT64_MAX) return Fail("impossible size");
      manifest.files.back().size = static_cast<std::int64_t>(value);
    } else if (depth_ == 2 && section_ == "WAL-Ranges" && key_ == "Timeline") {
      manifest.wal.back().timeline = static_cast<std::uint32_t>(value);
    }
    return true;
  }
  bool FileText(const std::string& text) {
    ManifestFile& file = manifest.files.back();
    if (key_ == "Path") {
      file.path = text;
    } else if (key_ == "Encoded-Path") {
      const auto path = base::ParseHex(text);
      if (!path) return Fail("damaged Encoded-Path");
      file.path = *path;
    } else if (key_ == "Checksum-Algorithm") {
      if (text == "CRC32C") {
        file.kind = ManifestChecksum::kCrc32c;
      } else if (const auto algorithm = base::ParseDigestName(text)) {
        file.kind = ManifestChecksum::kDigest;
        file.algorithm = *algorithm;
      } else {
        return Fail("unknown checksum algorithm");
      }
    } else if (key_ == "Checksum") {
      const auto checksum = base::ParseHex(text);
      if (!checksum) return Fail("damaged checksum");
      file.checksum = *checksum;
      has_checksum_ = true;
    } else if (key_ == "Last-Modified") {
      modified_ = ParseUtc(text);
    }
    return true;
  }
  bool EndFile() {
    const ManifestFile& file = manifest.files.back();
    if (file.path.empty()) return Fail("file without a path");
    if (has_checksum_ != (file.kind != ManifestChecksum::kNone)) {
      return Fail("checksum without an algorithm, or the reverse");
    }
    if (!has_checksum_) manifest.checksums = false;
    if (modified_ && file.path == "backup_label") manifest.taken = modified_;
    if (modified_) newest = std::max(newest, *modified_);
    return static_cast<std::int64_t>(manifest.files.size()) <= kMaxFiles || Fail("too many files");
  }
  bool WalText(const std::string& text) {
    const auto lsn = ParseLsn(text);
    if (!lsn) return Fail("damaged LSN");
    (key_ == "Start-LSN" ? manifest.wal.back().start : manifest.wal.back().end) = *lsn;
    return true;
  }

  int depth_ = 0;
  std::string section_;
  std::string key_;
  bool has_checksum_ = false;
  std::optional<base::Timestamp> modified_;
};

// The last line holds the SHA-256 of all lines before it.
Walked<void> CheckOwnChecksum(std::string_view text) {
  const std::size_t at = text.rfind(kChecksumKey);
  const auto size = static_cast<std::int64_t>(text.size());
  if (at == std::string_view::npos || !base::Trim(text).ends_with('}')) {
    return Broken(Reason::kIncomplete, size, "ends before its own checksum");
  }
  const std::size_t open = text.find('"', at + kChecksumKey.size());
  const std::size_t close = open == text.npos ? text.npos : text.find('"', open + 1);
  if (close == text.npos) return Broken(Reason::kIncomplete, size, "ends in its own checksum");
  const auto expected = base::ParseHex(text.substr(open + 1, close - open - 1));
  const std::size_t line = text.rfind('\n', at);
  const std::string_view covered =
      line == text.npos ? text.substr(0, at) : text.substr(0, line + 1);
  if (expected != base::ComputeDigest(base::DigestAlgorithm::kSha256, covered)) {
    return Broken(Reason::kCorrupt, static_cast<std::int64_t>(at),
                  "the manifest's own checksum differs");
  }
  return {};
}

}  // namespace

Walked<Manifest> ParseManifest(std::string_view text) {
  if (auto checked = CheckOwnChecksum(text); !checked) {
    return tl::unexpected(std::move(checked.error()));
  }
  ManifestSax sax;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &sax) || !sax.problem.empty()) {
    return Broken(Reason::kCorrupt, 0, "damaged manifest: " + sax.problem);
  }
  Manifest manifest = std::move(sax.manifest);
  if (manifest.version < 1 || manifest.version > 2) {
    return Unjudged(Reason::kWrongFormat,
                    "manifest version " + std::to_string(manifest.version) + " is not known");
  }
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const ManifestFile& a, const ManifestFile& b) { return a.path < b.path; });
  for (std::size_t i = 1; i < manifest.files.size(); ++i) {
    if (manifest.files[i - 1].path == manifest.files[i].path) {
      return Broken(Reason::kCorrupt, 0,
                    "the manifest names " + base::Quote(manifest.files[i].path) + " twice");
    }
  }
  if (!manifest.taken && sax.newest != base::Timestamp{}) manifest.taken = sax.newest;
  return manifest;
}

}  // namespace drwatch::verify
