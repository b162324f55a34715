// The lock that keeps a second program away from the same state: flock(2) on a file beside it.
#pragma once

#include <string>

#include "base/file.h"
#include "base/result.h"

namespace drwatch::db {

// Holds the lock of the state file `path` for as long as the descriptor lives. Errors: another
// process holds it (the message names its pid), or `path`.lock cannot be made.
base::Result<base::UniqueFd> LockState(const std::string& path);

// Whether another process holds it now: what to tell apart after LockState() failed.
bool IsStateLocked(const std::string& path);

}  // namespace drwatch::db
