// The files of one artefact, wherever they lie: in a folder, or in a bucket below a prefix.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "verify/file_source.h"
#include "verify/file_tree.h"

namespace drwatch::verify {

struct OpenedFile {
  std::unique_ptr<Source> source;
  std::int64_t size = 0;
};

// One thread. Names are relative, with '/' between their parts.
class FileSet {
 public:
  virtual ~FileSet() = default;
  // Whether there is a file of that name, or a folder.
  virtual bool Has(const std::string& name) const = 0;
  // What has no '/' in its name, in no order.
  virtual std::vector<std::string> TopNames() const = 0;
  // All of them in the order of names, until `take` wants no more. Faults as EachFile() in
  // file_tree.h.
  virtual Walked<void> Each(const TakeTreeFile& take) const = 0;
  // `budget` and `tee` (may be nullptr) outlive the source. Faults as FileSource::Open().
  virtual Walked<OpenedFile> Open(const std::string& name, ReadBudget& budget,
                                  DigestTee* tee) const = 0;
};

// Those below a folder of this machine.
class FolderFiles final : public FileSet {
 public:
  explicit FolderFiles(std::string folder) : folder_(std::move(folder)) {}
  bool Has(const std::string& name) const override;
  std::vector<std::string> TopNames() const override;
  Walked<void> Each(const TakeTreeFile& take) const override { return EachFile(folder_, take); }
  Walked<OpenedFile> Open(const std::string& name, ReadBudget& budget,
                          DigestTee* tee) const override;

 private:
  const std::string folder_;
};

// As FileSet::Open() for a path of this machine.
Walked<OpenedFile> OpenPath(const std::string& path, ReadBudget& budget, DigestTee* tee);

// The whole of what Open() returned, at most `max_bytes` (else kLimit).
Walked<std::string> ReadAll(Walked<OpenedFile> file, std::int64_t max_bytes);

}  // namespace drwatch::verify
