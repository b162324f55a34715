// Custom-format archives of pg_dump (-Fc), walked as pg_restore would read all of it: every block
// up to exactly the end of the file, every entry with data has its block, every compressed stream
// unpacked to its checksum.
#pragma once

#include "verify/walk.h"

namespace drwatch::verify {

bool LooksLikeDump(std::string_view head);
Walked<Walk> WalkDump(Reader& reader);

}  // namespace drwatch::verify
