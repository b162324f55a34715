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

// "3348.dat.gz"
bool IsPackedTableName(const std::string& name) {
  const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  const std::string ending = name.substr(digits);
  return digits > 0 && (ending == ".dat.gz" || ending == ".dat.lz4" || ending == ".dat.zst");
}

bool IsLargeObjectList(const std::string& name) {
  return name.starts_with("blobs") && name.ends_with(".toc");
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
bool LooksLikeCutDumpFolder(const FileSet& files) {
  const std::vector<std::string> names = files.TopNames();
  const bool any = std::any_of(names.begin(), names.end(), IsPackedTableName);
  return any && !files.Has("toc.dat") &&
         std::all_of(names.begin(), names.end(), [](const std::string& name) {
           return IsPackedTableName(name) || IsLargeObjectName(name) || IsLargeObjectList(name);
         });
}
bool LooksLikeDumpFolder(const std::string& folder) {
  return LooksLikeDumpFolder(FolderFiles(folder));
}

Verdict VerifyDumpFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return DumpFolder(files, checksums, budget).Run();
}

}  // namespace drwatch::verify
