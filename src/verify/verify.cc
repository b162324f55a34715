#include "verify/verify.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/sizes.h"
#include "base/strings.h"
#include "verify/aof_folder.h"
#include "verify/base_backup.h"
#include "verify/batches.h"
#include "verify/checksum_reader.h"
#include "verify/chunk_store.h"
#include "verify/decoder.h"
#include "verify/dump_folder.h"
#include "verify/file_tree.h"
#include "verify/file_verifier.h"
#include "verify/partial_segments.h"
#include "verify/redis_names.h"
#include "verify/split_pieces.h"

namespace drwatch::verify {
namespace {

using model::Reason;

Verdict CannotLook(Reason reason, std::string message) {
  Verdict verdict;
  verdict.reason = reason;
  verdict.message = std::move(message);
  return verdict;
}

// Only if that is certain: what lies in a folder that may not be read may be there.
bool IsMissing(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

using WalkNamed = Walked<Walk>(Reader& file, const std::string& name);

Verdict VerifyPlainFile(const std::string& path, const std::string& relative,
                        const Checksums& checksums, ReadBudget& budget, WalkNamed& walk) {
  const std::string name = SplitPath(path).second;
  return VerifyFile(path, relative, checksums, budget,
                    [&](Reader& reader) { return walk(reader, name); });
}

Verdict WholeOf(std::string format) {
  Verdict whole;
  whole.outcome = Outcome::kIntact;
  whole.level = Level::kContent;
  whole.format = std::move(format);
  return whole;
}

// The files that a checksum list names, by name, each once.
struct Listed {
  TextBlocks texts;
  std::vector<std::string_view> targets;  // of texts
  int bad_lines = 0;
};

Walked<Listed> ReadListed(const std::string& path, const ChecksumFileName& kind,
                          const std::string& folder, ReadBudget& budget) {
  auto file = FileSource::Open(path, budget, nullptr);
  if (!file) return tl::unexpected(std::move(file.error()));
  if (file->size() > kMaxChecksumListBytes) {
    return Unjudged(Reason::kLimit, "longer than " + base::FormatSize(kMaxChecksumListBytes));
  }
  Listed listed;
  const ListFolder list_folder(folder);
  const std::string own = SplitPath(path).second;
  ListedFiles files(kind, list_folder, [&](const std::string& target, const ChecksumEntry&) {
    // "sha256sum * > SHA256SUMS" lists the list, too, before it is written.
    if (target != own) listed.targets.push_back(listed.texts.Keep(target));
  });
  while (true) {
    const auto bytes = file->Next();
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->empty()) break;
    files.Add(*bytes);
  }
  files.Finish();
  listed.bad_lines = files.bad_lines();
  std::sort(listed.targets.begin(), listed.targets.end());
  listed.targets.erase(std::unique(listed.targets.begin(), listed.targets.end()),
                       listed.targets.end());
  return listed;
}

// What a piece is by a checksum file, whatever it is together with the others.
void AddMismatch(Verdict& whole, const std::string& folder, const std::string& piece,
                 ChecksumFolders& folders, ReadBudget& budget) {
  const std::string path = folder + "/" + piece;
  const Checksums checksums = folders.About(path);
  if (checksums.Find("").empty()) return;
  Verdict part = VerifyPlainFile(path, "", checksums, budget, WalkMember);
  if (part.checksum != ChecksumState::kMismatched) return;
  part.place = piece;
  AddPart(whole, std::move(part));
}

// Whether a checksum file names it by what is packed in it.
bool IsKnownUnpacked(const Verdict& verdict) {
  return std::find(verdict.details.begin(), verdict.details.end(), kOfUnpackedText) !=
         verdict.details.end();
}

// The files that a checksum list of a folder names, one by one. Thread-safe.
class ListedVerifier {
 public:
  ListedVerifier(std::string folder, std::string list, ChecksumFolders& folders)
      : folder_(std::move(folder)),
        list_(std::move(list)),
        checksums_(folders.About(folder_)),
        files_(folder_) {
    for (std::string& name : NamesIn(folder_)) {
      if (auto whole = WholeName(name)) first_pieces_.emplace(*std::move(whole), std::move(name));
    }
  }

