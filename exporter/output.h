// Where the answer of a command goes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drwatch::exporter {

// Replaces the file at once, as one that anybody may read whom the umask lets: programs of other
// users collect it. A device, a pipe or what else is no file is written to, never replaced.
// Errors: which file, and why.
base::Status WriteOutput(const std::string& path, std::string_view text);

// Whether all that was printed on standard output arrived there. What nobody wanted to read to its
// end (`| head`) did.
bool OutputArrived();

// Says so on standard error if it did not: `status`, or `failed` in place of 0.
int StatusOfOutput(int status, int failed);

}  // namespace drwatch::exporter
