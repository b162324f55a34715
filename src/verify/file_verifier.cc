#include "verify/file_verifier.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "verify/blake2b.h"
#include "verify/decoder.h"
#include "verify/look_alikes.h"
#include "verify/recognise.h"

namespace drwatch::verify {
namespace {

using model::Reason;

void SetFault(Verdict& verdict, Fault fault, const std::string& relative) {
  verdict.outcome = fault.outcome;
  // What could not be read, in an archive or because it changed, is not of an unknown content.
  if (fault.outcome == Outcome::kUnjudged) verdict.level = Level::kExists;
  verdict.reason = fault.reason;
  verdict.message = std::move(fault.message);
  verdict.place = relative;
  if (!fault.place.empty()) {
    verdict.place += (relative.empty() ? "" : ": ") + fault.place;
  }
}

// Before anything is proven. What nobody could read is not of an unknown content.
Level LevelAtLeast(std::int64_t size, bool was_read) {
  return size > 0 && was_read ? Level::kSize : Level::kExists;
}

// Whether what `open` opens has that digest by another algorithm than the one it looked like.
Walked<bool> IsOfLookAlike(const Opener& open, const std::string& digest) {
  auto file = open(nullptr);
  if (!file) return tl::unexpected(std::move(file.error()));
  return HasLookAlike(*file->source, digest);
}

// BLAKE2b of less than 512 bits.
bool IsShortBlake2b(const ChecksumFolder::Expected& expected) {
  return expected.algorithm == base::DigestAlgorithm::kBlake2b512 &&
         expected.digest.size() < Blake2b::kMaxDigestBytes;
}

void AddExpected(const ChecksumFolder::Expected& expected, const ReadBudget& budget,
                 DigestTee& tee) {
  if (IsShortBlake2b(expected)) {
    tee.Add(Blake2b(expected.digest.size()));
  } else {
    tee.Add(expected.algorithm, budget.lane());
  }
}

using Expectations = std::vector<ChecksumFolder::Expected>;

// The digests of what is packed in what `open` opens, an empty one each if nothing is. Faults:
// those that leave it open.
Walked<std::vector<std::string>> DigestsOfUnpacked(const Opener& open, const Expectations& expected,
                                                   ReadBudget& budget) {
  auto file = open(nullptr);
  if (!file) return tl::unexpected(std::move(file.error()));
  Reader reader(*file->source);
  auto head = reader.Peek(kHeadBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  const std::vector<std::string> none(expected.size());
  if (!DetectCompression(*head)) return none;
  DigestTee tee;
  for (const auto& one : expected) AddExpected(one, budget, tee);
  const auto walk = WalkPacked(reader, [&tee](Reader& inner) -> Walked<Walk> {
    while (true) {
      auto bytes = inner.Some(INT64_MAX);
      if (!bytes) return tl::unexpected(std::move(bytes.error()));
      if (bytes->empty()) return Walk{};
      tee.Update(*bytes);
    }
  });
  if (walk) return tee.Finish();
  if (walk.error().outcome != Outcome::kBroken) return tl::unexpected(walk.error());
  return none;
}

struct Comparison {
  const ChecksumFolder::Expected* mismatch = nullptr;  // the first of them that differs
  bool of_unpacked = false;                            // one of them is what is packed in it
};

// What was guessed wrong is read again, then what is packed: only what differs, each once more.
// Faults: those of that. `unpacks`: something came out of it, and is intact.
Walked<Comparison> Compare(const Opener& open, const Expectations& expected,
                           const std::vector<std::string>& digests, bool unpacks,
                           ReadBudget& budget) {
  Comparison comparison;
  std::vector<std::string> unpacked;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].digest == digests[i]) continue;
    if (expected[i].guessed) {
      const auto other = IsOfLookAlike(open, expected[i].digest);
      if (!other) return tl::unexpected(other.error());
      if (*other) continue;
    }
    if (unpacks && unpacked.empty()) {
      auto found = DigestsOfUnpacked(open, expected, budget);
      if (!found) return tl::unexpected(std::move(found.error()));
      unpacked = *std::move(found);
    }
    if (unpacked.empty() || unpacked[i] != expected[i].digest) {
      comparison.mismatch = &expected[i];
      return comparison;
    }
    comparison.of_unpacked = true;
  }
  return comparison;
}

