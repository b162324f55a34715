// Proves one file: its digests against the checksum files and its content against its format, in
// one read.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "verify/checksums.h"
#include "verify/file_set.h"
#include "verify/format.h"

namespace drwatch::verify {

// Walks a file's content; WalkStream or something that knows better.
using Walker = std::function<Walked<Walk>(Reader& reader)>;

// One file of an artefact. `relative` is its name in the verdict's place and in the checksum files
// ("" for an artefact that is one file).
Verdict VerifyFile(const std::string& path, const std::string& relative, const Checksums& checksums,
                   ReadBudget& budget, const Walker& walker);

// The detail by which is known that a checksum file names what the file unpacks to.
inline constexpr const char* kOfUnpackedText = "the checksum is of the unpacked bytes";

// The same of whatever `open` opens; it is called with the tee that its source must feed (may be
// nullptr), and a second time if the file does not fit a digest whose algorithm was guessed, or is
// packed and does not fit, or only what is packed in it is named.
using Opener = std::function<Walked<OpenedFile>(DigestTee* tee)>;
Verdict VerifyStream(const Opener& open, const std::string& relative, const Checksums& checksums,
                     ReadBudget& budget, const Walker& walker);

// Of a file that a checksum list names; `list` is its name, "" if there are several.
Verdict MissingFile(const std::string& name, const std::string& list);
// Adds those of a folder's files that its checksum files name and that are not there, but for
// `elsewhere`.
void AddMissing(Verdict& whole, const FileSet& files, const Checksums& checksums,
                const std::set<std::string>& elsewhere = {});

// Adds what was found about one part to the verdict about the whole: the worst outcome wins, the
// level is the lowest.
void AddPart(Verdict& whole, Verdict part);
// Adds the fault of `result`, found at `place` ("" for the whole artefact). False if it is one.
bool AddFault(Verdict& whole, Walked<void> result, const std::string& place);

}  // namespace drwatch::verify
