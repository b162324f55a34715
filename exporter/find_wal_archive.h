// Whether a folder or a bucket given on the command line is a WAL archive.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "config/backup_probe_config.h"

namespace drwatch::exporter {

// What of a place would count as a backup if nobody said that it is something else.
struct WalShare {
  std::int64_t segments = 0;
  std::int64_t others = 0;  // but for timeline histories and labels of base backups

  // A file or two may have got among the segments of an archive.
  bool IsArchive() const { return segments > 0 && others * 10 <= segments; }
};

// None of both for a folder with backups in folders of their own, for a server's pg_wal, which
// keeps segments that it will use again, and for what cannot be looked at.
WalShare ShareOfWal(const std::string& path);
// The same of a bucket, which is listed for no longer than `patience`.
WalShare ShareOfWal(const config::PlaceAddress& bucket, base::Duration patience);

}  // namespace drwatch::exporter
