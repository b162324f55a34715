// The checksum files that speak about one artefact: those beside it, those in its folder, and for a
// folder those inside it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "verify/checksum_list.h"

namespace drwatch::verify {

class Checksums {
 public:
  // `path` is the artefact: a file or a folder.
  explicit Checksums(const std::string& path);
  // Of an artefact that lies elsewhere: its name, what is said beside it and, for a folder, in it.
  Checksums(std::string name, std::shared_ptr<const ChecksumFolder> beside,
            std::shared_ptr<const ChecksumFolder> inside);
  // What is said about a file of the artefact: its path relative to it, "" for a file artefact.
  std::vector<ChecksumFolder::Expected> Find(const std::string& relative) const;
  // The artefact's files that are named, relative to it. For a folder.
  std::vector<std::string> Names() const;
  std::vector<std::string> problems() const;

 private:
  std::string name_;  // of the artefact in its folder
  std::shared_ptr<const ChecksumFolder> beside_;
  std::shared_ptr<const ChecksumFolder> inside_;  // nullptr for a file
};

// The entries of a folder without "." and "..", in no order. Empty if it cannot be read.
std::vector<std::string> NamesIn(const std::string& folder);
// "/a/b" -> {"/a", "b"}; a relative path begins with ".".
std::pair<std::string, std::string> SplitPath(std::string path);

}  // namespace drwatch::verify
