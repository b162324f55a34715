// A Barman home made in memory: one server with backups in each layout that Barman writes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/strings.h"
#include "catalog/repository_files.h"

namespace drwatch::catalog::repository_test {

class BarmanRepository : public Files {
 public:
  static constexpr const char* kFirst = "20261120T020000";
  static constexpr const char* kSecond = "20261121T020000";

  // With the WAL of both backups and an index of it.
  BarmanRepository() {
    std::string index;
    for (const char* name : {kFirstSegment, kSecondSegment}) {
      const std::string& bytes = PackedSegment(name);
      files[std::string("main/wals/0000000100000000/") + name] = bytes;
      index += std::string(name) + "\t" + std::to_string(bytes.size()) + "\t1763690400.5\tlz4\n";
    }
    files["main/wals/xlog.db"] = index;
  }

  // What `barman backup` leaves with backup_method = postgres: a plain data folder with
  // pg_basebackup's manifest, and one tablespace.
  BarmanRepository& AddPlain(const std::string& id) {
    PutData(id, [&](const std::string& name) { return Name(id, name); });
    files[Name(id, "data/backup_manifest")] = Manifest();
    return PutInfo(id, "postgres");
  }
  // The same with backup_compression = gzip.
  BarmanRepository& AddTar(const std::string& id) {
    std::vector<verify::TarEntry> base;
    std::vector<verify::TarEntry> tablespace;
    for (const auto& [name, bytes] : Data()) {
      const bool inside = name.starts_with("pg_tblspc/16387/");
      (inside ? tablespace : base).push_back({inside ? name.substr(16) : name, bytes});
    }
    files[Name(id, "data/base.tar.gz")] = verify::Gzip(verify::Tar(base));
    files[Name(id, "data/16387.tar.gz")] = verify::Gzip(verify::Tar(tablespace));
    files[Name(id, "data/backup_manifest")] = Manifest();
    return PutInfo(id, "postgres");
  }
  // backup_method = rsync: no manifest.
  BarmanRepository& AddRsync(const std::string& id) {
    PutData(id, [&](const std::string& name) { return Name(id, name); });
    return PutInfo(id, "rsync-concurrent");
  }
  // The same after `barman generate-manifest`, which leaves out tablespaces.
  BarmanRepository& AddRsyncWithManifest(const std::string& id) {
    AddRsync(id);
    files[Name(id, "data/backup_manifest")] =
        Manifest([](const std::string& name) { return !name.starts_with("pg_tblspc/"); });
    return *this;
  }
  // What barman-cloud-backup --gzip uploads.
  BarmanRepository& AddCloud(const std::string& id) {
    std::vector<std::vector<verify::TarEntry>> parts(2);
    std::vector<verify::TarEntry> tablespace;
    for (const auto& [name, bytes] : Data()) {
      if (name.starts_with("pg_tblspc/16387/")) {
        tablespace.push_back({name.substr(16), bytes});
      } else {
        // Barman uploads the label last of all.
        parts[name == "backup_label" ? 1 : 0].push_back({name, bytes});
      }
    }
    files[Name(id, "data.tar.gz")] = verify::Gzip(verify::Tar(parts[0]));
    files[Name(id, "data_0001.tar.gz")] = verify::Gzip(verify::Tar(parts[1]));
    files[Name(id, "16387.tar.gz")] = verify::Gzip(verify::Tar(tablespace));
    files.erase("main/wals/xlog.db");
    PutInfo(id, "");
    SetInfo(id, "size", "None");
    return *this;
  }

  // Where Barman 3.13.2 and later write what they say of a backup. Its size is only the data's.
  BarmanRepository& MoveInfo(const std::string& id) {
    const auto old = files.extract(Name(id, "backup.info"));
    std::int64_t size = 0;
    for (const auto& [name, bytes] : files) {
      if (name.starts_with(Name(id, ""))) size += static_cast<std::int64_t>(bytes.size());
    }
    files[Meta(id, "backup.info")] = old.mapped();
    SetInfo(id, "size", std::to_string(size));
    return *this;
  }
  // What Barman 3.13 and later call it.
  BarmanRepository& RenameIndex() {
    files["main/wals/main-xlog.db"] = files.extract("main/wals/xlog.db").mapped();
    return *this;
  }

