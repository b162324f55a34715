// The parts of one artefact, several of them at a time. Used within this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "verify/file_source.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

// Calls `work` for 0 to count - 1, on up to VerifyOptions::jobs threads that share the read rate;
// each index once, in order as far as one thread is concerned. No further one is begun after `work`
// returned false. `budget` is the caller's: a single thread uses it as it is. Returns the bytes
// that were read on other threads.
std::int64_t ForEachPart(
    std::size_t count, verify::ReadBudget& budget,
    const std::function<bool(std::size_t index, verify::ReadBudget& budget)>& work);

}  // namespace drwatch::catalog