// Of a file that is intact as far as it goes and that no checksum file names: whether one names
// what is packed in it, and all that do are right.
bool UnpacksToNamed(const Opener& open, const std::string& relative, const Checksums& checksums,
                    ReadBudget& budget) {
  const Expectations expected = checksums.FindUnpacked(relative);
  if (expected.empty()) return false;
  const auto digests = DigestsOfUnpacked(open, expected, budget);
  return digests && std::equal(expected.begin(), expected.end(), digests->begin(),
                               [](const auto& one, const std::string& digest) {
                                 return one.digest == digest;
                               });
}

// Which of the digests will be the SHA-256 of an artefact that is one file; one more is computed if
// it is wanted and no checksum file names it.
std::optional<std::size_t> AddSha256(const std::vector<ChecksumFolder::Expected>& expected,
                                     const std::string& relative, const ReadBudget& budget,
                                     DigestTee& tee) {
  if (!relative.empty()) return std::nullopt;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].algorithm == base::DigestAlgorithm::kSha256) return i;
  }
  if (!budget.options().digest) return std::nullopt;
  tee.Add(base::DigestAlgorithm::kSha256, budget.lane());
  return expected.size();
}

std::string MismatchText(const ChecksumFolder::Expected& expected) {
  const std::string source = base::Quote(expected.source);
  std::string name(base::DigestName(expected.algorithm));
  if (IsShortBlake2b(expected)) name += "-" + std::to_string(8 * expected.digest.size());
  if (!expected.guessed) return name + " differs from the one in " + source;
  std::string names;
  for (const std::string_view other : LookAlikesOf(expected.digest.size())) {
    names += ", " + std::string(other);
  }
  return "none of its digests (" + name + names + ") is the one in " + source;
}

// What the checksum files say of when it broke. Inside of what was packed nicely it may have been
// packed like this, and listed before.
std::string WhenBroken(const Fault& fault, const ChecksumFolder::Expected* mismatch) {
  if (mismatch == nullptr) return "its checksum is right: it was stored like this";
  const bool inside = fault.place.starts_with("unpacked ");
  return MismatchText(*mismatch) + (inside ? "" : ": it was changed after it was listed");
}

// Nothing is wrong with it, and yet it cannot be restored alone.
void Lack(Verdict& verdict, NeededWal needed) {
  verdict.outcome = Outcome::kBroken;
  verdict.reason = Reason::kIncomplete;
  verdict.place = "pg_wal";
  verdict.message = needed.Complaint();
  verdict.needs_wal = std::move(needed);
}

// Of a format that is known, and yet nobody can tell what it is worth: its bytes are those that a
// checksum file names, at best.
void Doubt(Verdict& verdict, std::string why) {
  verdict.outcome = Outcome::kUnjudged;
  verdict.reason = Reason::kUnverified;
  verdict.level = verdict.checksum == ChecksumState::kMatched ? Level::kChecksum : Level::kSize;
  verdict.message = std::move(why);
}

