#include "verify/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "verify/json_bytes.h"
#include "verify/manifest_inventory.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kChecksumKey = "\"Manifest-Checksum\"";
// Its line and what closes the object.
constexpr std::size_t kMaxLastBytes = 4096;
// One for each timeline that a backup saw. Each is looked for among all the WAL that it carries.
constexpr std::size_t kMaxRanges = 1000;
constexpr std::int64_t kChunkBytes = 256 << 10;

// The manifest's events, without building a tree of it: a large cluster has millions of files.
class ManifestSax final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit ManifestSax(ManifestParts parts) : parts_(parts) {}
  Manifest manifest;
  std::string problem;
  base::Timestamp newest{};
  std::string too_many;  // "more than 5 files"; empty if all are kept

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
    if (depth_ == 2 && section_ == "WAL-Ranges") return StartRange();
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
    file_ = {};
    path_.clear();
    checksum_.reset();
    modified_.reset();
  }
  bool Number(std::uint64_t value) {
    if (depth_ == 1 && section_ == "PostgreSQL-Backup-Manifest-Version") {
      manifest.version = static_cast<int>(std::min<std::uint64_t>(value, 1000));
    } else if (depth_ == 1 && section_ == "System-Identifier") {
      manifest.system_identifier = value;
    } else if (depth_ == 2 && section_ == "Files" && key_ == "Size") {
      if (value > INT64_MAX) return Fail("impossible size");
      file_.size = static_cast<std::int64_t>(value);
    } else if (depth_ == 2 && section_ == "WAL-Ranges" && key_ == "Timeline") {
      manifest.wal.back().timeline = static_cast<std::uint32_t>(value);
    }
    return true;
  }
  bool FileText(const std::string& text) {
    if (key_ == "Path") {
      path_ = text;
    } else if (key_ == "Encoded-Path") {
      auto path = base::ParseHex(text);
      if (!path) return Fail("damaged Encoded-Path");
      path_ = *std::move(path);
    } else if (key_ == "Checksum-Algorithm") {
      if (text == "CRC32C") {
        file_.kind = ManifestChecksum::kCrc32c;
      } else if (const auto algorithm = base::ParseDigestName(text)) {
        file_.kind = ManifestChecksum::kDigest;
        file_.algorithm = *algorithm;
      } else {
        return Fail("unknown checksum algorithm");
      }
    } else if (key_ == "Checksum") {
      checksum_ = base::ParseHex(text);
      if (!checksum_) return Fail("damaged checksum");
    } else if (key_ == "Last-Modified") {
      modified_ = ParseUtc(text);
    }
    return true;
  }
  bool EndFile() {
    if (path_.empty()) return Fail("file without a path");
    if (path_.size() > UINT16_MAX) return Fail("impossible path");
    if (checksum_ && checksum_->size() > UINT8_MAX) return Fail("impossible checksum");
    if (checksum_.has_value() != (file_.kind != ManifestChecksum::kNone)) {
      return Fail("checksum without an algorithm, or the reverse");
    }
    // pg_combinebackup lists WAL, too, without checksums.
    if (!checksum_ && !IsExemptFromManifest(path_)) manifest.checksums = false;
    if (modified_ && path_ == "backup_label") manifest.taken = modified_;
    if (modified_) newest = std::max(newest, *modified_);
    if (parts_ == ManifestParts::kWithoutFiles) return true;
    if (static_cast<std::int64_t>(manifest.files.size()) >= kMaxFiles) {
      return TooMany(kMaxFiles, "files");
    }
    file_.path_bytes = static_cast<std::uint16_t>(path_.size());
    if (checksum_) {
      file_.checksum_bytes = static_cast<std::uint8_t>(checksum_->size());
      path_ += *checksum_;
    }
    file_.text = manifest.texts.Keep(path_).data();
    manifest.files.push_back(file_);
    return true;
  }
  bool StartRange() {
    if (manifest.wal.size() >= kMaxRanges) return TooMany(kMaxRanges, "WAL ranges");
    manifest.wal.emplace_back();
    return true;
  }
  bool TooMany(std::int64_t limit, const std::string& what) {
    too_many = "more than " + std::to_string(limit) + " " + what;
    return false;
  }
  bool WalText(const std::string& text) {
    const auto lsn = ParseLsn(text);
    if (!lsn) return Fail("damaged LSN");
    (key_ == "Start-LSN" ? manifest.wal.back().start : manifest.wal.back().end) = *lsn;
    return true;
  }

  const ManifestParts parts_;
  int depth_ = 0;
  std::string section_;
  std::string key_;
  // The file that is being told.
  ManifestFile file_;
  std::string path_;
  std::optional<std::string> checksum_;
  std::optional<base::Timestamp> modified_;
};

