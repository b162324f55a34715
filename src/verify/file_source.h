// Reads files from a disk: at a limited rate, until a deadline or a stop request, hashing on the
// way.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "verify/digest_lanes.h"
#include "verify/source.h"

namespace drwatch::verify {

// What all reads of one verification share: the rate, the deadline, the count. One thread.
class ReadBudget {
 public:
  // `lane`: what this thread hashes in, if it is one of a group; outlives this.
  explicit ReadBudget(const VerifyOptions& options, DigestLane* lane = nullptr);
  // Waits until `bytes` more may be read. Fault: stopped or past the deadline.
  Walked<void> Spend(std::int64_t bytes);
  // The same without reading anything.
  Walked<void> Check() const;
  std::int64_t bytes_read() const { return bytes_read_; }
  // How long Spend() has waited.
  std::chrono::nanoseconds paced() const { return paced_; }
  // What was read with the budgets of other threads for the same verification, and how long the one
  // of them waited that waited longest.
  void Add(std::int64_t bytes_read, std::chrono::nanoseconds paced);
  DigestLane* lane() const { return lane_; }
  // With the deadline and the stop token, for sources that wait on their own.
  const VerifyOptions& options() const { return options_; }
  // A buffer of at least `size` bytes for one file after the other. Give it back.
  std::string TakeBuffer(std::size_t size);
  void GiveBack(std::string buffer);

 private:
  VerifyOptions options_;
  DigestLane* lane_;
  base::SteadyTime next_;  // when what was read until now is paid for
  std::int64_t bytes_read_ = 0;
  std::chrono::nanoseconds paced_{0};
  std::string spare_;
};

// Digests computed while a file is read. The order of `algorithms` is that of Finish().
class DigestTee {
 public:
  // `lane` is that of the budget the file is read with.
  void Add(base::DigestAlgorithm algorithm, DigestLane* lane) {
    digests_.emplace_back(algorithm, lane);
  }
  void Add(Blake2b blake2b) { digests_.emplace_back(blake2b); }
  bool empty() const { return digests_.empty(); }
  // Of what went by.
  std::int64_t bytes() const { return bytes_; }
  void Update(std::string_view bytes) {
    bytes_ += static_cast<std::int64_t>(bytes.size());
    for (StreamDigest& digest : digests_) digest.Update(bytes);
  }
  std::vector<std::string> Finish();

 private:
  std::vector<StreamDigest> digests_;
  std::int64_t bytes_ = 0;
};

// One regular file, from its start, as long as it was when it was opened: what is appended later is
// not read. What was read of a large one is dropped from the page cache again, so that verification
// does not push a database's pages out; one that lay there before stays.
class FileSource final : public Source {
 public:
  FileSource(FileSource&&) = default;
  FileSource& operator=(FileSource&&) = delete;
  ~FileSource() override { budget_->GiveBack(std::move(buffer_)); }
  // `tee` may be nullptr. Fault: cannot be opened (kNotFound, kPermission, kStorage), or not a
  // regular file (kWrongFormat); nothing but a regular file is ever opened.
  static Walked<FileSource> Open(const std::string& path, ReadBudget& budget, DigestTee* tee);
  // What was opened with kOpenFlags.
  static Walked<FileSource> Take(base::UniqueFd fd, ReadBudget& budget, DigestTee* tee);
  // Should a FIFO have taken a file's place, O_NONBLOCK keeps open() from hanging.
  static constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  Walked<std::string_view> Next() override;
  void OnlyHash() override { chunk_bytes_ = 256 << 10; }
  // By its size and its modification time.
  bool changed() const override;
  std::int64_t SkipHole() override;
  bool StartAt(std::int64_t offset) override;
  std::int64_t size() const { return size_; }

 private:
  FileSource(base::UniqueFd fd, const struct stat& info, ReadBudget& budget, DigestTee* tee);
  Walked<std::string_view> Read();

  base::UniqueFd fd_;
  std::int64_t size_;
  timespec modified_;
  std::int64_t offset_ = 0;
  ReadBudget* budget_;
  DigestTee* tee_;
  bool drop_;  // from the page cache
  // At a time. What is unpacked is read in pieces that leave room for its output in the core's own
  // cache.
  std::int64_t chunk_bytes_ = 64 << 10;
  std::string buffer_;
};

// The whole file, at most `max_bytes`. Faults as FileSource, and kLimit.
Walked<std::string> ReadWhole(const std::string& path, std::int64_t max_bytes, ReadBudget& budget,
                              DigestTee* tee);

}  // namespace drwatch::verify