  std::string Name(const std::string& id, const std::string& name) const {
    return "main/base/" + id + "/" + name;
  }
  std::string Meta(const std::string& id, const std::string& name) const {
    return "main/meta/" + id + "-" + name;
  }
  // Changes one line of backup.info.
  void SetInfo(const std::string& id, const std::string& key, const std::string& value) {
    const std::string moved = Meta(id, "backup.info");
    std::string& text = files[files.contains(moved) ? moved : Name(id, "backup.info")];
    const std::size_t at = ("\n" + text).find("\n" + key + "=");
    const std::size_t end = text.find('\n', at);
    text.replace(at, end - at, key + "=" + value);
  }

 private:
  // By name in the data folder that a restore makes.
  static const std::map<std::string, std::string>& Data() {
    static const std::map<std::string, std::string> kData = {
        {"PG_VERSION", "15\n"},
        {"backup_label", Label("0/17000028", kFirstSegment)},
        {"base/1/1259", verify::Noise(20'000)},
        {"base/1/16384", verify::Noise(8192)},
        {"global/pg_control", Control(SystemIdentifier())},
        {"pg_tblspc/16387/PG_15_202209061/5/16390", verify::Noise(9000)},
        {"pg_xact/0000", std::string(8192, 'x')}};
    return kData;
  }
  template <typename Where>
  void PutData(const std::string&, const Where& where) {
    for (const auto& [name, bytes] : Data()) {
      const bool inside = name.starts_with("pg_tblspc/");
      files[where(inside ? name.substr(10) : "data/" + name)] = bytes;
    }
  }
  static bool All(const std::string&) { return true; }
  static std::string Manifest(bool (*wanted)(const std::string& name) = All) {
    std::string text = "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n";
    bool first = true;
    for (const auto& [name, bytes] : Data()) {
      if (!wanted(name)) continue;
      const std::string crc = LittleEndian(verify::Crc32c(0, bytes), 4);
      text += (first ? "" : ",\n") + std::string("{ \"Path\": \"") + name +
              "\", \"Size\": " + std::to_string(bytes.size()) +
              ", \"Last-Modified\": \"2026-11-20 02:00:00 GMT\", \"Checksum-Algorithm\": " +
              "\"CRC32C\", \"Checksum\": \"" + base::Hex(crc) + "\" }";
      first = false;
    }
    text += "\n],\n\"WAL-Ranges\": [\n{ \"Timeline\": 1, \"Start-LSN\": \"0/17000028\", " +
            std::string("\"End-LSN\": \"0/18000100\" }\n],\n");
    const std::string sum = base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, text));
    return text + "\"Manifest-Checksum\": \"" + sum + "\"}\n";
  }
  BarmanRepository& PutInfo(const std::string& id, const std::string& mode) {
    const std::string prefix = Name(id, "");
    std::int64_t size = 1500;  // backup.info as it was when Barman added up the sizes
    for (const auto& [name, bytes] : files) {
      if (name.starts_with(prefix)) size += static_cast<std::int64_t>(bytes.size());
    }
    const std::string day = id.substr(0, 4) + "-" + id.substr(4, 2) + "-" + id.substr(6, 2);
    files[prefix + "backup.info"] =
        "backup_label=None\nbegin_offset=40\nbegin_time=" + day +
        " 02:00:00.5+00:00\nbegin_wal=" + kFirstSegment +
        "\nbegin_xlog=0/17000028\ncompression=None\nconfig_file=" + std::string(1200, 'c') +
        "\nend_offset=256\nend_time=" + day + " 02:10:00.25+00:00\nend_wal=" + kSecondSegment +
        "\nend_xlog=0/18000100\nerror=None\nmode=" + (mode.empty() ? "None" : mode) +
        "\nserver_name=main\nsize=" + std::to_string(size) +
        "\nstatus=DONE\nsystemid=" + std::to_string(SystemIdentifier()) +
        "\ntablespaces=[('fast', 16387, '/srv/fast')]\ntimeline=1\nversion=150004\n" +
        "xlog_segment_size=16777216\n";
    return *this;
  }
};

}  // namespace drwatch::catalog::repository_test
