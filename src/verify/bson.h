// What mongodump writes: documents one after the other (.bson), or an archive of them.
#pragma once

#include <string_view>

#include "verify/walk.h"

namespace drwatch::verify {

// By the end of a file's name, ".bson".
bool PromisesBson(std::string_view name);
bool LooksLikeMongoArchive(std::string_view head);

// Documents up to the end of the stream; none at all are an empty collection. Their lengths are
// followed, what is in them is not looked at: kFormat.
Walked<Walk> WalkBson(Reader& reader);

// An archive, of the format's version 0.1: its blocks up to the end of the stream, and of every
// collection the CRC-64 that follows its last document: kContent. Faults: kIncomplete also if a
// collection was begun and not ended.
Walked<Walk> WalkMongoArchive(Reader& reader);

}  // namespace drwatch::verify
