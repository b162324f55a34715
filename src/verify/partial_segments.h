// The WAL segments of a folder that are still being written (pg_receivewal). That one ends in the
// middle is no damage while nothing follows it: later segments of its timeline without it are a
// gap.
#pragma once

#include <string>
#include <vector>

#include "verify/verdict.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

// One thread.
class PartialSegments {
 public:
  // `whole` is the verdict about the folder, and outlives this.
  explicit PartialSegments(Verdict& whole) : whole_(whole) {}

  // What was found about one file of the folder, in the order of their names: becomes a part of the
  // whole, at once or when it is known what follows.
  void Add(const std::string& name, Verdict part);
  // Once all were added.
  void Finish();

 private:
  struct Segment {
    std::string folder;
    WalFileName name;
  };
  struct Partial {
    Segment segment;
    std::string name;
    Verdict part;
    bool replaced = false;  // the segment itself is there, too
  };

  static bool Same(const Segment& a, const Segment& b);
  void Meet(Segment segment);

  Verdict& whole_;
  std::vector<Partial> open_;
  Segment last_{};    // the last whole one
  bool any_ = false;  // other files
};

}  // namespace drwatch::verify
