// Any bytes as an artefact end in a verdict, which does not depend on how the bytes arrive. The
// input is a file: its name, a newline, its content; or several, each behind the separator: then
// they are one folder. Names and contents choose the readers, as they do in the program.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/strings.h"
#include "catalog/name_time.h"
#include "fuzz.h"
#include "verify/decoder.h"
#include "verify/file_set.h"
#include "verify/rdb.h"
#include "verify/verify.h"
#include "verify/wal_text.h"
#include "verify/wal_walk.h"

namespace drwatch::verify {
namespace {

using fuzz::Check;

constexpr std::string_view kSeparator = "\n\x1e";
// No piece is as long as a header, and most things fall between two.
constexpr std::size_t kSmallPieceBytes = 61;
constexpr std::size_t kOnePiece = SIZE_MAX;

// Bytes in pieces, none longer than `size`, each gone when the next one comes.
class PieceSource final : public Source {
 public:
  PieceSource(std::string_view bytes, std::size_t size, ReadBudget& budget, DigestTee* tee)
      : left_(bytes), size_(size), budget_(budget), tee_(tee) {}
  Walked<std::string_view> Next() override {
    piece_ = std::string(left_.substr(0, size_));
    left_.remove_prefix(piece_.size());
    if (auto spent = budget_.Spend(static_cast<std::int64_t>(piece_.size())); !spent) {
      return tl::unexpected(std::move(spent.error()));
    }
    if (tee_ != nullptr) tee_->Update(piece_);
    return piece_;
  }

 private:
  std::string_view left_;
  std::size_t size_;
  ReadBudget& budget_;
  DigestTee* tee_;
  std::string piece_;
};

using Files = std::map<std::string, std::string>;

class MemoryFiles final : public FileSet {
 public:
  MemoryFiles(const Files& files, std::size_t piece) : files_(files), piece_(piece) {}
  bool Has(const std::string& name) const override {
    const auto at = files_.lower_bound(name);
    return at != files_.end() && (at->first == name || at->first.starts_with(name + "/"));
  }
  std::vector<std::string> TopNames() const override {
    std::vector<std::string> names;
    for (const auto& [name, content] : files_) {
      if (name.find('/') == std::string::npos) names.push_back(name);
    }
    return names;
  }
  Walked<void> Each(const TakeTreeFile& take) const override {
    for (const auto& [name, content] : files_) {
      if (!take({name, static_cast<std::int64_t>(content.size())})) break;
    }
    return {};
  }
  Walked<OpenedFile> Open(const std::string& name, ReadBudget& budget,
                          DigestTee* tee) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) return Broken(model::Reason::kNotFound, 0, "is not there");
    return OpenedFile{std::make_unique<PieceSource>(found->second, piece_, budget, tee),
                      static_cast<std::int64_t>(found->second.size())};
  }

 private:
  const Files& files_;
  const std::size_t piece_;
};

// A manifest that ends before its own checksum gets the right one: else hardly any is read.
std::string Completed(const std::string& name, std::string content) {
  constexpr std::string_view kKey = "\"Manifest-Checksum\"";
  if (name != "backup_manifest" || content.find(kKey) != std::string::npos) return content;
  content += "\n";
  const std::string digest = base::ComputeDigest(base::DigestAlgorithm::kSha256, content);
  return content + std::string(kKey) + ": \"" + base::Hex(digest) + "\"}\n";
}

Files Split(std::string_view input) {
  Files files;
  while (true) {
    const std::size_t end = input.find(kSeparator);
    const std::string_view file = input.substr(0, end);
    const std::size_t newline = std::min(file.find('\n'), file.size());
    const std::string name(file.substr(0, newline));
    files[name] = Completed(name, std::string(file.substr(std::min(newline + 1, file.size()))));
    if (end == std::string_view::npos) return files;
    input.remove_prefix(end + kSeparator.size());
  }
}

Verdict Judge(const Files& files, std::size_t piece) {
  ReadBudget budget{VerifyOptions{}};
  const MemoryFiles set(files, piece);
  auto listed = std::make_shared<ChecksumFolder>();
  for (const auto& [name, content] : files) {
    if (ParseChecksumFileName(name)) listed->Add(name, content, {});
  }
  if (files.size() > 1) {
    return VerifyFiles(
        set, Checksums("artefact", std::make_shared<ChecksumFolder>(), std::move(listed)), budget);
  }
  const std::string& name = files.begin()->first;
  const Opener open = [&](DigestTee* tee) { return set.Open(name, budget, tee); };
  return VerifyOpened(open, name, Checksums(name, std::move(listed), nullptr), budget);
}

std::string Told(const Verdict& verdict) {
  std::string text = std::string(OutcomeName(verdict.outcome)) + " " +
                     std::string(model::ReasonName(verdict.reason)) + " " + verdict.message;
  // Without the place: of packed data it is where the piece begins that could not be unpacked.
  if (verdict.outcome != Outcome::kIntact) return text;
  text += " " + verdict.format + " level " + std::to_string(static_cast<int>(verdict.level));
  return text + " " + base::Join(verdict.details, "; ");
}

bool HoldsPacked(const Files& files) {
  return std::any_of(files.begin(), files.end(), [](const auto& file) {
    return DetectCompression(file.second, file.first).has_value();
  });
}

void CheckFiles(const Files& files) {
  const Verdict verdict = Judge(files, kOnePiece);
  const bool intact = verdict.outcome == Outcome::kIntact;
  Check(intact == (verdict.reason == model::Reason::kNone) && intact == verdict.message.empty(),
        "a verdict that contradicts itself: " + Told(verdict));
  const Verdict again = Judge(files, kSmallPieceBytes);
  // What a decoder had unpacked before it failed it may have handed on or not.
  const bool both_fail = HoldsPacked(files) && !intact && again.outcome != Outcome::kIntact;
  Check(both_fail || Told(verdict) == Told(again),
        "pieces make a difference:\n" + Told(verdict) + "\n" + Told(again));
}

// Readers that the catalogue calls by a file's name.
void CheckNamed(const std::string& name, std::string_view content) {
  constexpr base::Timestamp kModified{std::chrono::hours(24 * 20000)};  // of 2024
  (void)catalog::ParseNameTime(name, kModified);
  (void)RdbTime(content);
  if (ParseWalFileName(name)) {
    (void)ParseTimelineHistory(content, 7);
    (void)ParseBackupHistory(content);
    MemorySource source(content);
    Reader reader(source);
    (void)PeekWalHead(reader, name);
  }
}

}  // namespace
}  // namespace drwatch::verify

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using drwatch::verify::Files;
  const Files files = drwatch::verify::Split(drwatch::fuzz::Text(data, size));
  drwatch::verify::CheckFiles(files);
  drwatch::verify::CheckNamed(files.begin()->first, files.begin()->second);
  return 0;
}
