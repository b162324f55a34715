#include "catalog/folder_entries.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "catalog/folder_summary.h"

namespace drwatch::catalog {
namespace {

constexpr std::size_t kBlockBytes = 64 << 10;
// How often a thread looks at the clock.
constexpr std::size_t kLookEvery = 256;

// Looks at batches: on threads of its own while more are to come, and on the caller's in the end.
class Looker {
 public:
  Looker(int folder, const LastLook& last, base::Deadline deadline, const base::StopToken& stop)
      : folder_(folder), last_(last), deadline_(deadline), stop_(stop) {}
  ~Looker() { Finish(); }
  Looker(const Looker&) = delete;
  Looker& operator=(const Looker&) = delete;

  // A batch that is complete; it stays where it is.
  void Give(std::vector<FolderEntry>& batch) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(&batch);
    }
    if (threads_.empty()) Start();
    wake_.notify_one();
  }
  // True if all were looked at in time.
  bool Finish() {
    {
      const std::lock_guard lock(mutex_);
      all_given_ = true;
    }
    wake_.notify_all();
    Work();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return in_time_;
  }
  void Look(std::vector<FolderEntry>& batch) {
    for (std::size_t i = 0; i < batch.size() && in_time_; ++i) {
      LookAt(batch[i]);
      if (i % kLookEvery == 0 && (deadline_.Expired() || stop_.stopped())) in_time_ = false;
    }
  }

 private:
  void LookAt(FolderEntry& entry) const {
    struct stat info {};
    if (::fstatat(folder_, entry.name().data(), &info, 0) != 0) {
      entry.error = errno;
      return;
    }
    entry.Take(info);
    if (S_ISREG(entry.mode)) entry.known = last_.Find(entry.fingerprint);
  }
  void Start() {
    // The caller is one of them.
    const unsigned cores =
        std::clamp(std::thread::hardware_concurrency(), 2u, FolderEntries::kMaxThreads);
    try {
      while (threads_.size() + 1 < cores) threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      // No more threads: the caller looks at the rest.
    }
  }
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return all_given_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::vector<FolderEntry>* const batch = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      Look(*batch);
      lock.lock();
    }
  }

  const int folder_;
  const LastLook& last_;
  const base::Deadline deadline_;
  const base::StopToken& stop_;
  std::atomic<bool> in_time_ = true;
  std::mutex mutex_;  // guards the next two
  std::deque<std::vector<FolderEntry>*> waiting_;
  bool all_given_ = false;
  std::condition_variable wake_;
  std::vector<std::thread> threads_;
};

}  // namespace

void FolderEntry::Take(const struct stat& info) {
  mode = info.st_mode;
  size_bytes = info.st_size;
  modified = ModifiedAt(info);
  inode = {info.st_dev, info.st_ino};
  fingerprint = FingerprintOf(path, info);
}

FolderEntry& FolderEntries::Add(std::string_view name) {
  // A block never grows beyond what it reserved: the views into it stay.
  const std::size_t needed = prefix_.size() + name.size() + 1;
  if (names_.empty() || names_.back().size() + needed > names_.back().capacity()) {
    names_.emplace_back().reserve(std::max(kBlockBytes, needed));
  }
  std::string& block = names_.back();
  const std::size_t at = block.size();
  // fstatat() wants a zero behind it.
  block.append(prefix_).append(name);
  if (batches_.empty() || batches_.back().size() == kBatch) {
    const bool more = !batches_.empty();
    batches_.emplace_back();
    if (more) batches_.back().reserve(kBatch);
  }
  FolderEntry& entry = batches_.back().emplace_back();
  entry.path = std::string_view(block).substr(at);
  entry.name_at = static_cast<std::uint32_t>(prefix_.size());
  block.push_back('\0');
  return entry;
}

std::size_t FolderEntries::size() const {
  return batches_.empty() ? 0 : (batches_.size() - 1) * kBatch + batches_.back().size();
}

FolderEntries::Outcome FolderEntries::Read(DIR* folder, const LastLook& last,
                                           const std::function<bool()>& go_on,
                                           base::Deadline deadline, const base::StopToken& stop) {
  Looker looker(::dirfd(folder), last, deadline, stop);
  Outcome outcome;
  while (outcome.in_time) {
    errno = 0;
    const dirent* const item = ::readdir(folder);
    if (item == nullptr) {
      outcome.error = errno;
      break;
    }
    const std::string_view name = item->d_name;
    if (name == "." || name == "..") continue;
    // A full batch is given away when the next begins: one that is the last is looked at here.
    if (!batches_.empty() && batches_.back().size() == kBatch) looker.Give(batches_.back());
    Add(name).link = item->d_type == DT_LNK;
    outcome.in_time = go_on();
  }
  if (outcome.in_time && !batches_.empty()) looker.Look(batches_.back());
  outcome.in_time = looker.Finish() && outcome.in_time;
  return outcome;
}

}  // namespace drwatch::catalog
