// Base backups of which some are incremental, as PostgreSQL 17 leaves them.
#pragma once

#include <optional>
#include <string>

#include "support/temp_dir.h"
#include "verify/backup_files.h"
#include "verify/backup_label.h"

namespace drwatch::verify {

// `parent` begins on timeline 1; 0: it is a full one.
inline std::string LabelOf(Lsn start, Lsn parent) {
  std::string text = "START WAL LOCATION: " + FormatLsn(start) +
                     " (file 000000010000000000000003)\nCHECKPOINT LOCATION: " + FormatLsn(start) +
                     "\nSTART TIMELINE: 1\n";
  if (parent == 0) return text;
  return text + "INCREMENTAL FROM LSN: " + FormatLsn(parent) + "\nINCREMENTAL FROM TLI: 1\n";
}

inline std::map<std::string, std::string> FilesOfBackup(Lsn start, Lsn parent) {
  auto files = kFiles;
  files["backup_label"] = LabelOf(start, parent);
  if (parent == 0) return files;
  files["base/1/INCREMENTAL.1259"] = std::string("\x0d\x1f\xae\xd3\0\0\0\0\x01\0\0\0", 12);
  files.erase("base/1/1259");
  return files;
}

inline void WritePlainBackup(const testing::TempDir& folder, const std::string& name, Lsn start,
                             Lsn parent) {
  const auto files = FilesOfBackup(start, parent);
  for (const auto& [file, content] : files) folder.Write(name + "/" + file, content);
  for (std::size_t i = 0; i < kWal.segments.size(); ++i) {
    folder.Write(name + "/pg_wal/" + kWal.names[i], kWal.segments[i]);
  }
  folder.Write(name + "/backup_manifest", MakeManifest(files, {2, "SHA256", false}));
}

// As pg_basebackup -Ft [-z], which writes the label first.
inline void WriteTarBackup(const testing::TempDir& folder, const std::string& name, Lsn start,
                           Lsn parent, bool packed) {
  const auto files = FilesOfBackup(start, parent);
  std::vector<TarEntry> entries = {{"backup_label", files.at("backup_label")}};
  for (const auto& [file, content] : files) {
    if (file != "backup_label") entries.push_back({file, content});
  }
  const std::string wal =
      Tar({{kWal.names[0], kWal.segments[0]}, {kWal.names[1], kWal.segments[1]}});
  const std::string suffix = packed ? ".tar.gz" : ".tar";
  folder.Write(name + "/base" + suffix, packed ? Gzip(Tar(entries)) : Tar(entries));
  folder.Write(name + "/pg_wal" + suffix, packed ? Gzip(wal) : wal);
  folder.Write(name + "/backup_manifest", MakeManifest(files, {2, "SHA256", false}));
}

}  // namespace drwatch::verify
