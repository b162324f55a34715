// A pgBackRest repository made in memory, a few files a backup: what the program writes, byte for
// byte where it matters. The WAL is real (tests/testdata/pgbackrest).
#pragma once

#include <bzlib.h>
#include <lz4frame.h>
#include <zstd.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/strings.h"
#include "support/temp_dir.h"
#include "verify/samples.h"

namespace drwatch::catalog {

inline std::string Packed(const std::string& kind, const std::string& bytes) {
  if (kind == "gz") return verify::Gzip(bytes);
  std::string out(bytes.size() * 2 + 1000, '\0');
  if (kind == "lz4") {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    out.resize(
        LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences));
    return out;
  }
  if (kind == "zst") {
    out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
    return out;
  }
  if (kind == "bz2") {
    auto size = static_cast<unsigned>(out.size());
    BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(bytes.data()),
                             static_cast<unsigned>(bytes.size()), 1, 0, 30);
    out.resize(size);
    return out;
  }
  return bytes;
}

inline std::string Sha1Hex(std::string_view bytes) {
  return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha1, bytes));
}

// Lines of sections, as pgBackRest writes them, with the checksum at the end.
class IniText {
 public:
  IniText& Add(const std::string& section, const std::string& key, const std::string& value) {
    if (section != section_) {
      json_ += (section_.empty() ? "{\"" : "},\"") + section + "\":{";
      text_ += (section_.empty() ? "[" : "\n[") + section + "]\n";
      section_ = section;
    } else {
      json_ += ",";
    }
    json_ += base::Quote(key) + ":" + value;
    text_ += key + "=" + value + "\n";
    return *this;
  }
  std::string Text() const {
    return text_ + "\n[backrest]\nbackrest-checksum=\"" + Sha1Hex(json_ + "}}") + "\"\n";
  }

 private:
  std::string section_, json_, text_;
};

