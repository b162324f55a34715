// The list of formats, and how a stream of unknown bytes finds its walker.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "verify/walk.h"

namespace drwatch::verify {

// What is packed and like nothing that is known has a format that begins so: "unknown content in
// gzip".
inline constexpr std::string_view kUnknownContent = "unknown content";

// Walks what `file` holds: unpacks it as often as needed (kMaxNesting), then hands it to the format
// whose magic it carries. `name` is the file's name, for what its suffix promises. Reads to the end
// of the stream unless the format is unknown: then level is kSize and `format` is empty or says how
// it is encrypted.
Walked<Walk> WalkStream(Reader& file, const std::string& name);

// The same for one of a folder's files, which may be anything: only one that is named like a backup
// (backup_name.h) is broken for being empty (it may be a mark, its level is kExists), an error
// page, nothing but zeros or not the JSON or YAML that its name promises (kSize, and Walk::doubt
// says so).
Walked<Walk> WalkMember(Reader& file, const std::string& name);

// Unpacks `file` if it is packed and hands the stream to `walk`, which must read to its end.
Walked<Walk> WalkPacked(Reader& file, const std::function<Walked<Walk>(Reader& inner)>& walk);
// The same; `name` is the file's: it tells packings that have no magic number.
Walked<Walk> WalkPacked(Reader& file, const std::string& name,
                        const std::function<Walked<Walk>(Reader& inner)>& walk);

}  // namespace drwatch::verify
