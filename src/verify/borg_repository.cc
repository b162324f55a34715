#include "verify/borg_repository.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "verify/batches.h"
#include "verify/borg_segment.h"
#include "verify/file_verifier.h"
#include "verify/known_files.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::int64_t kMaxConfigBytes = 1 << 20;
// What known_files.h notes of a segment.
constexpr char kWhole = 'w';
constexpr char kCommitted = 'c';

// A segment, hints and an index end with a number.
std::optional<std::uint32_t> NumberOf(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  const auto number = base::ParseInt(text);
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<std::uint32_t> SegmentOf(const std::string& name) {
  if (!name.starts_with("data/")) return std::nullopt;
  return NumberOf(SplitPath(name).second);
}

class BorgCheck {
 public:
  BorgCheck(const FileSet& files, const Checksums& checksums, ReadBudget& budget)
      : files_(files), checksums_(checksums), budget_(budget) {
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kContent;
    whole_.format = "Borg repository";
  }

  Verdict Run() {
    if (!ReadConfig()) return whole_;
    FindTransaction();
    ReadSegments();
    if (whole_.outcome == Outcome::kIntact && budget_.Check()) CheckCommit();
    if (whole_.outcome == Outcome::kIntact && budget_.Check()) CheckIndex();
    if (whole_.outcome == Outcome::kIntact) {
      whole_.details.push_back(std::to_string(segments_.size()) + " segments");
    } else {
      whole_.level = std::min(whole_.level, Level::kSize);
    }
    return whole_;
  }

 private:
  struct Segment {
    std::uint32_t number = 0;
    BorgSegment found;
  };
  struct Read {
    Verdict verdict;
    BorgSegment found;
  };

  bool ReadConfig();
  void FindTransaction();
  void ReadSegments();
  Read ReadSegment(const TreeFile& file, ReadBudget& budget) const;
  std::optional<Read> Known(const TreeFile& file, const VerifyOptions& options) const;
  bool TakeSegment(const std::string& name, Read read);
  void CheckCommit();
  void CheckIndex();
  void Lose(std::string place, std::string message);

  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  Verdict whole_;
  std::uint32_t transaction_ = 0;  // the segment that ends the last one that Borg noted
  std::vector<Segment> segments_;  // those that are whole
  // The first segment behind that which is not.
  std::optional<std::pair<std::uint32_t, Verdict>> loose_;
};

bool BorgCheck::ReadConfig() {
  const auto config = ReadAll(files_.Open("config", budget_, nullptr), kMaxConfigBytes);
  if (!config) return AddFault(whole_, tl::unexpected(config.error()), "config");
  if (!config->starts_with("[repository]")) {
    return AddFault(whole_, Broken(Reason::kCorrupt, 0, "it does not begin as Borg's does"),
                    "config");
  }
  // The test releases of Borg 2 wrote segments of another kind.
  if (config->find("\nversion = 1\n") != std::string::npos) return true;
  return AddFault(whole_, Unjudged(Reason::kUnverified, "only those of version 1 are read"),
                  "config");
}

void BorgCheck::FindTransaction() {
  for (const std::string& name : files_.TopNames()) {
    for (const std::string_view prefix : {"index.", "hints."}) {
      if (!name.starts_with(prefix)) continue;
      const auto number = NumberOf(std::string_view(name).substr(prefix.size()));
      transaction_ = std::max(transaction_, number.value_or(0));
    }
  }
}

std::optional<BorgCheck::Read> BorgCheck::Known(const TreeFile& file,
                                                const VerifyOptions& options) const {
  if (!checksums_.Find(file.name).empty()) return std::nullopt;
  const bool committed = IsKnown(options, file, kCommitted);
  if (!committed && !IsKnown(options, file, kWhole)) return std::nullopt;
  Read read;
  read.verdict.outcome = Outcome::kIntact;
  read.verdict.level = Level::kContent;
  read.found = {file.size, committed};
  return read;
}

BorgCheck::Read BorgCheck::ReadSegment(const TreeFile& listed, ReadBudget& budget) const {
  if (auto known = Known(listed, budget.options())) return *std::move(known);
  Read read;
  const std::string& name = listed.name;
  const auto open = [&](DigestTee* tee) { return files_.Open(name, budget, tee); };
  read.verdict = VerifyStream(open, name, checksums_, budget, [&](Reader& file) -> Walked<Walk> {
    auto found = WalkBorgSegment(file);
    if (!found) return tl::unexpected(std::move(found.error()));
    read.found = *found;
    Walk walk;
    walk.level = Level::kContent;
    return walk;
  });
  if (read.verdict.outcome == Outcome::kIntact && read.found.size == listed.size) {
    MakeKnown(budget.options(), listed, read.found.committed ? kCommitted : kWhole);
  }
  return read;
}

void BorgCheck::ReadSegments() {
  Batches<TreeFile, Read> batches(
      budget_,
      [this](const TreeFile& file, ReadBudget& budget, Read& read) {
        read = ReadSegment(file, budget);
        return read.verdict.outcome != Outcome::kBroken || *SegmentOf(file.name) > transaction_;
      },
      [this](const TreeFile& file, Read read) { return TakeSegment(file.name, std::move(read)); });
  auto walked =
      files_.Each([&](const TreeFile& file) { return !SegmentOf(file.name) || batches.Add(file); });
  batches.Finish();
  AddFault(whole_, std::move(walked), "");
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.number < b.number; });
}

