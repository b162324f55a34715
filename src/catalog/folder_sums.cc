#include "catalog/folder_sums.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "catalog/folder_summary.h"
#include "verify/checksums.h"
#include "verify/split_pieces.h"

namespace drwatch::catalog {

std::vector<ChecksumFile> ChecksumFilesIn(const FolderEntries& entries) {
  std::vector<ChecksumFile> files;
  for (const auto& batch : entries.batches()) {
    for (const FolderEntry& entry : batch) {
      // An artefact is none.
      if (entry.known != nullptr || entry.error != 0) continue;
      if (!verify::ParseChecksumFileName(entry.name())) continue;
      files.push_back({std::string(entry.name()), entry.fingerprint});
    }
  }
  return files;
}

std::vector<ChecksumFile> ChecksumFilesIn(const std::string& folder) {
  std::vector<ChecksumFile> files;
  for (const std::string& name : verify::NamesIn(folder)) {
    if (!verify::ParseChecksumFileName(name)) continue;
    struct stat info {};
    if (::stat((folder + "/" + name).c_str(), &info) != 0) continue;
    files.push_back({name, FingerprintOf(name, info)});
  }
  return files;
}

const FolderSums& TakeSums(const std::string& folder, const std::vector<ChecksumFile>& files,
                           SumsByFolder& last, SumsByFolder& next) {
  std::uint64_t fingerprint = 1;
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const ChecksumFile& file : files) {
    fingerprint += file.fingerprint;
    names.push_back(file.name);
  }
  FolderSums& sums = next[folder];
  sums = std::move(last[folder]);
  sums.changed = !sums.said || sums.fingerprint != fingerprint;
  if (sums.changed) sums.said = std::make_unique<verify::ChecksumFolder>(folder, names);
  sums.fingerprint = fingerprint;
  return sums;
}

namespace {

std::vector<verify::ChecksumFolder::Expected> ExpectedOf(const verify::ChecksumFolder& said,
                                                         const std::string& name) {
  auto expected = said.Find(name);
  const auto piece = verify::ParsePieceName(name);
  if (!piece || piece->digits()) return expected;
  if (const auto whole = verify::WholeName(name)) {
    for (auto& one : said.Find(*whole)) expected.push_back(std::move(one));
  }
  return expected;
}

}  // namespace

std::string DigestsOf(const verify::ChecksumFolder& said, const std::string& name) {
  std::string digests;
  if (said.empty()) return digests;
  for (const auto& expected : ExpectedOf(said, name)) digests += expected.digest;
  return digests;
}

std::optional<base::Timestamp> ListedAt(const verify::ChecksumFolder& said,
                                        const std::string& name) {
  std::optional<base::Timestamp> at;
  for (const auto& expected : ExpectedOf(said, name))
    at = std::max(at, std::optional(expected.listed));
  return at;
}

}  // namespace drwatch::catalog
