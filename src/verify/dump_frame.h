// The comments that pg_dump and pg_dumpall put around what they write. A newer file that was
// written over a longer older one ends with what is left of that: with an end mark of something
// that did not begin, or in the middle of a line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drwatch::verify {

class DumpFrame {
 public:
  // The next line that begins outside of everything quoted, without its newline. Not nullopt: what
  // is wrong there. Dumps that follow each other, and statements behind one, are as good as one
  // dump.
  std::optional<std::string> Take(std::string_view line);

 private:
  bool dump_open_ = false;
  bool cluster_open_ = false;
  bool ended_ = false;  // and since then nothing but comments
};

}  // namespace drwatch::verify
