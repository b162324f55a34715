// Reads one stored object of a pgBackRest backup - a file or a bundle of many - and proves the
// files in it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "catalog/place.h"
#include "catalog/proven_files.h"
#include "verify/pgbackrest_block_map.h"
#include "verify/pgbackrest_manifest.h"

namespace drwatch::catalog {

struct StoredPieces {
  std::string object;  // in the place
  std::uint64_t fingerprint = 0;
  std::int64_t bytes = 0;
  // In the order of their offsets; owned by the caller.
  std::span<const verify::PgBackRestFile> files;
};

// What was found; the files are those of StoredPieces.
struct PieceFindings {
  struct Damage {
    const verify::PgBackRestFile* file = nullptr;  // nullptr: of the whole object
    verify::Fault fault;
  };
  struct Map {
    const verify::PgBackRestFile* file = nullptr;
    std::vector<verify::BlockExtent> extents;
  };
  std::vector<Damage> damages;
  std::vector<Map> maps;      // of files that are stored block by block
  std::int64_t unproven = 0;  // whole as far as can be told, but no checksum fits what is stored
};

// Of the files `proven` does not hold. It is told which are whole, but for those stored block by
// block: their blocks may lie elsewhere. One thread; `manifest` is that of the files.
PieceFindings CheckPieces(Place& place, const StoredPieces& pieces,
                          const verify::PgBackRestManifest& manifest, ProvenFiles& proven,
                          verify::ReadBudget& budget);

// What `proven` knows a file by.
std::uint64_t PieceKey(const StoredPieces& pieces, const verify::PgBackRestFile& file);

}  // namespace drwatch::catalog
