// Tar-format archives of pg_dump (-Ft): a tar whose first member is the table of contents.
#pragma once

#include "verify/walk.h"

namespace drwatch::verify {

bool LooksLikeDumpTar(std::string_view head);
// As WalkTar, and every data file the table of contents names is a member.
Walked<Walk> WalkDumpTar(Reader& reader);

}  // namespace drwatch::verify
