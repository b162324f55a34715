#include "verify/pgbackrest_manifest.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "verify/pgbackrest_json.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::int64_t kBlockUnit = 8192;
// What "bic" means where it is left out.
constexpr std::int64_t kShortBlockChecksum = 6;
constexpr std::size_t kMaxReferences = 100'000;

tl::unexpected<Fault> Strange(std::string_view what) {
  return Broken(Reason::kCorrupt, 0,
                "no entry as pgBackRest writes it: " + base::Quote(base::Truncate(what, 200)));
}

// What of a file's entry is of use, taken from its JSON as it goes by: manifests have millions of
// them.
class FileEntry : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::optional<std::int64_t> size, repo_size, bundle, offset, map_bytes, block_units,
      block_checksum;
  std::string checksum, repo_checksum, reference;

  // False if it is no JSON.
  bool Parse(std::string_view value) {
    return nlohmann::json::sax_parse(value.begin(), value.end(), this);
  }

  bool key(std::string& name) override {
    number_ = nullptr;
    text_ = nullptr;
    if (depth_ != 1) return true;
    struct Number {
      std::string_view name;
      std::optional<std::int64_t> FileEntry::*value;
    };
    constexpr std::array<Number, 7> kNumbers = {{{"size", &FileEntry::size},
                                                 {"repo-size", &FileEntry::repo_size},
                                                 {"bni", &FileEntry::bundle},
                                                 {"bno", &FileEntry::offset},
                                                 {"bim", &FileEntry::map_bytes},
                                                 {"bi", &FileEntry::block_units},
                                                 {"bic", &FileEntry::block_checksum}}};
    for (const Number& number : kNumbers) {
      if (number.name == name) number_ = &(this->*number.value);
    }
    if (name == "checksum") text_ = &checksum;
    if (name == "rck") text_ = &repo_checksum;
    if (name == "reference") text_ = &reference;
    // A key that comes again counts as it is then.
    if (number_ != nullptr) number_->reset();
    if (text_ != nullptr) text_->clear();
    return true;
  }
  bool number_unsigned(std::uint64_t value) override {
    if (depth_ == 1 && number_ != nullptr && value <= INT64_MAX) {
      *number_ = static_cast<std::int64_t>(value);
    }
    return true;
  }
  bool string(std::string& value) override {
    if (depth_ == 1 && text_ != nullptr) *text_ = value;
    return true;
  }
  bool start_object(std::size_t /*elements*/) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool start_array(std::size_t /*elements*/) override { return Enter(); }
  bool end_array() override { return Leave(); }
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(std::int64_t /*value*/) override { return true; }
  bool number_float(double /*value*/, const std::string& /*text*/) override { return true; }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return true; }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return false;
  }

 private:
  bool Enter() {
    ++depth_;
    return true;
  }
  bool Leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  std::optional<std::int64_t>* number_ = nullptr;  // what the next value is for
  std::string* text_ = nullptr;
};

std::optional<Sha1> ParseSha1(const std::string& text) {
  const auto raw = base::ParseHex(text);
  if (!raw || raw->size() != std::tuple_size_v<Sha1>) return std::nullopt;
  Sha1 sha1{};
  std::copy(raw->begin(), raw->end(), sha1.begin());
  return sha1;
}

