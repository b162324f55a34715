// The parts of one artefact, several of them at a time.
#pragma once

#include <cstddef>
#include <functional>

#include "verify/file_source.h"

namespace drwatch::verify {

// Calls `work` for 0 to count - 1, each index once and begun in that order. No further one is begun
// after `work` returned false.
//
// VerifyOptions::jobs of them run at a time, on as many cores. VerifyOptions::streams more for each
// take turns with it, to be hashed side by side: their budgets have a lane (digest_lanes.h). That
// needs a processor that can do it, and no read rate, which would have one wait for another's
// bytes. Jobs share the rate.
//
// `work` must not hash while it holds a lock. `budget` is the caller's: a single thread uses it as
// it is, what was read on others is added to it in the end.
void ForEachPart(std::size_t count, ReadBudget& budget,
                 const std::function<bool(std::size_t index, ReadBudget& budget)>& work);

// How many run at a time at most, with those that take turns.
std::size_t PartsAtATime(const VerifyOptions& options);

}  // namespace drwatch::verify
