// Verifies several artefacts at a time, and says on a terminal how far it is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "verify/verdict.h"

namespace drwatch::exporter {

struct VerifiedPath {
  std::string path;
  verify::Verdict verdict;
  base::Duration took{};
};

// One thing to verify: what it is called, how much there is to read as far as that can be told
// (asked only for progress), and how it is done.
struct VerifyJob {
  std::string path;
  std::function<std::int64_t()> bytes;
  std::function<verify::Verdict(const verify::VerifyOptions&)> run;
};

// Calls `done` for each job, in their order and from the calling thread, as soon as it and those
// before it are done, at most `threads` (at least 1) at a time. Progress goes to standard error if
// that is a terminal.
void RunVerifyJobs(const std::vector<VerifyJob>& jobs, int threads,
                   const std::function<void(const VerifiedPath&)>& done);

// The same for paths, each verified on its own, `jobs` at a time.
void VerifyPaths(const std::vector<std::string>& paths, int jobs,
                 const std::function<void(const VerifiedPath&)>& done);

struct VerifyProgress {
  std::int64_t read_bytes = 0;
  std::int64_t total_bytes = 0;  // 0 = not known
  base::Duration elapsed{};
  std::size_t finished = 0;
  std::size_t paths = 0;
};
// "1/3 done, 1.5 GiB of 4.0 GiB, 512 MiB/s, 5 s left".
std::string FormatVerifyProgress(const VerifyProgress& progress);

}  // namespace drwatch::exporter