// A name that leads nowhere but below its backup.
bool IsSafeName(std::string_view name) {
  if (name.empty() || name.size() > 4096) return false;
  while (true) {
    const std::size_t slash = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == name.size()) return true;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace

Walked<int> PgBackRestManifestReader::ReferenceOf(const std::string& label) {
  const auto [known, fresh] =
      known_.try_emplace(label, static_cast<int>(manifest_.references.size()));
  if (fresh) {
    // It becomes a part of names of objects.
    if (label.empty() || label.find_first_not_of("0123456789-_FDI") != label.npos ||
        manifest_.references.size() >= kMaxReferences) {
      return Strange(label);
    }
    manifest_.references.push_back(label);
  }
  return known->second;
}

Walked<void> PgBackRestManifestReader::TakeFile(const IniLine& line, PgBackRestFile& file) {
  if (manifest_.files >= kMaxFiles) return Unjudged(Reason::kLimit, "more than 2000000 files");
  FileEntry entry;
  if (!entry.Parse(line.value) || !entry.size || !IsSafeName(line.key)) return Strange(line.key);
  file.name = line.key;
  file.number = manifest_.files++;
  file.reference = -1;
  file.size = *entry.size;
  file.repo_bytes = entry.repo_size.value_or(file.size);
  file.checksum = ParseSha1(entry.checksum);
  file.repo_checksum = ParseSha1(entry.repo_checksum);
  file.bundle = entry.bundle.value_or(0);
  file.offset = entry.offset.value_or(0);
  file.map_bytes = entry.map_bytes.value_or(0);
  const std::int64_t units = entry.block_units.value_or(0);
  if (units > INT64_MAX / kBlockUnit || file.offset > INT64_MAX - file.repo_bytes ||
      file.map_bytes > file.repo_bytes || (file.map_bytes > 0 && units == 0)) {
    return Strange(line.key);
  }
  file.block_bytes = units * kBlockUnit;
  file.block_checksum_bytes = entry.block_checksum.value_or(kShortBlockChecksum);
  if (file.size > 0 && !file.checksum) return Strange(line.key);
  if (!entry.reference.empty()) {
    auto reference = ReferenceOf(entry.reference);
    if (!reference) return tl::unexpected(std::move(reference.error()));
    file.reference = *reference;
  }
  return {};
}

Walked<void> PgBackRestManifestReader::TakeBackup(const IniLine& line) {
  const nlohmann::json value = pgbackrest::Parse(line.value);
  const auto text = [&value] { return value.is_string() ? value.get<std::string>() : ""; };
  if (line.key == "backup-label") {
    manifest_.label = text();
  } else if (line.key == "backup-archive-start") {
    manifest_.wal_start = text();
  } else if (line.key == "backup-archive-stop") {
    manifest_.wal_stop = text();
  } else if (line.key == "backup-bundle") {
    manifest_.bundles = value.is_boolean() && value.get<bool>();
  } else if (line.key == "backup-bundle-raw") {
    manifest_.raw = value.is_boolean() && value.get<bool>();
  } else if (line.key == "backup-reference" && value.is_string()) {
    // A list with commas; block maps count in its order.
    for (const std::string_view label : base::Split(value.get_ref<const std::string&>(), ',')) {
      if (auto known = ReferenceOf(std::string(label)); !known) {
        return tl::unexpected(std::move(known.error()));
      }
    }
  }
  return {};
}

Walked<void> PgBackRestManifestReader::TakeOther(const IniLine& line) {
  if (line.section == "backup") return TakeBackup(line);
  if (line.section == "cipher") manifest_.encrypted = true;
  if (line.section != "backup:option" && line.section != "backup:db") return {};
  const nlohmann::json value = pgbackrest::Parse(line.value);
  if (line.section == "backup:db") {
    if (line.key == "db-version" && value.is_string()) {
      manifest_.server_version = value.get<std::string>();
    }
  } else if (line.key == "option-compress-type" && value.is_string()) {
    manifest_.compression = value.get<std::string>();
  } else if (line.key == "option-compress" && manifest_.compression.empty()) {
    // Before 2.27 there was gzip or nothing.
    manifest_.compression = value.is_boolean() && value.get<bool>() ? "gz" : "none";
  }
  return {};
}

Walked<void> PgBackRestManifestReader::Finish() {
  if (manifest_.label.empty()) return Strange("backup-label");
  if (!PgBackRestEnding(manifest_.compression)) {
    return Unjudged(Reason::kUnverified,
                    "packed in a way that is not known: " +
                        base::Quote(base::Truncate(manifest_.compression, 200)));
  }
  manifest_.checksum = ini_.checksum();
  return {};
}

Walked<bool> PgBackRestManifestReader::Next(PgBackRestFile& file) {
  while (true) {
    auto line = ini_.Next();
    if (!line) return tl::unexpected(std::move(line.error()));
    const bool is_file = *line && (*line)->section == "target:file";
    auto taken = !*line ? Finish() : is_file ? TakeFile(**line, file) : TakeOther(**line);
    if (!taken) return tl::unexpected(std::move(taken.error()));
    if (!*line || is_file) return is_file;
  }
}

Walked<PgBackRestManifest> ReadPgBackRestManifest(
    Reader& reader, const std::function<void(PgBackRestFile& file)>& take) {
  PgBackRestManifestReader manifest(reader);
  PgBackRestFile file;
  while (true) {
    auto more = manifest.Next(file);
    if (!more) return tl::unexpected(std::move(more.error()));
    if (!*more) return manifest.manifest();
    take(file);
  }
}

std::optional<std::string> PgBackRestEnding(const std::string& compression) {
  if (compression == "none" || compression.empty()) return "";
  for (const char* const known : {"gz", "lz4", "zst", "bz2"}) {
    if (compression == known) return "." + compression;
  }
  return std::nullopt;
}

std::string PgBackRestObject(const PgBackRestFile& file, const std::string& ending) {
  if (file.bundle > 0) return "bundle/" + std::to_string(file.bundle);
  return file.name + (file.map_bytes > 0 ? ".pgbi" : ending);
}

}  // namespace drwatch::verify
