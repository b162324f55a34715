// Log lines of level warn and error are failures unless the test announced them.
#pragma once

#include <string>

namespace drwatch::testing {

// Called once by main().
void InstallLogCheck();
// Warnings and errors that contain `part` are fine for the rest of this test. Call it before they
// are logged.
void ExpectLog(std::string part);

}  // namespace drwatch::testing
