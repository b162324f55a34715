#include "catalog/folder_entries.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>

namespace drwatch::catalog {
namespace {

constexpr std::size_t kBlockBytes = 64 << 10;
// How often a thread looks at the clock.
constexpr std::size_t kLookEvery = 256;

}  // namespace

void FolderEntries::Add(std::string_view name) {
  // A block never grows beyond what it reserved: the views into it stay.
  const std::size_t needed = name.size() + 1;
  if (names_.empty() || names_.back().size() + needed > names_.back().capacity()) {
    names_.emplace_back().reserve(std::max(kBlockBytes, needed));
  }
  std::string& block = names_.back();
  const std::size_t at = block.size();
  // fstatat() wants a zero behind it.
  block.append(name);
  list_.emplace_back().name = std::string_view(block).substr(at);
  block.push_back('\0');
}

int FolderEntries::Read(DIR* folder, std::size_t expected, const std::function<bool()>& go_on) {
  list_.reserve(expected);
  while (true) {
    errno = 0;
    const dirent* const item = ::readdir(folder);
    if (item == nullptr) return errno;
    const std::string_view name = item->d_name;
    if (name == "." || name == "..") continue;
    Add(name);
    list_.back().link = item->d_type == DT_LNK;
    if (!go_on()) return 0;
  }
}

bool FolderEntries::Stat(int folder, base::Deadline deadline, const base::StopToken& stop) {
  std::atomic<bool> in_time = true;
  const auto look = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end && in_time; ++i) {
      FolderEntry& entry = list_[i];
      entry.error = ::fstatat(folder, entry.name.data(), &entry.info, 0) == 0 ? 0 : errno;
      if (i % kLookEvery == 0 && (deadline.Expired() || stop.stopped())) in_time = false;
    }
  };
  const std::size_t count = list_.size();
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
  const std::size_t share = count < kParallelFrom ? count : (count + cores - 1) / cores;
  std::size_t begin = 0;
  std::vector<std::thread> threads;
  try {
    for (; begin + share < count; begin += share) {
      threads.emplace_back(look, begin, begin + share);
    }
  } catch (const std::system_error&) {
    // No more threads: the rest is looked at here.
  }
  look(begin, count);
  for (std::thread& thread : threads) thread.join();
  return in_time;
}

}  // namespace drwatch::catalog
