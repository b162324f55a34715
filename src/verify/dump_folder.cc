#include "verify/dump_folder.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/dump_data.h"
#include "verify/file_verifier.h"
#include "verify/pg_dump_toc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// Enough to tell a compression, and less than any of them makes of nothing.
constexpr std::size_t kMagicBytes = 10;
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
  walk.contents.tables = std::move(toc->tables);
  walk.contents.begun = toc->begun;
  result = std::move(*toc);
  return walk;
}

// pg_dump gives names like "3348.dat", "blob_16398.dat" and "blobs_12.toc".
bool IsPlainName(std::string_view name) {
  constexpr std::size_t kMaxBytes = 255;
  return !name.empty() && name.size() <= kMaxBytes &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == name.npos;
}

Walked<Walk> ReadData(Reader& reader, DumpData data) {
  while (true) {
    const std::int64_t begin = reader.offset();
    auto bytes = reader.Some(INT64_MAX);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) break;
    if (const auto wrong = data.Add(*bytes)) {
      return Broken(Reason::kCorrupt, begin + static_cast<std::int64_t>(wrong->at), wrong->message);
    }
  }
  if (const auto missing = data.Missing()) {
    return Broken(Reason::kIncomplete, reader.offset(), *missing);
  }
  // No format tells more of it than the archive does.
  Walk walk;
  walk.level = Level::kFormat;
  return walk;
}

// Packed as its name says: what is not packed may begin with anything.
Walked<Walk> WalkData(Reader& reader, const std::string& name, const DumpData& data) {
  const auto compression = CompressionOfName(name);
  if (!compression) return ReadData(reader, data);
  auto head = reader.Peek(kMagicBytes);
  if (!head) return tl::unexpected(std::move(head.error()));
  // Of a large object that holds nothing pg_dump packs nothing, not even an empty frame.
  if (head->empty() && compression != Compression::kGzip) return ReadData(reader, data);
  if (DetectCompression(*head) != compression) {
    return Broken(head->size() < kMagicBytes ? Reason::kIncomplete : Reason::kCorrupt, 0,
                  "does not begin as " + std::string(CompressionName(*compression)) + " data does");
  }
  return WalkPacked(reader, [&data](Reader& inner) { return ReadData(inner, data); });
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
    if (!IsPlainName(name)) {
      return AddPart(whole_, Bad("toc.dat", Reason::kCorrupt, "impossible file name"));
    }
    const auto found = FindFile(file_set_, name);
    if (!found) {
      return AddPart(whole_, Bad(name, Reason::kIncomplete, "the archive needs it, it is missing"));
    }
    files_.insert(*found);
    AddPart(whole_,
            Verify(*found, [&](Reader& reader) { return WalkData(reader, *found, data); }));
  }

  // "123 blob_123.dat" lines: each object has its number in both.
  void LargeObjects(const std::string& list) {
    if (!IsPlainName(list) || !file_set_.Has(list)) {
      return AddPart(whole_, Bad(list, Reason::kIncomplete, "the archive needs it, it is missing"));
    }
    const auto text = ReadAll(file_set_.Open(list, budget_, nullptr), kMaxLargeObjectListBytes);
    if (!text) {
      Verdict part = Bad(list, text.error().reason, text.error().message);
      part.outcome = text.error().outcome;
      return AddPart(whole_, std::move(part));
    }
    if (!text->ends_with('\n')) {
      return AddPart(whole_, Bad(list, Reason::kIncomplete, "ends in the list of large objects"));
    }
    for (const std::string_view line : base::Split(*text, '\n')) {
      if (line.empty()) continue;
      const std::size_t space = line.find(' ');
      const std::string number(line.substr(0, space));
      if (space == line.npos || !base::ParseInt(number) ||
          line.substr(space + 1) != "blob_" + number + ".dat") {
        return AddPart(whole_, Bad(list, Reason::kCorrupt, "damaged list of large objects"));
      }
      if (!Continue()) return;
      File(std::string(line.substr(space + 1)), DumpData());
    }
  }

  // A large object that no list names is one that a list has lost.
  void CheckAllListed() {
    for (const std::string& name : file_set_.TopNames()) {
      const bool large_object = name.starts_with("blob_") && name.find(".dat") != name.npos;
      if (!large_object || files_.contains(name) || ParseChecksumFileName(name)) continue;
      return AddPart(whole_, Bad(name, Reason::kCorrupt, "no list of large objects names it"));
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