// The last line holds the SHA-256 of all lines before it: hashed while it is read.
class OwnChecksum final : public Source {
 public:
  explicit OwnChecksum(Reader& manifest) : manifest_(manifest) {}

  Walked<std::string_view> Next() override {
    auto bytes = manifest_.Some(kChunkBytes);
    if (bytes) Follow(*bytes);
    return bytes;
  }
  // Once all was read.
  Walked<void> Check();

 private:
  void Follow(std::string_view bytes);

  Reader& manifest_;
  base::Digest digest_{base::DigestAlgorithm::kSha256};
  std::string line_;     // the start of one, as far as it takes to tell whether it is the last
  bool within_ = false;  // a line that is not
  std::string last_;     // from its start on
};

void OwnChecksum::Follow(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!last_.empty()) {
      last_ += bytes.substr(0, kMaxLastBytes - std::min(kMaxLastBytes, last_.size()));
      return;
    }
    const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    const std::string_view line =
        bytes.substr(0, within_ ? end : std::min(end, kChecksumKey.size() - line_.size()));
    bytes.remove_prefix(line.size());
    if (within_) {
      digest_.Update(line);
      within_ = !line.ends_with('\n');
      continue;
    }
    line_ += line;
    if (line_ == kChecksumKey) {
      last_ = std::move(line_);
    } else if (line_.size() == kChecksumKey.size() || line_.ends_with('\n')) {
      digest_.Update(line_);
      within_ = !line_.ends_with('\n');
      line_.clear();
    }
  }
}

Walked<void> OwnChecksum::Check() {
  if (!last_.ends_with("}\n")) {
    return Broken(Reason::kIncomplete, manifest_.offset(), "ends before its own checksum");
  }
  const std::size_t open = last_.find('"', kChecksumKey.size());
  const std::size_t close = open == last_.npos ? last_.npos : last_.find('"', open + 1);
  if (close == last_.npos) {
    return Broken(Reason::kIncomplete, manifest_.offset(), "ends in its own checksum");
  }
  if (base::ParseHex(last_.substr(open + 1, close - open - 1)) != digest_.Finish()) {
    return Broken(Reason::kCorrupt, manifest_.offset() - static_cast<std::int64_t>(last_.size()),
                  "the manifest's own checksum differs");
  }
  return {};
}

Walked<void> CheckNames(const std::deque<ManifestFile>& files) {
  for (std::size_t i = 1; i < files.size(); ++i) {
    if (files[i - 1].path() == files[i].path()) {
      return Broken(Reason::kCorrupt, 0,
                    "the manifest names " + base::Quote(files[i].path()) + " twice");
    }
  }
  return {};
}

}  // namespace

Walked<Manifest> ReadManifest(Reader& reader, ManifestParts parts) {
  OwnChecksum source(reader);
  Reader inner(source);
  JsonBytes bytes(inner);
  ManifestSax sax(parts);
  const bool whole = nlohmann::json::sax_parse(JsonByteIterator(bytes), JsonByteIterator(), &sax);
  const bool too_long = bytes.fault() && bytes.fault()->reason == Reason::kLimit;
  if (bytes.fault() && !too_long) return tl::unexpected(*bytes.fault());
  if (!sax.too_many.empty()) return Unjudged(Reason::kLimit, sax.too_many);
  // Damage shows first in its own checksum, also behind where the parser gave up.
  if (auto rest = Drain(source); !rest) return tl::unexpected(std::move(rest.error()));
  if (auto checked = source.Check(); !checked) return tl::unexpected(std::move(checked.error()));
  if (too_long) return tl::unexpected(*bytes.fault());
  if (!whole || !sax.problem.empty()) {
    return Broken(Reason::kCorrupt, 0, "damaged manifest: " + sax.problem);
  }
  Manifest manifest = std::move(sax.manifest);
  if (manifest.version < 1 || manifest.version > 2) {
    return Unjudged(Reason::kWrongFormat,
                    "manifest version " + std::to_string(manifest.version) + " is not known");
  }
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const ManifestFile& a, const ManifestFile& b) { return a.path() < b.path(); });
  if (auto unique = CheckNames(manifest.files); !unique) {
    return tl::unexpected(std::move(unique.error()));
  }
  if (!manifest.taken && sax.newest != base::Timestamp{}) manifest.taken = sax.newest;
  return manifest;
}

}  // namespace drwatch::verify
