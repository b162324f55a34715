#include "verify/dump_folder.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "verify/dump_data.h"
#include "verify/dump_folder_files.h"
#include "verify/file_verifier.h"
#include "verify/pg_dump_toc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::int64_t kMaxLargeObjectListBytes = 256 << 20;

// The name as stored, or with a suffix of a compression. nullopt if there is no such file.
std::optional<std::string> FindFile(const FileSet& files, const std::string& name) {
  for (const char* suffix : {"", ".gz", ".lz4", ".zst"}) {
    if (files.Has(name + suffix)) return name + suffix;
  }
  return std::nullopt;
}

// ".dat.gz" of "3348.dat.gz"; all of what is no number.
std::string_view AfterNumber(std::string_view name) {
  return name.substr(std::min(name.find_first_not_of("0123456789"), name.size()));
}

bool IsPackedEnding(std::string_view ending) {
  return ending == ".dat.gz" || ending == ".dat.lz4" || ending == ".dat.zst";
}

// Also with what a copy that is on its way or a checksum file has behind it.
bool EndsAs(std::string_view ending, std::string_view whole) {
  return ending.starts_with(whole) &&
         (ending.size() == whole.size() || ending[whole.size()] == '.');
}

// False for what may as well be a year, a day or a time, and for "1.dat" to "31.dat" of a rotation:
// pg_dump numbers the system catalogs first, so that data begins in the thousands.
bool IsNumberOfData(std::string_view number) {
  if (number.size() < 4 || number.size() > 7 || number.starts_with('0')) return false;
  const bool year = number.starts_with("19") || number.starts_with("20");
  if (number.size() == 5) return true;
  if (number.size() == 7 || year) return !year;
  const auto pair = [number](std::size_t at) {
    return (number[at] - '0') * 10 + (number[at + 1] - '0');
  };
  const auto day = [](int a, int b) { return (a <= 12 && b <= 31) || (a <= 31 && b <= 12); };
  const bool time = pair(0) < 24 && pair(2) < 60;
  return !time && !day(pair(0), pair(2)) && (number.size() == 4 || !day(pair(2), pair(4)));
}

bool IsLargeObjectList(std::string_view name) {
  constexpr std::string_view kStart = "blobs";  // "blobs.toc", "blobs_12.toc"
  if (!name.starts_with(kStart)) return false;
  name.remove_prefix(kStart.size());
  if (name.starts_with('_')) name = AfterNumber(name.substr(1));
  return EndsAs(name, ".toc");
}

// A copy of toc.dat that is on its way.
bool IsUnfinishedToc(std::string_view name) {
  return name.starts_with("toc.dat.") &&
         (name.ends_with(".tmp") || name.ends_with("part") || name.ends_with(".partial"));
}

// Nothing but a dump has these.
bool TellsADump(std::string_view name, DumpPieces told_by) {
  constexpr std::string_view kObject = "blob_";
  if (IsLargeObjectList(name)) return true;
  const bool object = name.starts_with(kObject);
  if (object) name.remove_prefix(kObject.size());
  const std::string_view ending = AfterNumber(name);
  const std::string_view number = name.substr(0, name.size() - ending.size());
  const bool packed = IsPackedEnding(ending);
  if (!packed && (ending != ".dat" || told_by == DumpPieces::kPacked)) return false;
  return object ? !number.empty() : IsNumberOfData(number);
}

// A dump may have it before its toc.dat.
bool MayBePiece(std::string_view name) {
  const std::string_view ending = AfterNumber(name);
  const bool data = ending.size() < name.size() && EndsAs(ending, ".dat");
  return data || IsLargeObjectName(name) || IsLargeObjectList(name) || IsUnfinishedToc(name) ||
         name.starts_with('.') || ParseChecksumFileName(name);
}

Verdict Bad(const std::string& place, Reason reason, std::string message) {
  Verdict verdict;
  verdict.outcome = Outcome::kBroken;
  verdict.reason = reason;
  verdict.place = place;
  verdict.message = std::move(message);
  return verdict;
}

