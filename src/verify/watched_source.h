// A source that remembers whether a fault came from it: what reads it has faults of its own.
#pragma once

#include "verify/source.h"

namespace drwatch::verify {

// Does not own the other source.
class WatchedSource final : public Source {
 public:
  explicit WatchedSource(Source& source) : source_(source) {}
  Walked<std::string_view> Next() override {
    auto bytes = source_.Next();
    failed_ = !bytes;
    return bytes;
  }
  // The last Next() failed.
  bool failed() const { return failed_; }

 private:
  Source& source_;
  bool failed_ = false;
};

}  // namespace drwatch::verify
