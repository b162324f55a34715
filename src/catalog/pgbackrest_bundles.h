// Which files of a pgBackRest backup lie in which bundle: 40 bytes for each of them, because there
// may be millions. Used within this folder.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "verify/pgbackrest_manifest.h"

namespace drwatch::catalog {

class BundledFiles {
 public:
  // `file` lies in a bundle.
  void Add(const verify::PgBackRestFile& file);
  // Once all were added.
  void Sort();
  // How many bundles. What follows may be called by any thread, between Sort() and Add().
  std::size_t size() const { return bundles_.size(); }
  // The files of one, in the order of their offsets. What proves the stored bytes is there; names
  // are not, but for files that are stored block by block.
  std::vector<verify::PgBackRestFile> Get(std::size_t index) const;

 private:
  static constexpr int kOffsetBits = 40;
  struct Row {
    std::uint64_t place = 0;   // number of the bundle here, and the offset: the order of rows
    std::uint32_t number = 0;  // of the file
    std::uint32_t repo_bytes = 0;
    std::uint32_t size = 0;
    verify::Sha1 sha1{};  // of the stored bytes, else of the unpacked ones
  };
  static_assert(sizeof(Row) == 40);

  std::map<std::pair<int, std::int64_t>, std::uint32_t> known_;  // bundles, by reference and number
  std::vector<std::pair<int, std::int64_t>> bundles_;
  std::deque<Row> rows_;
  // Files that rows cannot hold, by bundle.
  std::map<std::uint32_t, std::vector<verify::PgBackRestFile>> others_;
};

}  // namespace drwatch::catalog
