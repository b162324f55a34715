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
  // Of a folder in this one: what is said here, in the folder it lies in and in itself. `folder` is
  // its path relative to this one, `path` where it lies.
  Checksums Below(const std::string& folder, const std::string& path) const;
  // What is said about a file of the artefact: its path relative to it, "" for a file artefact.
  std::vector<ChecksumFolder::Expected> Find(const std::string& relative) const;
  // The same about what is packed in it, by UnpackedName().
  std::vector<ChecksumFolder::Expected> FindUnpacked(const std::string& relative) const;
  // The artefact's files that are named, relative to it. For a folder.
  std::vector<std::string> Names() const;
  std::vector<std::string> problems() const;

 private:
  struct Place {
    std::shared_ptr<const ChecksumFolder> folder;
    std::string name;  // of the artefact in it
  };
  // What is said about the names that `tell` makes of the file's own: relative to a folder.
  std::vector<ChecksumFolder::Expected> FindAs(const std::string& relative,
                                               std::string (*tell)(std::string_view name)) const;
  std::vector<Place> outside_;
  std::shared_ptr<const ChecksumFolder> inside_;  // nullptr for a file
};

// The entries of a folder without "." and "..", in no order. Empty if it cannot be read.
std::vector<std::string> NamesIn(const std::string& folder);
// "/a/b" -> {"/a", "b"}; a relative path begins with ".".
std::pair<std::string, std::string> SplitPath(std::string path);

}  // namespace drwatch::verify
