// tar files of whatever: walked to their end, and what lies in them is looked at as far as it is
// known.
#pragma once

#include "verify/archived_dumps.h"
#include "verify/walk.h"

namespace drwatch::verify {

// As WalkTarMembers(). A base backup among the members is checked against its manifest
// (base_backup_tar.h), a directory-format archive of pg_dump against its table of contents
// (dump_folder_tar.h), and `content` walks the dumps (archived_dumps.h). Empty: they are not looked
// at.
Walked<Walk> WalkTar(Reader& reader, const WalkContent& content);

}  // namespace drwatch::verify
