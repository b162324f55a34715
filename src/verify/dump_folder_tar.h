// The tar file of a directory-format archive of pg_dump (`pg_dump -Fd`, then `tar`).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "verify/pg_dump_toc.h"
#include "verify/tar.h"

namespace drwatch::verify {

// Watches the members of any tar file go by: keeps the table of contents and the lists of large
// objects, and what an incremental archive (GNU tar's -g and -G) says of their folder: files that
// it left out as unchanged are not missing. The data files, which may stand before them, a second
// walk checks (Walk::again).
class DumpFolderScan {
 public:
  // Whether a member is one of those.
  static bool Wants(const TarMember& member);
  // Its content.
  Walked<void> Take(const TarMember& member, Source& content);

  // Once all members went by: whether they hold such an archive.
  bool found() const { return toc_ && !several_; }
  // If they do, once. Fault: of the table of contents or of a list.
  Walked<Walk> Finish();

 private:
  Walked<void> TakeToc(const std::string& folder, Source& content);
  // Without compressions' endings.
  std::set<std::string> LeftOut() const;

  std::optional<Walked<DumpToc>> toc_;
  bool several_ = false;
  std::string root_;                            // its folder, "" or with '/' at its end
  std::map<std::string, std::string> lists_;    // of large objects, by path
  std::map<std::string, std::string> folders_;  // what an incremental archive says of each, by path
  std::size_t list_bytes_ = 0;                  // of both
};

}  // namespace drwatch::verify
