#include "exporter/verify_paths.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include "base/duration.h"
#include "base/sizes.h"
#include "verify/checksum_folders.h"
#include "verify/digest_lanes.h"
#include "verify/file_tree.h"
#include "verify/verify.h"

namespace drwatch::exporter {
namespace {

constexpr base::Duration kRedrawEvery{200};
// Before that a rate says nothing.
constexpr base::Duration kFirstRate{500};

// What there is to read, as far as it can be told beforehand.
std::int64_t BytesOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return 0;
  if (!S_ISDIR(info.st_mode)) return info.st_size;
  std::int64_t total = 0;
  const auto walked = verify::EachFile(path, [&total](const verify::TreeFile& file) {
    total += file.size;
    return true;
  });
  return walked ? total : 0;
}

// How many columns standard error has, if it is a terminal that says so.
std::size_t ColumnsOfTerminal() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : std::string::npos;
}

// The work that is shared: workers take jobs and leave results.
class Work {
 public:
  explicit Work(const std::vector<VerifyJob>& jobs) : jobs_(jobs), results_(jobs.size()) {}

  void Run() {
    const base::SystemClock clock;
    for (std::size_t i = next_++; i < jobs_.size(); i = next_++) {
      verify::VerifyOptions options;
      options.read_bytes = &read_bytes_;
      options.streams = static_cast<int>(verify::DigestLanes::kMaxLanes);
      const base::SteadyTime began = clock.Steady();
      VerifiedPath result{jobs_[i].path, jobs_[i].run(options), {}};
      result.took = std::chrono::duration_cast<base::Duration>(clock.Steady() - began);
      const std::lock_guard lock(mutex_);
      results_[i] = std::move(result);
      ++finished_;
      changed_.notify_one();
    }
  }
  // The result of one path, or nullptr if it is not there within kRedrawEvery.
  const VerifiedPath* Await(std::size_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kRedrawEvery, [&] { return results_[index].has_value(); });
    return results_[index] ? &*results_[index] : nullptr;
  }
  std::int64_t read_bytes() const { return read_bytes_; }
  std::size_t finished() const {
    const std::lock_guard lock(mutex_);
    return finished_;
  }

 private:
  const std::vector<VerifyJob>& jobs_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::int64_t> read_bytes_{0};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<VerifiedPath>> results_;
  std::size_t finished_ = 0;
};

// One line on a terminal that is drawn over again.
class ProgressLine {
 public:
  explicit ProgressLine(const std::vector<VerifyJob>& jobs)
      : shown_(::isatty(STDERR_FILENO) == 1), began_(clock_.Steady()) {
    progress_.paths = jobs.size();
    if (!shown_) return;
    for (const VerifyJob& job : jobs) progress_.total_bytes += job.bytes();
  }
  void Draw(const Work& work) {
    if (!shown_) return;
    progress_.read_bytes = work.read_bytes();
    progress_.finished = work.finished();
    progress_.elapsed = std::chrono::duration_cast<base::Duration>(clock_.Steady() - began_);
    // What is wider than the terminal goes on in its next line, and could not be drawn over.
    std::cerr << "\r\033[K" << FormatVerifyProgress(progress_).substr(0, ColumnsOfTerminal())
              << std::flush;
    drawn_ = true;
  }
  void Clear() {
    if (drawn_) std::cerr << "\r\033[K" << std::flush;
    drawn_ = false;
  }

 private:
  const base::SystemClock clock_;
  const bool shown_;
  const base::SteadyTime began_;
  VerifyProgress progress_;
  bool drawn_ = false;
};

}  // namespace

std::string FormatVerifyProgress(const VerifyProgress& progress) {
  std::string text = std::to_string(progress.finished) + "/" + std::to_string(progress.paths) +
                     " done, " + base::FormatSize(progress.read_bytes);
  // An archive's backups bring WAL along that was not in its announcement.
  if (progress.total_bytes >= std::max<std::int64_t>(progress.read_bytes, 1)) {
    text += " of " + base::FormatSize(progress.total_bytes);
  }
  if (progress.elapsed < kFirstRate || progress.read_bytes == 0) return text;
  const double rate = static_cast<double>(progress.read_bytes) / base::ToSeconds(progress.elapsed);
  text += ", " + base::FormatSize(static_cast<std::int64_t>(rate)) + "/s";
  if (progress.total_bytes > progress.read_bytes) {
    const auto left = static_cast<double>(progress.total_bytes - progress.read_bytes);
    const auto seconds = static_cast<std::int64_t>(left / rate) + 1;
    text += ", " + base::FormatDuration(std::chrono::seconds(seconds)) + " left";
  }
  return text;
}

void RunVerifyJobs(const std::vector<VerifyJob>& jobs, int threads,
                   const std::function<void(const VerifiedPath&)>& done) {
  Work work(jobs);
  std::vector<std::jthread> workers;
  const std::size_t count = std::min(jobs.size(), static_cast<std::size_t>(std::max(threads, 1)));
  for (std::size_t i = 0; i < count; ++i) workers.emplace_back([&work] { work.Run(); });
  ProgressLine line(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const VerifiedPath* result = work.Await(i);
    for (; result == nullptr; result = work.Await(i)) line.Draw(work);
    line.Clear();
    done(*result);
  }
}

void VerifyPaths(const std::vector<std::string>& paths, int jobs,
                 const std::function<void(const VerifiedPath&)>& done) {
  verify::ChecksumFolders folders;
  std::vector<VerifyJob> all;
  all.reserve(paths.size());
  for (const std::string& path : paths) {
    all.push_back({path, [path] { return BytesOf(path); },
                   [path, &folders](const verify::VerifyOptions& options) {
                     return verify::VerifyPath(path, options, folders);
                   }});
  }
  RunVerifyJobs(all, jobs, done);
}

}  // namespace drwatch::exporter
