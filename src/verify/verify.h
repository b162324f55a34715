// Proves an artefact intact by reading it to its end. One call, one thread, bounded memory; nothing
// is written, nothing is executed, no network.
#pragma once

#include <string>

#include "verify/checksum_folders.h"
#include "verify/file_verifier.h"
#include "verify/verdict.h"

namespace drwatch::verify {

// Recognises what lies at `path` and verifies it:
//   a file                its format, and every checksum file beside it that names it
//   a checksum file       every file it names
//   a base backup folder  against its backup_manifest, WAL included (base_backup.h)
//   a data folder         what a server needs to start in it (data_folder.h)
//   a pg_dump -Fd folder  its table of contents and every data file (dump_folder.h)
//   a Redis 7 AOF folder  every file its manifest names, in order (aof_folder.h)
//   a repository          of restic or Borg: every file in it (chunk_store.h)
//   another folder        every file in it and below it, and every folder above as one
// Never fails: what cannot be judged says why (Outcome::kUnjudged).
Verdict VerifyPath(const std::string& path, const VerifyOptions& options);
// The same for one of many: a folder's checksum files are read once for all that lies in it.
Verdict VerifyPath(const std::string& path, const VerifyOptions& options, ChecksumFolders& folders);

// The same for what lies elsewhere: a file that `open` opens, whose name is `name`, ...
Verdict VerifyOpened(const Opener& open, const std::string& name, const Checksums& checksums,
                     ReadBudget& budget);
// ... and files that are one artefact: a base backup, a pg_dump -Fd folder, or each on its own.
Verdict VerifyFiles(const FileSet& files, const Checksums& checksums, ReadBudget& budget);

}  // namespace drwatch::verify