void Judge(Verdict& verdict, Walk walk) {
  const bool matched = verdict.checksum == ChecksumState::kMatched;
  verdict.format = std::move(walk.format);
  verdict.details = std::move(walk.details);
  verdict.level = walk.level;
  verdict.contents = std::move(walk.contents);
  verdict.cut_off = walk.cut_off;
  verdict.outcome = Outcome::kIntact;
  verdict.reason = Reason::kNone;
  if (walk.level >= Level::kFormat && !walk.doubt.empty()) {
    Doubt(verdict, std::move(walk.doubt));
    return;
  }
  if (walk.level >= Level::kChecksum) {
    if (matched && walk.level >= Level::kFormat) verdict.level = Level::kContent;
    if (!walk.needs_wal.empty()) Lack(verdict, std::move(walk.needs_wal));
    return;
  }
  if (matched) {
    verdict.level = Level::kChecksum;
    return;
  }
  verdict.outcome = Outcome::kUnjudged;
  verdict.reason = Reason::kUnverified;
  if (walk.cut_off) {
    verdict.message = "it is being written, and nothing of it is there yet";
    return;
  }
  const std::string_view why = walk.level == Level::kExists ? "it is empty"
                               : !walk.doubt.empty()        ? std::string_view(walk.doubt)
                               : verdict.format.empty()     ? "its format is not known"
                                                            : "it is encrypted";
  verdict.message = std::string(why) + " and no checksum file names it";
}

// What a second look at the file finds that the first one asked for.
Walked<Walk> WalkAgain(const Opener& open, const Walk& first) {
  auto file = open(nullptr);
  if (!file) return tl::unexpected(std::move(file.error()));
  Reader reader(*file->source);
  auto walk = first.again(reader);
  if (walk) walk->details.insert(walk->details.end(), first.details.begin(), first.details.end());
  return walk;
}

// The file was written to while it was read: what is wrong with it may come from that.
void NoteChange(Verdict& verdict) {
  constexpr std::string_view kText = "it was changed while it was read";
  verdict.digest.clear();
  if (verdict.outcome != Outcome::kBroken) {
    verdict.details.emplace_back(kText);
    return;
  }
  verdict.outcome = Outcome::kUnjudged;
  verdict.level = Level::kExists;
  verdict.reason = Reason::kUnverified;
  verdict.details.push_back(std::move(verdict.message));
  verdict.message = kText;
}

}  // namespace

Verdict VerifyFile(const std::string& path, const std::string& relative, const Checksums& checksums,
                   ReadBudget& budget, const Walker& walker) {
  const auto open = [&](DigestTee* tee) { return OpenPath(path, budget, tee); };
  return VerifyStream(open, relative, checksums, budget, walker);
}

