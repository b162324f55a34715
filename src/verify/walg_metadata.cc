#include "verify/walg_metadata.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/strings.h"
#include "verify/fnv.h"
#include "verify/json_bytes.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;
using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 64;

// A text with a number too large for the parser, or an integer: both as they come.
using Value = std::variant<std::nullptr_t, bool, std::uint64_t, std::string_view>;

// Follows the keys that lead to a value; arrays have none.
class PathSax : public nlohmann::json_sax<Json> {
 public:
  std::string problem;

  bool null() override { return Told(nullptr); }
  bool boolean(bool value) override { return Told(value); }
  bool number_integer(number_integer_t value) override {
    return value < 0 ? Fail("a negative number") : Told(static_cast<std::uint64_t>(value));
  }
  bool number_unsigned(number_unsigned_t value) override { return Told(value); }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t& text) override { return Told(std::string_view(text)); }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Open(false); }
  bool start_array(std::size_t) override { return Open(true); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    keys_.back() = name;
    return OnKey();
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    cut_off_ = problem.empty() && !keys_.empty();
    return Fail("not JSON at byte " + std::to_string(position));
  }
  bool too_deep() const { return too_deep_; }
  // True if the parser gave up within the object.
  bool cut_off() const { return cut_off_; }

 protected:
  virtual bool OnKey() { return true; }
  virtual bool OnValue(const Value& value) = 0;
  bool Fail(std::string text) {
    if (problem.empty()) problem = std::move(text);
    return false;
  }
  // Those of the objects around, outermost first; "" for an array.
  const std::vector<std::string>& keys() const { return keys_; }

 private:
  bool Open(bool array) {
    if (keys_.empty() && array) return Fail("not a JSON object");
    keys_.emplace_back();
    too_deep_ = keys_.size() > kMaxDepth;
    return !too_deep_ || Fail("nested too deeply");
  }
  bool Close() {
    keys_.pop_back();
    return true;
  }
  bool Told(const Value& value) {
    return keys_.empty() ? Fail("not a JSON object") : OnValue(value);
  }

  std::vector<std::string> keys_;
  bool too_deep_ = false;
  bool cut_off_ = false;
};

Walked<void> Parse(Reader& file, PathSax& sax, const std::function<bool()>& enough) {
  JsonBytes bytes(file);
  if (bytes.ended() && !bytes.fault()) return Broken(Reason::kTooSmall, 0, "the file is empty");
  const bool whole = Json::sax_parse(JsonByteIterator(bytes), JsonByteIterator(), &sax);
  if (enough && enough()) return {};
  if (bytes.fault()) return tl::unexpected(*bytes.fault());
  if (sax.too_deep()) return Unjudged(Reason::kLimit, "nested too deeply");
  if (whole && sax.problem.empty()) return {};
  if (bytes.ended() && sax.cut_off())
    return Broken(Reason::kIncomplete, bytes.offset(), "ends in the middle");
  return Broken(Reason::kCorrupt, bytes.offset(), "damaged: " + sax.problem);
}

class BackupSax final : public PathSax {
 public:
  explicit BackupSax(WalGBackup& backup) : backup_(backup) {}

 private:
  bool OnValue(const Value& value) override {
    if (keys().size() != 1 || std::holds_alternative<std::nullptr_t>(value)) return true;
    const std::string& key = keys().back();
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return Number(key, *number);
    if (const auto* text = std::get_if<std::string_view>(&value)) return Text(key, *text);
    if (const auto* flag = std::get_if<bool>(&value)) {
      if (key == "FilesMetadataDisabled") backup_.without_files_metadata = *flag;
    }
    return true;
  }
  bool Number(const std::string& key, std::uint64_t value) {
    const auto size = static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
    if (key == "LSN" || key == "start_lsn") backup_.start = value;
    if (key == "FinishLSN" || key == "finish_lsn") backup_.finish = value;
    if (key == "DeltaLSN" || key == "DeltaFromLSN") backup_.delta_start = value;
    if (key == "DataCatalogSize") backup_.data_bytes = size;
    if (key == "PgVersion" || key == "pg_version") backup_.server_version = size;
    if (key == "SystemIdentifier" || key == "system_identifier") backup_.system_identifier = value;
    if (key == "UncompressedSize" || key == "uncompressed_size") backup_.uncompressed_bytes = size;
    if (key == "CompressedSize" || key == "compressed_size") backup_.compressed_bytes = size;
    if (key == "Version") backup_.version = static_cast<int>(std::min<std::uint64_t>(value, 1000));
    if (key == "Timeline" || key == "timeline") {
      if (value > UINT32_MAX) return Fail("an impossible timeline");
      backup_.timeline = static_cast<std::uint32_t>(value);
    }
    return true;
  }
  bool Text(const std::string& key, std::string_view text) {
    if (key == "DeltaFrom") backup_.delta_from = text;
    const auto lsn = ParseLsn(text);
    if (lsn && (key == "LSN" || key == "start_lsn")) backup_.start = lsn;
    if (lsn && (key == "FinishLSN" || key == "finish_lsn")) backup_.finish = lsn;
    // Go's zero time stands for one that is not known.
    const auto time = ParseIsoTime(text);
    if (!time || *time <= base::Timestamp{}) return true;
    if (key == "StartTime" || key == "start_time") backup_.started = time;
    if (key == "FinishTime" || key == "finish_time") backup_.finished = time;
    return true;
  }

