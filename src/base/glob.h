// Files that shell patterns name.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace drwatch::base {

// So many folders of a pattern may have wildcards, and none may be followed by "..": each of them
// multiplies what has to be looked at, and a link of /proc leads round for ever.
inline constexpr int kMaxGlobFolders = 2;

// The paths that fit `pattern` (glob(3): * ? [ ]), sorted; none is no error. Errors: a pattern that
// goes beyond what is said above. Reads folders; any thread.
Result<std::vector<std::string>> Glob(const std::string& pattern);

}  // namespace drwatch::base