inline std::string Number7(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

class PgBackRestRepository {
 public:
  static constexpr const char* kFull = "20261120-010000F";
  static constexpr const char* kDiff = "20261120-010000F_20261121-010000D";
  static constexpr const char* kIncr = "20261120-010000F_20261121-020000I";
  // 2026-11-20T01:00:00Z.
  static constexpr std::int64_t kFirst = 1'795'136'400;
  static constexpr const char* kWalFolder = "archive/main/15-1/0000000100000000/";

  std::string compression = "lz4";
  bool repo_checksums = true;
  bool bundles = false;
  bool blocks = false;
  std::string wal_start = "000000010000000000000017";
  std::string wal_stop = "000000010000000000000018";
  std::string extra_keys;  // of every entry of backup.info: ",\"backup-error\":true"
  // Everything: name in the repository and bytes.
  std::map<std::string, std::string> files;

  // Two unchanged files and one that changes with each backup.
  PgBackRestRepository& Build() {
    entries_.clear();
    files.clear();
    AddBackup(kFull, "full", "", {}, 0);
    AddBackup(kDiff, "diff", kFull, {kFull}, 24);
    AddBackup(kIncr, "incr", kDiff, {kFull, kDiff}, 25);
    WriteBackupInfo();
    IniText archive;
    archive.Add("backrest", "backrest-format", "5").Add("backrest", "backrest-version", "\"2.45\"");
    archive.Add("db", "db-id", "1")
        .Add("db", "db-system-id", kSystem)
        .Add("db", "db-version", "\"15\"");
    archive.Add("db:history", "1",
                std::string("{\"db-id\":") + kSystem + ",\"db-version\":\"15\"}");
    PutTwice("archive/main/archive.info", archive.Text());
    for (const auto& entry :
         std::filesystem::directory_iterator(testing::TestData("testdata/pgbackrest"))) {
      files[kWalFolder + entry.path().filename().string()] =
          testing::ReadTestFile(entry.path().string());
    }
    return *this;
  }
  void WriteBackupInfo() {
    IniText info;
    info.Add("backrest", "backrest-format", "5").Add("backrest", "backrest-version", "\"2.45\"");
    for (const auto& [label, value] : entries_) info.Add("backup:current", label, value);
    info.Add("db", "db-id", "1")
        .Add("db", "db-system-id", kSystem)
        .Add("db", "db-version", "\"15\"");
    info.Add("db:history", "1",
             std::string("{\"db-catalog-version\":202209061,\"db-control-version\":1300,"
                         "\"db-system-id\":") +
                 kSystem + ",\"db-version\":\"15\"}");
    PutTwice("backup/main/backup.info", info.Text());
  }
  void Forget(const std::string& label) {
    entries_.erase(label);
    WriteBackupInfo();
  }
  void RemoveFolder(const std::string& label) {
    std::erase_if(files, [&](const auto& file) {
      return file.first.starts_with("backup/main/" + label + "/");
    });
  }
  std::string WalFile(const std::string& segment) const {
    const auto found = files.lower_bound(kWalFolder + segment);
    return found->first;
  }
  void Save(const testing::TempDir& folder) const {
    for (const auto& [name, bytes] : files) folder.Write(name, bytes);
  }

 private:
  static constexpr const char* kSystem = "7710681104129229196";
  static constexpr std::size_t kBlock = 8192;

  struct Block {
    int reference = 0;
    int bundle = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  void PutTwice(const std::string& name, const std::string& text) {
    files[name] = text;
    files[name + ".copy"] = text;
  }
  static std::string ContentOf(int seed, std::size_t size) {
    std::string text;
    std::uint64_t state = 77 + static_cast<std::uint64_t>(seed);
    while (text.size() < size) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text += std::to_string(state >> 44) + " ";
    }
    text.resize(size);
    return text;
  }

  // A file of three blocks of which the backup changed the middle one; what did not change stays
  // where the first backup put it.
  std::string BlockFile(int hour, int reference, int bundle, std::uint64_t offset,
                        std::string& content, std::size_t& map_bytes) {
    std::string stored;
    content.clear();
    std::vector<Block> places;
    for (int i = 0; i < 3; ++i) {
      const bool changed = reference == 0 || i == 1;
      const std::string block = ContentOf(changed && reference > 0 ? 1000 + hour : i, kBlock);
      content += block;
      if (!changed) {
        places.push_back(first_blocks_[static_cast<std::size_t>(i)]);
        continue;
      }
      const std::string packed = Packed(compression, block);
      places.push_back({reference, bundle, offset + stored.size(), packed.size()});
      stored += packed;
    }
    if (reference == 0) first_blocks_ = places;
    const std::string map = MapOf(places, content);
    map_bytes = map.size();
    return stored + map;
  }
  static std::string MapOf(const std::vector<Block>& blocks, const std::string& content) {
    std::string map = Number7(0);
    std::map<int, Block> known;
    std::int64_t last_size = 0;
    for (std::size_t i = 0; i < blocks.size();) {
      const Block& block = blocks[i];
      std::size_t end = i;
      while (end < blocks.size() && blocks[end].reference == block.reference) ++end;
      std::uint64_t head = static_cast<std::uint64_t>(block.reference) << 3;
      if (end == blocks.size()) head |= 1;
      if (known.contains(block.reference)) {
        const Block& before = known[block.reference];
        const std::uint64_t gap = block.offset - before.offset - before.size;
        map += Number7(head | (gap > 0 ? 4u : 0u));
        if (gap > 0) map += Number7(gap);
      } else {
        map += Number7(head | (block.bundle > 0 ? 2u : 0u) | (block.offset > 0 ? 4u : 0u));
        if (block.bundle > 0) map += Number7(static_cast<std::uint64_t>(block.bundle));
        if (block.offset > 0) map += Number7(block.offset);
      }
      for (; i < end; ++i) {
        const auto size = static_cast<std::int64_t>(blocks[i].size);
        const std::int64_t delta = size - last_size;
        const std::uint64_t value =
            last_size == 0 ? static_cast<std::uint64_t>(size)
                           : static_cast<std::uint64_t>(delta >= 0 ? 2 * delta : -2 * delta - 1);
        map += Number7(value << 3 | (i + 1 == end ? 1u : 0u));
        last_size = size;
        map += Sha1Hex(content.substr(i * kBlock, kBlock)).substr(0, 6);
        known[block.reference] = blocks[i];
      }
    }
    return map;
  }

  void AddBackup(const std::string& label, const std::string& kind, const std::string& prior,
                 const std::vector<std::string>& references, int hour) {
    const std::string folder = "backup/main/" + label + "/";
    const std::string ending = compression == "none" ? "" : "." + compression;
    const std::string bundle = folder + "bundle/1";
    std::map<std::string, std::string> lines;
    const auto store = [&](const std::string& name, const std::string& content,
                           const std::string& stored, const std::string& keys, bool bundled,
                           const std::string& suffix) {
      std::string json = "{" + keys;
      if (bundled) {
        json += "\"bni\":1,";
        if (!files[bundle].empty()) json += "\"bno\":" + std::to_string(files[bundle].size()) + ",";
      }
      if (!content.empty()) json += "\"checksum\":\"" + Sha1Hex(content) + "\",";
      if (repo_checksums) json += "\"rck\":\"" + Sha1Hex(stored) + "\",";
      json += "@";  // a reference, in backups that come later
      if (stored.size() != content.size()) {
        json += "\"repo-size\":" + std::to_string(stored.size()) + ",";
      }
      json += "\"size\":" + std::to_string(content.size()) + ",\"timestamp\":1795136400}";
      if (bundled) {
        files[bundle] += stored;
      } else {
        files[folder + name + suffix] = stored;
      }
      lines[name] = json;
    };
    const auto plain = [&](const std::string& name, const std::string& content, bool bundled) {
      store(name, content, Packed(compression, content), "", bundled, ending);
    };
    if (references.empty()) {
      plain("pg_data/base/1/1259", ContentOf(1, 20'000), bundles);
      plain("pg_data/base/1/2600=odd", ContentOf(2, 300), bundles);
      if (bundles) {
        lines["pg_data/base/1/empty"] = "{\"size\":0,\"timestamp\":1795136400}";
      } else {
        plain("pg_data/base/1/empty", "", false);
      }
      unchanged_ = lines;
    }
    for (const auto& [name, json] : unchanged_) lines[name] = json;
    plain("pg_data/base/1/1249", ContentOf(100 + hour, 9'000), bundles);
    plain("pg_data/backup_label", "START WAL LOCATION " + label, false);
    if (blocks) {
      std::string content;
      std::size_t map_bytes = 0;
      const std::uint64_t offset = bundles ? files[bundle].size() : 0;
      const std::string stored = BlockFile(hour, static_cast<int>(references.size()),
                                           bundles ? 1 : 0, offset, content, map_bytes);
      store("pg_data/base/1/3000", content, stored,
            "\"bi\":1,\"bim\":" + std::to_string(map_bytes) + ",", bundles, ".pgbi");
    }
    WriteManifest(label, prior, references, lines);
    AddEntry(label, kind, prior, references, hour);
  }

  void WriteManifest(const std::string& label, const std::string& prior,
                     const std::vector<std::string>& references,
                     std::map<std::string, std::string> lines) {
    for (auto& [name, json] : lines) {
      const bool elsewhere = !references.empty() && unchanged_.contains(name);
      const std::size_t at = json.find('@');
      if (at == json.npos) continue;
      json.replace(at, 1, elsewhere ? "\"reference\":\"" + references.front() + "\"," : "");
    }
    IniText manifest;
    manifest.Add("backrest", "backrest-format", "5");
    const auto text = [](const std::string& value) { return "\"" + value + "\""; };
    if (!wal_start.empty()) {
      manifest.Add("backup", "backup-archive-start", text(wal_start));
      manifest.Add("backup", "backup-archive-stop", text(wal_stop));
    }
    if (bundles) manifest.Add("backup", "backup-bundle", "true");
    manifest.Add("backup", "backup-label", text(label));
    if (!prior.empty()) manifest.Add("backup", "backup-prior", text(prior));
    std::vector<std::string> all = references;
    all.push_back(label);
    manifest.Add("backup", "backup-reference", text(base::Join(all, ",")));
    manifest.Add("backup:db", "db-version", "\"15\"");
    manifest.Add("backup:option", "option-compress-type", text(compression));
    for (const auto& [name, json] : lines) manifest.Add("target:file", name, json);
    manifest.Add("target:path", "pg_data/base", "{}");
    PutTwice("backup/main/" + label + "/backup.manifest", manifest.Text());
  }

  void AddEntry(const std::string& label, const std::string& kind, const std::string& prior,
                const std::vector<std::string>& references, int hour) {
    std::string json = "{\"backrest-format\":5,\"backrest-version\":\"2.45\"";
    if (!wal_start.empty()) {
      json += ",\"backup-archive-start\":\"" + wal_start + "\",\"backup-archive-stop\":\"" +
              wal_stop + "\"";
    }
    json +=
        ",\"backup-info-repo-size\":30000,\"backup-info-repo-size-delta\":10000,"
        "\"backup-info-size\":50000,\"backup-info-size-delta\":20000";
    json += ",\"backup-lsn-start\":\"0/1700028\",\"backup-lsn-stop\":\"0/1800050\"";
    if (!prior.empty()) {
      json += ",\"backup-prior\":\"" + prior + "\",\"backup-reference\":[\"" +
              base::Join(references, "\",\"") + "\"]";
    }
    const std::int64_t start = kFirst + 3600 * hour;
    json += ",\"backup-timestamp-start\":" + std::to_string(start) +
            ",\"backup-timestamp-stop\":" + std::to_string(start + 60) + ",\"backup-type\":\"" +
            kind + "\",\"db-id\":1,\"option-online\":true" + extra_keys + "}";
    entries_[label] = json;
  }

  std::map<std::string, std::string> entries_;    // of backup.info
  std::map<std::string, std::string> unchanged_;  // of the full backup's manifest
  std::vector<Block> first_blocks_;
};

}  // namespace drwatch::catalog