bool BorgCheck::TakeSegment(const std::string& name, Read read) {
  const std::uint32_t number = *SegmentOf(name);
  if (read.verdict.outcome == Outcome::kIntact) {
    segments_.push_back({number, read.found});
  } else if (number > transaction_) {
    if (!loose_ || number < loose_->first) loose_.emplace(number, std::move(read.verdict));
    return true;
  }
  AddPart(whole_, std::move(read.verdict));
  return whole_.outcome != Outcome::kBroken;
}

// Borg counts what was written up to the last commit.
void BorgCheck::CheckCommit() {
  if (segments_.empty() && !loose_) return Lose("", "the repository holds no segment");
  const auto last = std::find_if(segments_.rbegin(), segments_.rend(),
                                 [](const Segment& segment) { return segment.found.committed; });
  if (last == segments_.rend() || last->number < transaction_) {
    return Lose("data", "segment " + std::to_string(transaction_) +
                            ", which ends the last backup, is missing or cut off");
  }
  if (loose_ && loose_->first < last->number) return AddPart(whole_, std::move(loose_->second));
  if (loose_) {
    whole_.details.push_back("of a backup that runs or was broken off: " +
                             loose_->second.ToString());
  }
  transaction_ = last->number;
}

void BorgCheck::CheckIndex() {
  const std::string name = "index." + std::to_string(transaction_);
  std::optional<BorgPlace> lost;
  auto walked = [&]() -> Walked<void> {
    auto file = files_.Open(name, budget_, nullptr);
    if (!file) return tl::unexpected(std::move(file.error()));
    Reader reader(*file->source);
    return WalkBorgIndex(reader, [&](const BorgPlace& place) {
      const auto segment = std::lower_bound(
          segments_.begin(), segments_.end(), place.segment,
          [](const Segment& one, std::uint32_t number) { return one.number < number; });
      const bool there = segment != segments_.end() && segment->number == place.segment &&
                         place.offset < segment->found.size;
      if (!there && (!lost || place.segment < lost->segment)) lost = place;
    });
  }();
  if (walked && lost) {
    return Lose("data", "segment " + std::to_string(lost->segment) +
                            " is missing or cut off: the index looks for a piece at its byte " +
                            std::to_string(lost->offset));
  }
  if (walked) return;
  const bool made_anew =
      walked.error().outcome == Outcome::kBroken || walked.error().reason == Reason::kNotFound;
  if (!made_anew) return static_cast<void>(AddFault(whole_, std::move(walked), name));
  whole_.level = std::min(whole_.level, Level::kChecksum);
  whole_.details.push_back(name + ": " + walked.error().message +
                           ": a missing segment would not show; Borg makes it anew");
}

// Something is missing, unless Borg is just about to write it down otherwise.
void BorgCheck::Lose(std::string place, std::string message) {
  const bool written_to = files_.Has("lock.exclusive");
  whole_.outcome = written_to ? Outcome::kUnjudged : Outcome::kBroken;
  whole_.reason = written_to ? Reason::kUnverified : Reason::kIncomplete;
  whole_.place = std::move(place);
  whole_.message = (written_to ? "Borg writes to it (lock.exclusive): " : "") + std::move(message);
}

}  // namespace

Verdict VerifyBorg(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return BorgCheck(files, checksums, budget).Run();
}

}  // namespace drwatch::verify
