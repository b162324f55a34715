// Plain SQL dumps: pg_dump, pg_dumpall, mysqldump and mariadb-dump. They carry no checksum; what
// tells a whole one is its end marker, and for PostgreSQL that every COPY block is closed and its
// rows are what COPY takes, that statements are in the encoding they say, and that \restrict and
// \unrestrict (in releases since August 2025, after the end marker) agree.
#pragma once

#include "verify/walk.h"

namespace drwatch::verify {

bool LooksLikeSqlDump(std::string_view head);
Walked<Walk> WalkSqlDump(Reader& reader);

}  // namespace drwatch::verify
