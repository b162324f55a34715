// The checksum files of folders, for many artefacts that lie side by side: what one of them made
// read is kept for the next. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "verify/checksums.h"

namespace drwatch::verify {

class ChecksumFolders {
 public:
  std::shared_ptr<const ChecksumFolder> Of(const std::string& folder);
  // What is said of an artefact: a file or a folder.
  Checksums About(const std::string& path);

 private:
  // Artefacts come folder by folder.
  static constexpr std::size_t kKept = 4;

  std::mutex mutex_;
  std::vector<std::pair<std::string, std::shared_ptr<const ChecksumFolder>>> kept_;
};

}  // namespace drwatch::verify