Verdict VerifyStream(const Opener& open, const std::string& relative, const Checksums& checksums,
                     ReadBudget& budget, const Walker& walker) {
  Verdict verdict;
  const std::int64_t read_before = budget.bytes_read();
  const std::vector<ChecksumFolder::Expected> expected = checksums.Find(relative);
  DigestTee tee;
  for (const auto& one : expected) AddExpected(one, budget, tee);
  const std::optional<std::size_t> sha256 = AddSha256(expected, relative, budget, tee);
  auto file = open(tee.empty() ? nullptr : &tee);
  if (!file) {
    SetFault(verdict, file.error(), relative);
    return verdict;
  }
  Reader reader(*file->source);
  auto walk = walker(reader);
  verdict.level = LevelAtLeast(file->size, walk || budget.bytes_read() > read_before);
  const bool sound = walk || walk.error().outcome == Outcome::kBroken;
  const bool worth_hashing = !expected.empty() && sound;
  const bool worth_attesting = walk && file->source->attestation() != Attestation::kNone;
  // The walker may have stopped early; a checksum needs the rest, and nothing else does.
  file->source->OnlyHash();
  auto rest = worth_hashing || worth_attesting ? Drain(*file->source) : Walked<std::int64_t>(0);
  while (rest && walk && walk->again) walk = WalkAgain(open, *walk);
  verdict.bytes_read = budget.bytes_read() - read_before;
  if (!rest) {
    SetFault(verdict, walk ? rest.error() : walk.error(), relative);
    return verdict;
  }
  const bool all_went_by = tee.bytes() == file->size;
  const std::vector<std::string> digests = tee.Finish();
  if (sha256 && all_went_by) verdict.digest = "sha256:" + base::Hex(digests[*sha256]);
  Comparison compared;
  const bool unpacks = walk && walk->contents.unpacked_bytes > 0;
  if (worth_hashing) {
    auto found = Compare(open, expected, digests, unpacks, budget);
    if (!found) {
      verdict.bytes_read = budget.bytes_read() - read_before;
      SetFault(verdict, std::move(found.error()), relative);
      return verdict;
    }
    compared = *found;
  } else if (unpacks && expected.empty()) {
    compared.of_unpacked = UnpacksToNamed(open, relative, checksums, budget);
  }
  verdict.bytes_read = budget.bytes_read() - read_before;
  const bool matched =
      worth_hashing || compared.of_unpacked || file->source->attestation() == Attestation::kMatched;
  if (matched) verdict.checksum = ChecksumState::kMatched;
  if (compared.mismatch != nullptr) verdict.checksum = ChecksumState::kMismatched;
  if (!walk) {
    if (worth_hashing) verdict.details.push_back(WhenBroken(walk.error(), compared.mismatch));
    SetFault(verdict, std::move(walk.error()), relative);
  } else if (compared.mismatch != nullptr) {
    SetFault(verdict, {Outcome::kBroken, Reason::kCorrupt, "", MismatchText(*compared.mismatch)},
             relative);
    verdict.format = std::move(walk->format);
  } else {
    Judge(verdict, std::move(*walk));
    if (compared.of_unpacked) verdict.details.emplace_back(kOfUnpackedText);
    if (verdict.outcome != Outcome::kIntact) {
      verdict.place =
          relative + (relative.empty() || verdict.place.empty() ? "" : ": ") + verdict.place;
    }
  }
  if (verdict.contents.unpacked_bytes > 0 && verdict.contents.packed_bytes == 0) {
    verdict.contents.packed_bytes = file->size;
  }
  if (file->source->changed()) NoteChange(verdict);
  return verdict;
}

Verdict MissingFile(const std::string& name, const std::string& list) {
  Verdict verdict;
  verdict.outcome = Outcome::kBroken;
  verdict.reason = Reason::kIncomplete;
  verdict.place = name;
  verdict.message = list.empty() ? "a checksum file names it, but it is missing"
                                 : base::Quote(list) + " names it, but it is missing";
  return verdict;
}

void AddMissing(Verdict& whole, const FileSet& files, const Checksums& checksums,
                const std::set<std::string>& elsewhere) {
  for (const std::string& name : checksums.Names()) {
    if (!files.Has(name) && !elsewhere.contains(name)) AddPart(whole, MissingFile(name, ""));
  }
}

void AddPart(Verdict& whole, Verdict part) {
  constexpr auto kBadness = [](Outcome outcome) {
    return outcome == Outcome::kBroken ? 2 : outcome == Outcome::kUnjudged ? 1 : 0;
  };
  whole.bytes_read += part.bytes_read;
  whole.contents.packed_bytes += part.contents.packed_bytes;
  whole.contents.unpacked_bytes += part.contents.unpacked_bytes;
  whole.level = std::min(whole.level, part.level);
  if (part.checksum == ChecksumState::kMismatched || whole.checksum == ChecksumState::kNone) {
    whole.checksum = part.checksum;
  }
  if (kBadness(part.outcome) <= kBadness(whole.outcome)) return;
  whole.outcome = part.outcome;
  whole.reason = part.reason;
  whole.place = std::move(part.place);
  whole.message = std::move(part.message);
  whole.details.insert(whole.details.end(), part.details.begin(), part.details.end());
}

bool AddFault(Verdict& whole, Walked<void> result, const std::string& place) {
  if (result) return true;
  Verdict part;
  SetFault(part, std::move(result.error()), place);
  part.level = Level::kSize;
  AddPart(whole, std::move(part));
  return false;
}

}  // namespace drwatch::verify
