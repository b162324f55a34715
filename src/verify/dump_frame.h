// The comments that pg_dump and pg_dumpall put around what they write: each of the dumps in a file
// (pg_dumpall --globals-only and pg_dump, one behind the other) has to end. A newer file that was
// written over a longer older one ends with what is left of that: with an end mark of something
// that did not begin, or in the middle of a line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/probe_result.h"

namespace drwatch::verify {

// Whether a statement, a command of psql or nothing at all stands at the begin of the line.
bool BeginsStatement(std::string_view line);

class DumpFrame {
 public:
  struct Defect {
    model::Reason reason;
    std::string message;
  };
  // The next line that begins outside of everything quoted, without its newline. Not nullopt: what
  // is wrong there. Dumps that follow each other, and statements behind one, are as good as one
  // dump.
  std::optional<Defect> Take(std::string_view line);
  // The end mark that is missing; empty: none. Of a text in which no dump began that of a dump.
  std::string_view Missing() const;
  // When the first of the dumps that say so was begun ("-- Started on", of pg_dump -v), as
  // Contents::begun. nullopt: none says it.
  const std::optional<base::Timestamp>& started() const { return started_; }

 private:
  std::optional<base::Timestamp> started_;
  bool begun_ = false;
  bool dump_open_ = false;
  bool cluster_open_ = false;
  bool ended_ = false;  // and since then nothing but comments
};

}  // namespace drwatch::verify
