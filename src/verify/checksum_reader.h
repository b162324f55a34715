// Checksum files of any length, read piece by piece.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "verify/checksum_list.h"

namespace drwatch::verify {

// As ParseChecksumList(), of a text that arrives in pieces: keeps no more than a line.
class ChecksumReader {
 public:
  using Take = std::function<void(ChecksumEntry entry)>;
  ChecksumReader(std::optional<base::DigestAlgorithm> hint, Take take)
      : hint_(hint), take_(std::move(take)) {}
  void Add(std::string_view bytes);
  // Once, at the end.
  void Finish();
  int bad_lines() const { return bad_lines_; }

 private:
  enum class Rest { kWaits, kIsLine };
  void Begin();
  void TakeLines(Rest rest);
  void TakeLine(std::string_view line);

  const std::optional<base::DigestAlgorithm> hint_;
  const Take take_;
  std::string text_;         // what is not taken yet
  std::optional<char> end_;  // of a line, once enough was seen to tell
  bool overlong_ = false;    // the line that text_ is in: its begin was dropped
  int bad_lines_ = 0;
};

// Which file each entry of a checksum file is about.
class ListedFiles {
 public:
  using Take = std::function<void(const std::string& target, const ChecksumEntry& entry)>;
  // `folder` outlives it.
  ListedFiles(ChecksumFileName kind, const ListFolder& folder, Take take);
  ListedFiles(const ListedFiles&) = delete;
  ListedFiles& operator=(const ListedFiles&) = delete;
  void Add(std::string_view bytes) { reader_.Add(bytes); }
  // Once, at the end.
  void Finish();
  bool any() const { return any_; }
  int bad_lines() const { return reader_.bad_lines(); }

 private:
  void Entry(ChecksumEntry entry);
  void Tell(const ChecksumEntry& entry);

  const ChecksumFileName kind_;
  const ListFolder& folder_;
  const Take take_;
  ChecksumReader reader_;
  bool any_ = false;
  // The first one of a sidecar, while it may be the only one: then it is about the sidecar's own
  // file, whatever name stands in it: it may have been made elsewhere.
  std::optional<ChecksumEntry> only_;
};

}  // namespace drwatch::verify
