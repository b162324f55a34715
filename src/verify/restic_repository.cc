#include "verify/restic_repository.h"

#include <map>
#include <utility>

#include "base/strings.h"
#include "verify/batches.h"
#include "verify/file_verifier.h"
#include "verify/known_files.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr char kWhole = 'w';  // as known_files.h notes it

bool IsDigest(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == name.npos;
}

Walked<Walk> WalkNamedByDigest(Reader& reader, std::string_view name, ReadBudget& budget) {
  StreamDigest digest(base::DigestAlgorithm::kSha256, budget.lane());
  while (true) {
    const auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->empty()) break;
    digest.Update(*bytes);
  }
  if (reader.offset() == 0) return Broken(Reason::kTooSmall, 0, "the file is empty");
  if (base::Hex(digest.Finish()) != name) {
    return Broken(Reason::kCorrupt, 0, "its SHA-256 is not the one it is named after");
  }
  Walk walk;
  walk.level = Level::kChecksum;
  return walk;
}

// The one file without such a name.
Walked<Walk> WalkConfig(Reader& reader) {
  const auto end = reader.AtEnd();
  if (!end) return tl::unexpected(end.error());
  if (*end) return Broken(Reason::kTooSmall, 0, "the file is empty");
  return Walk{};
}

class ResticCheck {
 public:
  ResticCheck(const FileSet& files, const Checksums& checksums, ReadBudget& budget)
      : files_(files), checksums_(checksums), budget_(budget) {
    whole_.outcome = Outcome::kIntact;
    whole_.level = Level::kChecksum;
    whole_.format = "restic repository";
  }

  Verdict Run() {
    Batches<TreeFile, Verdict> batches(
        budget_,
        [this](const TreeFile& file, ReadBudget& budget, Verdict& verdict) {
          verdict = Read(file, budget);
          return verdict.outcome != Outcome::kBroken;
        },
        [this](const TreeFile&, Verdict verdict) {
          AddPart(whole_, std::move(verdict));
          return whole_.outcome != Outcome::kBroken;
        });
    auto walked =
        files_.Each([&](const TreeFile& file) { return !Counts(file.name) || batches.Add(file); });
    batches.Finish();
    AddFault(whole_, std::move(walked), "");
    if (!budget_.Check()) return whole_;
    for (const auto& [folder, what] : {std::pair("keys", "key"), std::pair("snapshots", "snapshot"),
                                       std::pair("index", "index"), std::pair("data", "pack")}) {
      if (counts_[folder] == 0) Lack(what);
    }
    if (whole_.outcome == Outcome::kIntact) {
      whole_.details.push_back(std::to_string(counts_["snapshots"]) + " snapshots, " +
                               std::to_string(counts_["data"]) + " packs");
    }
    return whole_;
  }

 private:
  // What it is not is left alone: locks, which come and go, and what was never uploaded whole.
  bool Counts(const std::string& name) {
    if (name == "config") return true;
    const std::string folder = name.substr(0, name.find('/'));
    const bool one =
        folder == "keys" || folder == "snapshots" || folder == "index" || folder == "data";
    if (!one || !IsDigest(SplitPath(name).second)) return false;
    ++counts_[folder];
    return true;
  }
  Verdict Read(const TreeFile& file, ReadBudget& budget) const {
    const std::string& name = file.name;
    const bool listed = !checksums_.Find(name).empty();
    if (!listed && IsKnown(budget.options(), file, kWhole)) return Known();
    const auto open = [&](DigestTee* tee) {
      auto opened = files_.Open(name, budget, tee);
      if (opened) opened->source->OnlyHash();
      return opened;
    };
    const std::string own = SplitPath(name).second;
    Verdict verdict = VerifyStream(open, name, checksums_, budget, [&](Reader& reader) {
      return name == "config" ? WalkConfig(reader) : WalkNamedByDigest(reader, own, budget);
    });
    if (verdict.outcome == Outcome::kIntact) MakeKnown(budget.options(), file, kWhole);
    return verdict;
  }
  static Verdict Known() {
    Verdict verdict;
    verdict.outcome = Outcome::kIntact;
    verdict.level = Level::kChecksum;
    return verdict;
  }
  void Lack(const std::string& what) {
    if (whole_.outcome != Outcome::kIntact) return;
    whole_.outcome = Outcome::kBroken;
    whole_.level = Level::kSize;
    whole_.reason = Reason::kIncomplete;
    whole_.message = "the repository holds no " + what;
  }

  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  Verdict whole_;
  std::map<std::string, std::int64_t> counts_;  // of files, by folder
};

}  // namespace

Verdict VerifyRestic(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return ResticCheck(files, checksums, budget).Run();
}

}  // namespace drwatch::verify
