// Which WAL segments a base backup carries, and whether they cover what it needs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "verify/manifest.h"

namespace drwatch::verify {

class WalFiles {
 public:
  // Bytes of a segment that Add wants to see.
  static constexpr std::size_t kHeadBytes = 40;

  // Names that are no segment's are left out. `head` is the start of the file.
  void Add(const std::string& name, std::int64_t size, std::string_view head);
  // Every segment of `ranges` is there, is whole and begins with its own page address. Fault:
  // kIncomplete or kCorrupt, naming the first one.
  Walked<void> Check(const std::vector<WalRange>& ranges) const;
  std::size_t count() const { return segments_.size(); }

 private:
  struct Segment {
    std::int64_t size = 0;
    std::string head;
  };
  std::map<std::string, Segment> segments_;
};

}  // namespace drwatch::verify
