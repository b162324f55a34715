// Dumps and snapshots among the members of an archive (tar, zip): what was found of each, and what
// that makes of the archive.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/walk.h"

namespace drwatch::verify {

// Walks what a file in an archive holds; `name` is the member's.
using WalkContent = std::function<Walked<Walk>(Reader& content, const std::string& name)>;

// A day before the newest member there may lie whatever was backed up along with a machine: the
// samples of a program, an old dump that nobody needs. What is broken of that is told, no more.
class ArchivedDumps {
 public:
  // Whether the member is named like one: "db/shop.sql.gz", "dump.rdb". Not what Redis writes to.
  static bool Wants(std::string_view name);

  // Of every other file, when it was written: seconds since 1970, by any one clock.
  void Note(std::int64_t modified);
  // What was found in one that is wanted.
  void Add(const std::string& name, std::int64_t modified, Walked<Walk> found);
  // Once all members went by. Fault: a dump that is broken.
  Walked<void> Finish(Walk& walk);

 private:
  // Others are counted only.
  static constexpr std::size_t kMaxBroken = 100;
  struct BrokenDump {
    std::int64_t modified = 0;
    Fault fault;  // its place begins with the member's name
  };

  std::int64_t newest_ = 0;
  std::int64_t whole_ = 0;
  std::vector<std::string> tables_;  // of the last one that is whole
  std::vector<BrokenDump> broken_;
  std::int64_t more_broken_ = 0;
};

// The place of a fault in a member of an archive: its name, and where in it.
std::string PlaceInMember(const std::string& name, const std::string& place);

}  // namespace drwatch::verify
