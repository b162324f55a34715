// Redis' append-only files: commands in RESP, one behind the other, sometimes after an RDB file
// (rdb.h). They carry no checksum.
#pragma once

#include "verify/walk.h"

namespace drwatch::verify {

bool LooksLikeAof(std::string_view head);

// Walks every command. As Redis does with "aof-load-truncated yes", half a command or an open MULTI
// at the end is accepted (Walk::cut_off, and a detail); anything wrong before is kCorrupt.
Walked<Walk> WalkAof(Reader& reader);

}  // namespace drwatch::verify
