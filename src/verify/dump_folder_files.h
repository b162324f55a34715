// The files of a directory-format archive of pg_dump, one by one: in a folder or in a tar file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/dump_data.h"
#include "verify/pg_dump_toc.h"
#include "verify/walk.h"

namespace drwatch::verify {

inline constexpr const char* kMissingDumpFile = "the archive needs it, it is missing";
inline constexpr const char* kUnlistedLargeObject = "no list of large objects names it";

// toc.dat, which `result` becomes.
Walked<Walk> WalkFolderToc(Reader& reader, std::optional<DumpToc>& result);
// A data file. It is packed as its name says: what is not packed may begin with anything.
Walked<Walk> WalkDumpFile(Reader& reader, const std::string& name, const DumpData& data);
// The files of a list of large objects, "123 blob_123.dat" lines.
Walked<std::vector<std::string>> ParseLargeObjectList(std::string_view text);

// pg_dump gives names like "3348.dat", "blob_16398.dat" and "blobs_12.toc".
bool IsDumpFileName(std::string_view name);
// Of a large object's file, packed or not.
bool IsLargeObjectName(std::string_view name);

}  // namespace drwatch::verify
