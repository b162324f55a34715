// JSON files (RFC 8259), one value or one after the other (JSON Lines): parsed to the end.
#pragma once

#include "verify/walk.h"

namespace drwatch::verify {

// By the file's name: ".json", ".jsonl", ".ndjson".
bool PromisesJson(std::string_view name);

// Accepts what programs commonly write beside the standard: comments, a comma before a closing
// bracket, NaN and Infinity. Faults: kIncomplete, kCorrupt, and unjudged kLimit for what is nested
// too deeply.
Walked<Walk> WalkJson(Reader& reader);

}  // namespace drwatch::verify