  Verdict Verify(const std::string& target, ReadBudget& budget) const {
    const bool elsewhere = target.starts_with('/');
    const std::string path = elsewhere ? target : folder_ + "/" + target;
    const auto open = [&](const std::string& piece) { return files_.Open(piece, budget, nullptr); };
    if (IsMissing(path)) {
      const auto first = first_pieces_.find(target);
      if (first == first_pieces_.end()) return VerifyPacked(target, budget);
      auto pieces = JudgePieces(first->second, target, checksums_, open, budget);
      return pieces ? std::move(pieces->verdict) : MissingFile(target, list_);
    }
    Verdict alone = VerifyPlainFile(path, target, checksums_, budget, WalkMember);
    if (elsewhere) return alone;
    return JudgeWithPieces(std::move(alone), target, target, checksums_, open, budget).verdict;
  }

 private:
  // Of one that is missing: it may have been packed since it was listed.
  Verdict VerifyPacked(const std::string& target, ReadBudget& budget) const {
    for (const std::string& name : PackedNames(target)) {
      const bool listed = !checksums_.Find(name).empty();
      if (listed || target.starts_with('/') || IsMissing(folder_ + "/" + name)) continue;
      Verdict packed = VerifyPlainFile(folder_ + "/" + name, name, checksums_, budget, WalkMember);
      if (IsKnownUnpacked(packed)) return packed;
      if (auto in_time = budget.Check(); !in_time) {
        return CannotLook(in_time.error().reason, in_time.error().message);
      }
      Verdict missing = MissingFile(target, list_);
      missing.message += ", and " + base::Quote(name) + " does not unpack to it";
      return missing;
    }
    return MissingFile(target, list_);
  }

  const std::string folder_;
  const std::string list_;
  const Checksums checksums_;
  const FolderFiles files_;
  std::map<std::string, std::string> first_pieces_;  // by the name of what was cut
};

// Every file a checksum list names.
Verdict VerifyListed(const std::string& path, const ChecksumFileName& kind,
                     ChecksumFolders& folders, ReadBudget& budget) {
  const auto [folder, name] = SplitPath(path);
  const auto list = ReadListed(path, kind, folder, budget);
  if (!list) return CannotLook(list.error().reason, list.error().message);
  const std::vector<std::string_view>& targets = list->targets;
  if (targets.empty()) return CannotLook(Reason::kWrongFormat, "holds no checksum");
  Verdict whole = WholeOf("checksum list of " + std::to_string(targets.size()) + " files");
  if (list->bad_lines > 0) {
    whole.details.push_back(std::to_string(list->bad_lines) + " lines are no checksums");
  }
  const ListedVerifier verifier(folder, name, folders);
  int unpacked = 0;
  Batches<std::string_view, Verdict> batches(
      budget,
      [&](std::string_view target, ReadBudget& own, Verdict& part) {
        part = verifier.Verify(std::string(target), own);
        return true;
      },
      [&](std::string_view, Verdict part) {
        if (IsKnownUnpacked(part)) ++unpacked;
        AddPart(whole, std::move(part));
        return true;
      });
  for (const std::string_view target : targets) {
    if (!batches.Add(target)) break;
  }
  batches.Finish();
  if (unpacked > 0) {
    whole.details.push_back(std::to_string(unpacked) + " of them packed: " + kOfUnpackedText);
  }
  return whole;
}

// A folder that is one artefact. nullopt: it is not.
std::optional<Verdict> VerifyWhole(const std::string& path, const Checksums& checksums,
                                   ReadBudget& budget, DumpPieces told_by) {
  if (LooksLikeBaseBackup(path)) return VerifyBaseBackup(path, checksums, budget);
  const FolderFiles files(path);
  if (LooksLikeDumpFolder(files) || LooksLikeCutDumpFolder(files, told_by)) {
    return VerifyDumpFolder(files, checksums, budget);
  }
  if (LooksLikeAofFolder(files)) return VerifyAofFolder(files, checksums, budget);
  if (const ChunkStore store = RecogniseChunkStore(files); store != ChunkStore::kNone) {
    return VerifyChunkStore(files, store, checksums, budget);
  }
  return std::nullopt;
}

// The artefacts among the folders of a folder, each verified when its first file is met.
class Subfolders {
 public:
  Subfolders(const std::string& root, const Checksums& checksums, ReadBudget& budget)
      : root_(root), checksums_(checksums), budget_(budget) {}

  // True if the file (relative to the root) is a part of one; what was found is added to `whole`.
  bool Take(const std::string& file, Verdict& whole) {
    for (std::size_t slash = file.find('/'); slash != file.npos;
         slash = file.find('/', slash + 1)) {
      const std::string folder = file.substr(0, slash);
      auto [known, fresh] = known_.try_emplace(folder, false);
      if (fresh) known->second = Verify(folder, whole);
      if (known->second) return true;
    }
    return false;
  }

