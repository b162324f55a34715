// Files that keep their content to themselves, and yet show without any key that they were cut off.
#pragma once

#include "verify/source.h"

namespace drwatch::verify {

// Walks what RecogniseEncryption() knows as far as its format shows where it ends: the packets of
// an OpenPGP message (RFC 9580, 4.2) and the last line of one in letters ("-----END ..."). Faults:
// kIncomplete. What shows nothing is not read.
Walked<void> WalkEncrypted(Reader& reader);

}  // namespace drwatch::verify
