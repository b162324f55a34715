#include "verify/file_set.h"

#include <sys/stat.h>

#include "base/sizes.h"
#include "verify/checksums.h"

namespace drwatch::verify {

bool FolderFiles::Has(const std::string& name) const {
  struct stat info {};
  return ::stat((folder_ + "/" + name).c_str(), &info) == 0;
}

std::vector<std::string> FolderFiles::TopNames() const { return NamesIn(folder_); }

Walked<OpenedFile> FolderFiles::Open(const std::string& name, ReadBudget& budget,
                                     DigestTee* tee) const {
  return OpenPath(folder_ + "/" + name, budget, tee);
}

Walked<OpenedFile> OpenPath(const std::string& path, ReadBudget& budget, DigestTee* tee) {
  auto file = FileSource::Open(path, budget, tee);
  if (!file) return tl::unexpected(std::move(file.error()));
  OpenedFile opened;
  opened.size = file->size();
  opened.source = std::make_unique<FileSource>(std::move(*file));
  return opened;
}

Walked<std::string> ReadAll(Walked<OpenedFile> file, std::int64_t max_bytes) {
  if (!file) return tl::unexpected(std::move(file.error()));
  std::string content;
  while (true) {
    auto bytes = file->source->Next();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) return content;
    content += *bytes;
    if (static_cast<std::int64_t>(content.size()) > max_bytes) {
      return Unjudged(model::Reason::kLimit, "longer than " + base::FormatSize(max_bytes));
    }
  }
}

}  // namespace drwatch::verify
