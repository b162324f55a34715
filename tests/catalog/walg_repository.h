// A WAL-G repository made in memory: a full backup and a delta upon it, as wal-g 2 writes them.
#pragma once

#include <string>
#include <vector>

#include "catalog/repository_files.h"

namespace drwatch::catalog::repository_test {

class WalGRepository : public Files {
 public:
  static constexpr const char* kFull = "base_000000010000000000000017";
  static constexpr const char* kDelta = "base_000000010000000000000018_D_000000010000000000000017";

  std::string ending = ".lz4";
  std::string (*pack)(std::string_view) = Lz4;
  bool files_metadata = true;

  WalGRepository& Build() {
    files.clear();
    Add(kFull, "0/17000028", kFirstSegment, 385876008, 402653440, "", "2026-11-20T02:10:00.123Z");
    Add(kDelta, "0/18000028", kSecondSegment, 402653224, 402653696,
        std::string(R"("DeltaLSN":385876008,"DeltaFrom":")") + kFull + R"(","DeltaFullName":")" +
            kFull + R"(","DeltaCount":1,)",
        "2026-11-21T02:10:00.123Z");
    for (const char* name : {kFirstSegment, kSecondSegment}) {
      files[std::string("wal_005/") + name + ".lz4"] = PackedSegment(name);
    }
    return *this;
  }
  std::string& Of(const std::string& backup, const std::string& name) {
    return files["basebackups_005/" + backup + "/" + name];
  }
  std::string& Sentinel(const std::string& backup) {
    return files["basebackups_005/" + backup + "_backup_stop_sentinel.json"];
  }

 private:
  void Tar(const std::string& backup, const std::string& name,
           const std::vector<verify::TarEntry>& entries) {
    Of(backup, "tar_partitions/" + name + ".tar" + ending) = pack(verify::Tar(entries));
  }
  void Add(const std::string& backup, const std::string& start, const std::string& segment,
           std::uint64_t start_lsn, std::uint64_t finish_lsn, const std::string& delta,
           const std::string& finished) {
    const bool full = delta.empty();
    std::vector<verify::TarEntry> first = {{"/base/1", "", '5'}};
    if (full) first.push_back({"/PG_VERSION", "15\n"});
    if (full) first.push_back({"/base/1/1259", verify::Noise(20'000)});
    Tar(backup, "part_001", first);
    Tar(backup, "part_002", {{"/base/1/16384", verify::Noise(full ? 30'000 : 8'192)}});
    Tar(backup, "pg_control", {{"/global/pg_control", Control(SystemIdentifier())}});
    Tar(backup, "backup_label", {{"backup_label", Label(start, segment)}, {"tablespace_map", ""}});
    const std::string times =
        R"("start_time":"2026-11-20T02:00:00Z","finish_time":")" + finished + "\"";
    Of(backup, "metadata.json") = "{" + times + R"(,"is_permanent":false})";
    const auto entry = [](const std::string& name, bool skipped) {
      return "\"" + name + R"(":{"IsIncremented":false,"IsSkipped":)" +
             (skipped ? "true" : "false") + R"(,"MTime":"2026-11-20T01:00:00Z"})";
    };
    if (files_metadata) {
      Of(backup, "files_metadata.json") =
          "{\"Files\":{" + entry("/PG_VERSION", !full) + "," + entry("/base/1", false) + "," +
          entry("/base/1/1259", !full) + "," + entry("/base/1/16384", false) +
          "},\"TarFileSets\":{\"backup_label.tar" + ending +
          "\":[\"tablespace_map\",\"backup_label\"],\"part_001.tar" + ending +
          "\":[\"/PG_VERSION\",\"/base/1\"],\"part_002.tar" + ending + "\":[\"/base/1/16384\"]}}";
    }
    Sentinel(backup) =
        "{\"LSN\":" + std::to_string(start_lsn) + ",\"Timeline\":1," + delta +
        "\"PgVersion\":150004,\"FinishLSN\":" + std::to_string(finish_lsn) +
        ",\"SystemIdentifier\":" + std::to_string(SystemIdentifier()) +
        ",\"UncompressedSize\":60000,\"CompressedSize\":50000,\"DataCatalogSize\":" +
        "70000,\"Spec\":null,\"FilesMetadataDisabled\":" + (files_metadata ? "false" : "true") +
        ",\"Version\":2,\"StartTime\":\"2026-11-20T02:00:00Z\",\"FinishTime\":\"" + finished +
        "\",\"IsPermanent\":false}";
  }
};

}  // namespace drwatch::catalog::repository_test
