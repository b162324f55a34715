#include "verify/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/sizes.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// From this size on, what was read is dropped from the page cache.
constexpr std::int64_t kLargeFileBytes = 64 << 20;
// How far reading may run ahead of its rate: long enough to read in steps that disks like.
constexpr base::Duration kBurst{100};

Reason ReasonOf(int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR) return Reason::kNotFound;
  if (error_number == EACCES || error_number == EPERM) return Reason::kPermission;
  return Reason::kStorage;
}

// Whether the byte can be had without a disk.
bool IsInMemory(int fd, std::int64_t offset) {
  char byte = 0;
  const iovec part{&byte, 1};
  return ::preadv2(fd, &part, 1, offset, RWF_NOWAIT) == 1;
}

// True if most of the file lies in the page cache already.
bool IsCached(int fd, std::int64_t size) {
  constexpr int kSamples = 16;
  int cached = 0;
  for (int i = 0; i < kSamples; ++i) {
    if (IsInMemory(fd, size / kSamples * i)) ++cached;
  }
  return cached > kSamples / 2;
}

}  // namespace

ReadBudget::ReadBudget(const VerifyOptions& options, DigestLane* lane)
    : options_(options), lane_(lane), next_(std::chrono::steady_clock::now()) {}

Walked<void> ReadBudget::Check() const {
  if (options_.stop.stopped()) return Unjudged(Reason::kTimeout, "verification was stopped");
  if (options_.deadline.Expired()) {
    return Unjudged(Reason::kTimeout, "verification did not end in time");
  }
  return {};
}

Walked<void> ReadBudget::Spend(std::int64_t bytes) {
  if (auto check = Check(); !check) return check;
  bytes_read_ += bytes;
  if (options_.read_bytes != nullptr) *options_.read_bytes += bytes;
  if (options_.read_rate_bytes <= 0) return {};
  const base::SteadyTime now = std::chrono::steady_clock::now();
  next_ = std::max(next_, now - kBurst);
  next_ += std::chrono::duration_cast<base::SteadyTime::duration>(std::chrono::duration<double>(
      static_cast<double>(bytes) / static_cast<double>(options_.read_rate_bytes)));
  if (next_ <= now) return {};
  options_.stop.Wait(base::Deadline(next_).Min(options_.deadline));
  Add(0, std::chrono::steady_clock::now() - now);
  return Check();
}

void ReadBudget::Add(std::int64_t bytes_read, std::chrono::nanoseconds paced) {
  bytes_read_ += bytes_read;
  paced_ += paced;
  if (options_.paced != nullptr) *options_.paced += paced.count();
}

std::string ReadBudget::TakeBuffer(std::size_t size) {
  std::string buffer = std::exchange(spare_, {});
  if (buffer.size() < size) buffer.resize(size);
  return buffer;
}

void ReadBudget::GiveBack(std::string buffer) {
  if (buffer.size() > spare_.size()) spare_ = std::move(buffer);
}

std::vector<std::string> DigestTee::Finish() {
  std::vector<std::string> result;
  for (StreamDigest& digest : digests_) result.push_back(digest.Finish());
  digests_.clear();
  return result;
}

FileSource::FileSource(base::UniqueFd fd, const struct stat& info, ReadBudget& budget,
                       DigestTee* tee)
    : fd_(std::move(fd)),
      size_(info.st_size),
      modified_(info.st_mtim),
      budget_(&budget),
      tee_(tee),
      drop_(size_ >= kLargeFileBytes && !IsCached(fd_.get(), size_)) {}

bool FileSource::changed() const {
  struct stat info {};
  return ::fstat(fd_.get(), &info) != 0 || info.st_size != size_ ||
         info.st_mtim.tv_sec != modified_.tv_sec || info.st_mtim.tv_nsec != modified_.tv_nsec;
}

std::int64_t FileSource::SkipHole() {
  // Digests need every byte.
  if (tee_ != nullptr && !tee_->empty()) return 0;
  const off_t data = ::lseek(fd_.get(), offset_, SEEK_DATA);
  if (data < 0 && errno != ENXIO) return 0;
  // No more data: zeros to its end.
  const std::int64_t to = data < 0 ? size_ : std::min<std::int64_t>(data, size_);
  return to - std::exchange(offset_, std::max(offset_, to));
}

bool FileSource::StartAt(std::int64_t offset) {
  // Digests need every byte.
  if (offset > size_ || (tee_ != nullptr && !tee_->empty())) return false;
  offset_ = offset;
  return true;
}

Walked<FileSource> FileSource::Open(const std::string& path, ReadBudget& budget, DigestTee* tee) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return Unjudged(ReasonOf(errno), "cannot look at it: " + base::ErrnoText(errno));
  }
  if (!S_ISREG(info.st_mode)) return Unjudged(Reason::kWrongFormat, "not a regular file");
  base::UniqueFd fd(::open(path.c_str(), kOpenFlags));
  if (!fd.valid()) {
    return Unjudged(ReasonOf(errno), "cannot open: " + base::ErrnoText(errno));
  }
  return Take(std::move(fd), budget, tee);
}

Walked<FileSource> FileSource::Take(base::UniqueFd fd, ReadBudget& budget, DigestTee* tee) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Unjudged(Reason::kWrongFormat, "not a regular file");
  }
  FileSource source(std::move(fd), info, budget, tee);
  // What is read in one go needs no advice.
  if (source.size_ > source.chunk_bytes_) {
    ::posix_fadvise(source.fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  return source;
}

Walked<std::string_view> FileSource::Read() {
  const auto bytes = static_cast<std::size_t>(std::min(size_ - offset_, chunk_bytes_));
  if (buffer_.size() < bytes) buffer_ = budget_->TakeBuffer(bytes);
  ssize_t count = 0;
  do {
    count = ::pread(fd_.get(), buffer_.data(), bytes, offset_);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    const std::string text = base::ErrnoText(errno);
    auto fault = Unjudged(Reason::kStorage, "cannot read: " + text);
    fault.value().place = "byte " + std::to_string(offset_);
    return fault;
  }
  return std::string_view(buffer_.data(), static_cast<std::size_t>(count));
}

Walked<std::string_view> FileSource::Next() {
  if (auto allowed = budget_->Spend(0); !allowed) return tl::unexpected(std::move(allowed.error()));
  if (offset_ == size_) return "";
  const Walked<std::string_view> bytes = Read();
  if (!bytes) return bytes;
  if (tee_ != nullptr) tee_->Update(*bytes);
  const auto count = static_cast<std::int64_t>(bytes->size());
  if (drop_) ::posix_fadvise(fd_.get(), offset_, count, POSIX_FADV_DONTNEED);
  offset_ += count;
  if (auto allowed = budget_->Spend(count); !allowed) {
    return tl::unexpected(std::move(allowed.error()));
  }
  return bytes;
}

Walked<std::string> ReadWhole(const std::string& path, std::int64_t max_bytes, ReadBudget& budget,
                              DigestTee* tee) {
  auto file = FileSource::Open(path, budget, tee);
  if (!file) return tl::unexpected(std::move(file.error()));
  std::string content;
  while (true) {
    auto bytes = file->Next();
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) return content;
    content += *bytes;
    if (static_cast<std::int64_t>(content.size()) > max_bytes) {
      return Unjudged(Reason::kLimit, "longer than " + base::FormatSize(max_bytes));
    }
  }
}

}  // namespace drwatch::verify