 private:
  bool Verify(const std::string& folder, Verdict& whole) {
    const std::string path = root_ + "/" + folder;
    auto part = VerifyWhole(path, checksums_.Below(folder, path), budget_, DumpPieces::kPacked);
    if (!part) return false;
    part->place = folder + (part->place.empty() ? "" : "/" + part->place);
    AddPart(whole, std::move(*part));
    return true;
  }

  const std::string& root_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  std::map<std::string, bool> known_;  // folders, true for artefacts
};

// True if a file belongs to a folder that was judged as a whole, which is added to the verdict.
using TakeFile = std::function<bool(const std::string& file, Verdict& whole)>;

// A folder's loose files, each on its own but for what was cut into pieces.
class LooseFiles {
 public:
  LooseFiles(const FileSet& files, const Checksums& checksums, ReadBudget& budget)
      : files_(files), checksums_(checksums), budget_(budget) {}

  // nullopt: nothing is left to say of a piece that was proven with the first one. In the order of
  // names.
  std::optional<Verdict> Verify(const std::string& file) {
    const bool proven = pieces_.erase(file) > 0;
    if (proven && checksums_.Find(file).empty()) return std::nullopt;
    const std::string name = SplitPath(file).second;
    const auto open = [&](DigestTee* tee) { return files_.Open(file, budget_, tee); };
    Verdict verdict = VerifyStream(open, file, checksums_, budget_,
                                   [&name](Reader& reader) { return WalkMember(reader, name); });
    if (IsKnownUnpacked(verdict)) elsewhere_.insert(UnpackedName(file));
    if (proven && verdict.checksum == ChecksumState::kMatched) return std::nullopt;
    if (proven) return verdict;
    const auto piece = [&](const std::string& one) { return files_.Open(one, budget_, nullptr); };
    PiecesVerdict whole =
        JudgeWithPieces(std::move(verdict), file, file, checksums_, piece, budget_);
    pieces_.insert(whole.others.begin(), whole.others.end());
    if (!whole.others.empty()) elsewhere_.insert(*WholeName(file));
    return std::move(whole.verdict);
  }
  // What lies there in pieces or packed only.
  const std::set<std::string>& elsewhere() const { return elsewhere_; }

 private:
  const FileSet& files_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  std::set<std::string> pieces_;  // proven, and still to come
  std::set<std::string> elsewhere_;
};

// What a server writes to, or was killed over: nobody restores from it.
struct Unfinished {
  std::int64_t count = 0;
  std::string first;  // its name

  // True if the file is such a one.
  bool Take(const std::string& file, const Checksums& checksums) {
    if (!IsRedisTemporaryName(SplitPath(file).second) || !checksums.Find(file).empty())
      return false;
    if (++count == 1) first = file;
    return true;
  }
  void Finish(Verdict& whole) const {
    if (count == 0) return;
    whole.details.push_back((count == 1 ? "" : std::to_string(count) + " files, one of them ") +
                            base::Quote(first) +
                            ", not looked at: Redis writes to such a file, or left it behind");
  }
};

// Any folder: each file, and each folder that is an artefact, on its own. Checksum files are no
// part of it, nor is what Redis writes to, unless a checksum file names it.
Verdict VerifyEach(const FileSet& files, const Checksums& checksums, ReadBudget& budget,
                   const TakeFile& take) {
  Verdict whole = WholeOf("");
  PartialSegments partials(whole);
  LooseFiles loose(files, checksums, budget);
  std::int64_t count = 0;
  Unfinished unfinished;
  const auto walked = files.Each([&](const TreeFile& file) {
    if (ParseChecksumFileName(SplitPath(file.name).second)) return true;
    const bool taken = take(file.name, whole);
    if (!taken && unfinished.Take(file.name, checksums)) return true;
    ++count;
    if (!taken) {
      if (auto verdict = loose.Verify(file.name)) partials.Add(file.name, *std::move(verdict));
    }
    return whole.outcome != Outcome::kBroken && budget.Check().has_value();
  });
  if (!walked) return CannotLook(walked.error().reason, walked.error().message);
  partials.Finish();
  unfinished.Finish(whole);
  AddMissing(whole, files, checksums, loose.elsewhere());
  if (count == 0) {
    whole.outcome = Outcome::kBroken;
    whole.level = Level::kExists;
    whole.reason = Reason::kTooSmall;
    whole.message = unfinished.count == 0
                        ? "the folder holds no file"
                        : "the folder holds nothing but what Redis was writing to";
  }
  whole.format = "folder of " + std::to_string(count) + " files";
  return whole;
}

// What is said of its checksum files.
void AddProblems(Verdict& verdict, const Checksums& checksums) {
  for (const std::string& problem : checksums.problems()) verdict.details.push_back(problem);
}

// What is said of a folder only once all of it was looked at.
Verdict Finish(Verdict verdict, const Checksums& checksums, const ReadBudget& budget) {
  verdict.bytes_read = budget.bytes_read();
  if (auto in_time = budget.Check(); !in_time && verdict.outcome == Outcome::kIntact) {
    // The walk over the folder may have ended between two files.
    verdict.outcome = Outcome::kUnjudged;
    verdict.reason = in_time.error().reason;
    verdict.message = in_time.error().message;
  }
  AddProblems(verdict, checksums);
  return verdict;
}

// A place may be a name that damage or somebody made: no terminal must obey it.
std::string Printable(const std::string& text) {
  const std::string quoted = base::Quote(text);
  return quoted.size() == text.size() + 2 ? text : quoted;
}

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kIntact:
      return "intact";
    case Outcome::kBroken:
      return "broken";
    case Outcome::kUnjudged:
      return "unjudged";
  }
  std::abort();
}

