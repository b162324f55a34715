#include "catalog/pgbackrest_bundles.h"

#include <algorithm>
#include <limits>

namespace drwatch::catalog {
namespace {

using verify::PgBackRestFile;

// What the digest of a row is of, in the high bits of its number.
constexpr std::uint32_t kStored = 1U << 31;
constexpr std::uint32_t kUnpacked = 1U << 30;
constexpr std::int64_t kMaxNumber = kUnpacked - 1;
constexpr std::int64_t kMaxBytes = std::numeric_limits<std::uint32_t>::max();
static_assert(verify::kMaxFiles <= kMaxNumber);

}  // namespace

void BundledFiles::Add(const PgBackRestFile& file) {
  const std::pair bundle(file.reference, file.bundle);
  const auto [known, fresh] =
      known_.try_emplace(bundle, static_cast<std::uint32_t>(bundles_.size()));
  if (fresh) bundles_.push_back(bundle);
  const std::uint32_t index = known->second;
  if (file.map_bytes > 0 || file.offset >> kOffsetBits != 0 || file.repo_bytes > kMaxBytes ||
      file.size > kMaxBytes) {
    others_[index].push_back(file);
    return;
  }
  Row& row = rows_.emplace_back();
  row.place = std::uint64_t{index} << kOffsetBits | static_cast<std::uint64_t>(file.offset);
  row.number = static_cast<std::uint32_t>(file.number);
  row.repo_bytes = static_cast<std::uint32_t>(file.repo_bytes);
  row.size = static_cast<std::uint32_t>(file.size);
  if (file.repo_checksum) {
    row.sha1 = *file.repo_checksum;
    row.number |= kStored;
  } else if (file.checksum) {
    row.sha1 = *file.checksum;
    row.number |= kUnpacked;
  }
}

void BundledFiles::Sort() {
  std::sort(rows_.begin(), rows_.end(),
            [](const Row& a, const Row& b) { return a.place < b.place; });
}

std::vector<PgBackRestFile> BundledFiles::Get(std::size_t index) const {
  const std::uint64_t first = std::uint64_t{index} << kOffsetBits;
  auto row = std::lower_bound(rows_.begin(), rows_.end(), first,
                              [](const Row& a, std::uint64_t place) { return a.place < place; });
  std::vector<PgBackRestFile> files;
  for (; row != rows_.end() && row->place >> kOffsetBits == index; ++row) {
    PgBackRestFile& file = files.emplace_back();
    file.number = row->number & static_cast<std::uint32_t>(kMaxNumber);
    file.reference = bundles_[index].first;
    file.size = row->size;
    file.repo_bytes = row->repo_bytes;
    if ((row->number & kStored) != 0) file.repo_checksum = row->sha1;
    if ((row->number & kUnpacked) != 0) file.checksum = row->sha1;
    file.bundle = bundles_[index].second;
    file.offset = static_cast<std::int64_t>(row->place - first);
  }
  const auto others = others_.find(static_cast<std::uint32_t>(index));
  if (others == others_.end()) return files;
  files.insert(files.end(), others->second.begin(), others->second.end());
  std::sort(files.begin(), files.end(),
            [](const PgBackRestFile& a, const PgBackRestFile& b) { return a.offset < b.offset; });
  return files;
}

}  // namespace drwatch::catalog
