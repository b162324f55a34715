// The time that a file itself says it was taken.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace drwatch::catalog {

// True for names of files that may say so: only those are worth opening.
bool MayTellTime(std::string_view name);
// Reads the start of the file, unpacking it if it is packed. nullopt if it does not say, or cannot
// be read. Today: the snapshot time of Redis RDB files.
std::optional<base::Timestamp> TimeInFile(const std::string& path);

}  // namespace drwatch::catalog