std::string Verdict::ToString() const {
  if (outcome == Outcome::kIntact) return format.empty() ? "intact" : format;
  return place.empty() ? message : Printable(place) + ": " + message;
}

Verdict VerifyOpened(const Opener& open, const std::string& name, const Checksums& checksums,
                     ReadBudget& budget) {
  return VerifyStream(open, "", checksums, budget,
                      [&name](Reader& reader) { return WalkStream(reader, name); });
}

Verdict VerifyFiles(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  Verdict verdict;
  if (LooksLikeBaseBackup(files)) {
    verdict = VerifyBaseBackup(files, checksums, budget);
  } else if (LooksLikeDumpFolder(files) || LooksLikeCutDumpFolder(files, DumpPieces::kAny)) {
    verdict = VerifyDumpFolder(files, checksums, budget);
  } else if (LooksLikeAofFolder(files)) {
    verdict = VerifyAofFolder(files, checksums, budget);
  } else if (const ChunkStore store = RecogniseChunkStore(files); store != ChunkStore::kNone) {
    verdict = VerifyChunkStore(files, store, checksums, budget);
  } else {
    verdict = VerifyEach(files, checksums, budget,
                         [](const std::string&, const Verdict&) { return false; });
  }
  return Finish(std::move(verdict), checksums, budget);
}

Verdict VerifyPath(const std::string& path, const VerifyOptions& options) {
  ChecksumFolders folders;
  return VerifyPath(path, options, folders);
}

Verdict VerifyPath(const std::string& path, const VerifyOptions& options,
                   ChecksumFolders& folders) {
  ReadBudget budget(options);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const int error_number = errno;
    return CannotLook(error_number == ENOENT ? Reason::kNotFound : Reason::kStorage,
                      "cannot look at it: " + base::ErrnoText(error_number));
  }
  if (!S_ISDIR(info.st_mode)) {
    if (const auto kind = ParseChecksumFileName(SplitPath(path).second)) {
      return VerifyListed(path, *kind, folders, budget);
    }
    const auto [folder, name] = SplitPath(path);
    const FolderFiles beside(folder);
    const auto open = [&](const std::string& piece) { return beside.Open(piece, budget, nullptr); };
    const Checksums of_whole = folders.About(folder + "/" + WholeName(name).value_or(name));
    PiecesVerdict whole =
        JudgeWithPieces(VerifyPlainFile(path, "", folders.About(path), budget, WalkStream), name,
                        "", of_whole, open, budget);
    for (const std::string& piece : whole.others) {
      AddMismatch(whole.verdict, folder, piece, folders, budget);
    }
    whole.verdict.bytes_read = budget.bytes_read();
    AddProblems(whole.verdict, folders.About(path));
    return std::move(whole.verdict);
  }
  const Checksums checksums = folders.About(path);
  if (auto whole = VerifyWhole(path, checksums, budget, DumpPieces::kAny)) {
    return Finish(*std::move(whole), checksums, budget);
  }
  Subfolders subfolders(path, checksums, budget);
  const auto take = [&](const std::string& file, Verdict& whole) {
    return subfolders.Take(file, whole);
  };
  return Finish(VerifyEach(FolderFiles(path), checksums, budget, take), checksums, budget);
}

}  // namespace drwatch::verify
