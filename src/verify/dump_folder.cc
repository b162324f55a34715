#include "verify/dump_folder.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "verify/decoder.h"
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

Walked<Walk> WalkToc(Reader& reader, std::optional<DumpToc>& result) {
  auto toc = ReadDumpToc(reader);
  if (!toc) return tl::unexpected(std::move(toc.error()));
  auto end = reader.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (!*end) {
    return Broken(Reason::kCorrupt, reader.offset(), "bytes after the table of contents");
  }
  Walk walk;
  // The header of a directory archive says "tar": both share the code that reads it.
  toc->header.format = DumpFormat::kDirectory;
  walk.format = DumpFormatName(toc->header);
  walk.level = Level::kFormat;
  result = std::move(*toc);
  return walk;
}

// A table's rows or a large object: any bytes, packed or not.
Walked<Walk> WalkData(Reader& reader) {
  auto end = reader.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  Walk walk;
  if (*end) return walk;
  return WalkPacked(reader, [](Reader& inner) -> Walked<Walk> {
    while (true) {
      auto bytes = inner.Some(INT64_MAX);
      if (!bytes) return tl::unexpected(std::move(bytes.error()));
      if (bytes->empty()) return Walk();
    }
  });
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
    std::optional<DumpToc> toc;
    whole_ = Verify("toc.dat", [&toc](Reader& reader) { return WalkToc(reader, toc); });
    if (!toc || whole_.outcome == Outcome::kBroken) return whole_;
    whole_.level = Level::kContent;
    for (const DumpEntry& entry : toc->data) {
      if (!Continue()) break;
      if (entry.large_objects) {
        LargeObjects(entry.file);
      } else {
        File(entry.file);
      }
    }
    whole_.details.push_back(std::to_string(files_) + " data files");
    return whole_;
  }

 private:
  Verdict Verify(const std::string& name, const Walker& walker) {
    const auto open = [&](DigestTee* tee) { return file_set_.Open(name, budget_, tee); };
    return VerifyStream(open, name, checksums_, budget_, walker);
  }

  bool Continue() const { return whole_.outcome != Outcome::kBroken && budget_.Check(); }

  void File(const std::string& name) {
    if (name.find('/') != std::string::npos) {
      return AddPart(whole_, Bad("toc.dat", Reason::kCorrupt, "impossible file name"));
    }
    const auto found = FindFile(file_set_, name);
    if (!found) {
      return AddPart(whole_, Bad(name, Reason::kIncomplete, "the archive needs it, it is missing"));
    }
    ++files_;
    Verdict part = Verify(*found, WalkData);
    // Any bytes are right for a table's rows: what is not packed was read to its end, no more.
    if (part.outcome == Outcome::kUnjudged && part.reason == Reason::kUnverified) {
      part.outcome = Outcome::kIntact;
      part.level = Level::kFormat;
    } else if (part.outcome == Outcome::kIntact && CompressionOfName(*found)) {
      part.level = Level::kContent;
    }
    AddPart(whole_, std::move(part));
  }

  // "oid file name" lines.
  void LargeObjects(const std::string& list) {
    if (list.find('/') != std::string::npos || !file_set_.Has(list)) {
      return AddPart(whole_, Bad(list, Reason::kIncomplete, "the archive needs it, it is missing"));
    }
    const auto text = ReadAll(file_set_.Open(list, budget_, nullptr), kMaxLargeObjectListBytes);
    if (!text) {
      Verdict part = Bad(list, text.error().reason, text.error().message);
      part.outcome = text.error().outcome;
      return AddPart(whole_, std::move(part));
    }
    for (const std::string_view line : base::Split(*text, '\n')) {
      if (line.empty()) continue;
      const std::size_t space = line.find(' ');
      if (space == line.npos || !base::ParseInt(line.substr(0, space))) {
        return AddPart(whole_, Bad(list, Reason::kCorrupt, "damaged list of large objects"));
      }
      if (!Continue()) return;
      File(std::string(line.substr(space + 1)));
    }
  }

  const FileSet& file_set_;
  const Checksums& checksums_;
  ReadBudget& budget_;
  Verdict whole_;
  std::int64_t files_ = 0;
};

}  // namespace

bool LooksLikeDumpFolder(const FileSet& files) { return files.Has("toc.dat"); }
bool LooksLikeDumpFolder(const std::string& folder) {
  return LooksLikeDumpFolder(FolderFiles(folder));
}

Verdict VerifyDumpFolder(const FileSet& files, const Checksums& checksums, ReadBudget& budget) {
  return DumpFolder(files, checksums, budget).Run();
}

Verdict VerifyDumpFolder(const std::string& folder, const Checksums& checksums,
                         ReadBudget& budget) {
  return VerifyDumpFolder(FolderFiles(folder), checksums, budget);
}

}  // namespace drwatch::verify