class DumpFolder {
 public:
  DumpFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget)
      : file_set_(files), checksums_(checksums), budget_(budget) {}

  Verdict Run() {
    if (!file_set_.Has("toc.dat")) {
      return Bad("toc.dat", Reason::kIncomplete,
                 "it is missing: nothing can be restored without it");
    }
    std::optional<DumpToc> toc;
    whole_ = Verify("toc.dat", [&toc](Reader& reader) { return WalkFolderToc(reader, toc); });
    if (!toc || whole_.outcome == Outcome::kBroken) return whole_;
    whole_.level = Level::kContent;
    for (const DumpEntry& entry : toc->data) {
      if (!Continue()) break;
      if (entry.content == DumpContent::kLargeObjects) {
        LargeObjects(entry.file);
      } else {
        File(entry.file, DumpData(entry, toc->encoding));
      }
    }
    if (Continue()) CheckAllListed();
    whole_.details.push_back(std::to_string(files_.size()) + " data files");
    return whole_;
  }

 private:
  Verdict Verify(const std::string& name, const Walker& walker) {
    const auto open = [&](DigestTee* tee) { return file_set_.Open(name, budget_, tee); };
    return VerifyStream(open, name, checksums_, budget_, walker);
  }

  bool Continue() const { return whole_.outcome != Outcome::kBroken && budget_.Check(); }

  void File(const std::string& name, const DumpData& data) {
    if (!IsDumpFileName(name)) {
      return AddPart(whole_, Bad("toc.dat", Reason::kCorrupt, "impossible file name"));
    }
    const auto found = FindFile(file_set_, name);
    if (!found) {
      return AddPart(whole_, Bad(name, Reason::kIncomplete, kMissingDumpFile));
    }
    files_.insert(*found);
    AddPart(whole_,
            Verify(*found, [&](Reader& reader) { return WalkDumpFile(reader, *found, data); }));
  }

  void LargeObjects(const std::string& list) {
    if (!IsDumpFileName(list) || !file_set_.Has(list)) {
      return AddPart(whole_, Bad(list, Reason::kIncomplete, kMissingDumpFile));
    }
    const auto text = ReadAll(file_set_.Open(list, budget_, nullptr), kMaxLargeObjectListBytes);
    if (!text) {
      Verdict part = Bad(list, text.error().reason, text.error().message);
      part.outcome = text.error().outcome;
      return AddPart(whole_, std::move(part));
    }
    const auto objects = ParseLargeObjectList(*text);
    if (!objects) {
      return AddPart(whole_, Bad(list, objects.error().reason, objects.error().message));
    }
    for (const std::string& object : *objects) {
      if (!Continue()) return;
      File(object, DumpData());
    }
  }

  // A large object that no list names is one that a list has lost.
  void CheckAllListed() {
    for (const std::string& name : file_set_.TopNames()) {
      if (!IsLargeObjectName(name) || files_.contains(name) || ParseChecksumFileName(name))
        continue;
      return AddPart(whole_, Bad(name, Reason::kCorrupt, kUnlistedLargeObject));
    }
  }

  const FileSet& file_set_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  Verdict whole_;
  std::set<std::string> files_;  // met
};

}  // namespace

bool LooksLikeDumpFolder(const FileSet& files) { return files.Has("toc.dat"); }
bool LooksLikeCutDumpFolder(const FileSet& files, DumpPieces told_by) {
  if (files.Has("toc.dat")) return false;
  const std::vector<std::string> names = files.TopNames();
  return std::all_of(names.begin(), names.end(), MayBePiece) &&
         std::any_of(names.begin(), names.end(),
                     [told_by](const std::string& name) { return TellsADump(name, told_by); });
}
bool LooksLikeDumpFolder(const std::string& folder) {
  return LooksLikeDumpFolder(FolderFiles(folder));
}

Verdict VerifyDumpFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return DumpFolder(files, checksums, budget).Run();
}

}  // namespace drwatch::verify
