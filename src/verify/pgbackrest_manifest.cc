#include "verify/pgbackrest_manifest.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "verify/pgbackrest_ini.h"
#include "verify/pgbackrest_json.h"

namespace drwatch::verify {
namespace {

using model::Reason;
using pgbackrest::Flag;
using pgbackrest::Number;
using pgbackrest::Text;

constexpr std::int64_t kBlockUnit = 8192;
// What "bic" means where it is left out.
constexpr std::int64_t kShortBlockChecksum = 6;
constexpr std::size_t kMaxReferences = 100'000;

class Collector {
 public:
  explicit Collector(const KeepFile& keep) : keep_(keep) {}
  Walked<void> Take(const IniLine& line);
  Walked<PgBackRestManifest> Finish();

 private:
  Walked<void> TakeFile(const IniLine& line);
  Walked<void> TakeBackup(const IniLine& line);
  void TakeOption(const IniLine& line);
  Walked<int> ReferenceOf(const std::string& label);
  tl::unexpected<Fault> Strange(std::string_view what) const {
    return Broken(Reason::kCorrupt, 0,
                  "no entry as pgBackRest writes it: " + base::Quote(base::Truncate(what, 200)));
  }

  const KeepFile& keep_;
  PgBackRestManifest manifest_;
  std::map<std::string, int> known_;  // of references
  std::int64_t count_ = 0;
};

Walked<int> Collector::ReferenceOf(const std::string& label) {
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

std::optional<Sha1> ParseSha1(const std::string& text) {
  const auto raw = base::ParseHex(text);
  if (!raw || raw->size() != std::tuple_size_v<Sha1>) return std::nullopt;
  Sha1 sha1{};
  std::copy(raw->begin(), raw->end(), sha1.begin());
  return sha1;
}

// A name that leads nowhere but below its backup.
bool IsSafeName(std::string_view name) {
  if (name.empty() || name.size() > 4096 || name.front() == '/' || name.back() == '/') return false;
  const auto parts = base::Split(name, '/');
  return std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

Walked<void> Collector::TakeFile(const IniLine& line) {
  if (++count_ > kMaxFiles) return Unjudged(Reason::kLimit, "more than 2000000 files");
  const nlohmann::json value = pgbackrest::Parse(line.value);
  PgBackRestFile file;
  file.name = std::string(line.key);
  const auto size = Number(value, "size");
  if (!size || !IsSafeName(file.name)) return Strange(line.key);
  file.size = *size;
  file.repo_bytes = Number(value, "repo-size").value_or(file.size);
  file.checksum = ParseSha1(Text(value, "checksum"));
  file.repo_checksum = ParseSha1(Text(value, "rck"));
  file.bundle = Number(value, "bni").value_or(0);
  file.offset = Number(value, "bno").value_or(0);
  file.map_bytes = Number(value, "bim").value_or(0);
  const std::int64_t units = Number(value, "bi").value_or(0);
  if (units > INT64_MAX / kBlockUnit || file.offset > INT64_MAX - file.repo_bytes ||
      file.map_bytes > file.repo_bytes || (file.map_bytes > 0 && units == 0)) {
    return Strange(line.key);
  }
  file.block_bytes = units * kBlockUnit;
  file.block_checksum_bytes = Number(value, "bic").value_or(kShortBlockChecksum);
  if (file.size > 0 && !file.checksum) return Strange(line.key);
  if (const std::string label = Text(value, "reference"); !label.empty()) {
    auto reference = ReferenceOf(label);
    if (!reference) return tl::unexpected(std::move(reference.error()));
    file.reference = *reference;
  }
  if (!keep_ || keep_(file.name)) manifest_.files.push_back(std::move(file));
  return {};
}

Walked<void> Collector::TakeBackup(const IniLine& line) {
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

void Collector::TakeOption(const IniLine& line) {
  const nlohmann::json value = pgbackrest::Parse(line.value);
  if (line.key == "option-compress-type" && value.is_string()) {
    manifest_.compression = value.get<std::string>();
  } else if (line.key == "option-compress" && manifest_.compression.empty()) {
    // Before 2.27 there was gzip or nothing.
    manifest_.compression = value.is_boolean() && value.get<bool>() ? "gz" : "none";
  }
}

Walked<void> Collector::Take(const IniLine& line) {
  if (line.section == "target:file") return TakeFile(line);
  if (line.section == "backup") return TakeBackup(line);
  if (line.section == "backup:option") TakeOption(line);
  if (line.section == "cipher") manifest_.encrypted = true;
  if (line.section == "backup:db" && line.key == "db-version") {
    const nlohmann::json value = pgbackrest::Parse(line.value);
    if (value.is_string()) manifest_.server_version = value.get<std::string>();
  }
  return {};
}

Walked<PgBackRestManifest> Collector::Finish() {
  if (manifest_.label.empty()) return Strange("backup-label");
  if (!PgBackRestEnding(manifest_.compression)) {
    return Unjudged(Reason::kUnverified,
                    "packed in a way that is not known: " + base::Quote(manifest_.compression));
  }
  return std::move(manifest_);
}

}  // namespace

Walked<PgBackRestManifest> ReadPgBackRestManifest(Reader& reader, const KeepFile& keep) {
  Collector collector(keep);
  auto read =
      ReadPgBackRestIni(reader, [&collector](const IniLine& line) { return collector.Take(line); });
  if (!read) return tl::unexpected(std::move(read.error()));
  return collector.Finish();
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