  WalGBackup& backup_;
};

// {"Files": {name: {"IsSkipped": ...}}, "TarFileSets": {tar: [name ...]}}
class FilesSax : public PathSax {
 public:
  WalGFiles files;

 protected:
  bool OnKey() override {
    if (keys().size() == 2 && keys()[0] == "Files") {
      const auto count = static_cast<std::int64_t>(files.packed.size() + files.skipped.size());
      if (count >= kMaxFiles) return Fail("too many files");
      files.packed.push_back(WalGNameHash(keys()[1]));
    }
    if (keys().size() == 2 && keys()[0] == "TarFileSets") {
      const bool tar = keys()[1].find(".tar") != std::string::npos;
      if (tar) files.tars.push_back(keys()[1]);
      files.other_sets = files.other_sets || !tar;
    }
    return true;
  }
  bool OnValue(const Value& value) override {
    if (keys().size() < 3 || keys()[0] != "Files") return true;
    const auto* flag = std::get_if<bool>(&value);
    if (keys().size() == 3 && keys()[2] == "IsSkipped" && flag != nullptr && *flag) {
      files.skipped.push_back(files.packed.back());
      files.packed.pop_back();
    }
    const auto* number = std::get_if<std::uint64_t>(&value);
    if (keys().size() == 4 && keys()[3] == "CorruptBlocksCount" && number != nullptr) {
      files.damaged += *number > 0 ? 1 : 0;
    }
    return true;
  }
};

class NameSax final : public PathSax {
 public:
  explicit NameSax(std::uint64_t hash) : hash_(hash) {}
  std::string name;
  bool found = false;

 private:
  bool OnKey() override {
    if (keys().size() != 2 || keys()[0] != "Files" || WalGNameHash(keys()[1]) != hash_) return true;
    name = keys()[1];
    found = true;
    return false;
  }
  bool OnValue(const Value&) override { return true; }

  const std::uint64_t hash_;
};

}  // namespace

Walked<void> ParseWalGJson(std::string_view text, WalGBackup& backup) {
  MemorySource source(text);
  Reader reader(source);
  BackupSax sax(backup);
  return Parse(reader, sax, nullptr);
}

std::uint64_t WalGNameHash(std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  while (name.ends_with('/')) name.remove_suffix(1);
  // And a last mix: the same on every machine.
  const std::uint64_t hash = Fnv1a(name);
  return hash ^ (hash >> 29);
}

Walked<WalGFiles> ReadWalGFiles(Reader& file) {
  FilesSax sax;
  if (auto parsed = Parse(file, sax, nullptr); !parsed) {
    const auto count =
        static_cast<std::int64_t>(sax.files.packed.size() + sax.files.skipped.size());
    if (count >= kMaxFiles) return Unjudged(Reason::kLimit, "more than 2000000 files");
    return tl::unexpected(std::move(parsed.error()));
  }
  WalGFiles files = std::move(sax.files);
  std::sort(files.packed.begin(), files.packed.end());
  std::sort(files.skipped.begin(), files.skipped.end());
  std::sort(files.tars.begin(), files.tars.end());
  return files;
}

Walked<std::string> FindWalGName(Reader& file, std::uint64_t hash) {
  NameSax sax(hash);
  auto parsed = Parse(file, sax, [&sax] { return sax.found; });
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  return sax.name;
}

}  // namespace drwatch::verify
