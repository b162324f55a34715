#include "verify/dump_folder_files.h"

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/format.h"

namespace drwatch::verify {
namespace {

using model::Reason;

// Enough to tell a compression, and less than any of them makes of nothing.
constexpr std::size_t kMagicBytes = 10;

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

}  // namespace

Walked<Walk> WalkFolderToc(Reader& reader, std::optional<DumpToc>& result) {
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
  if (!toc->has_rows) walk.details.emplace_back(kNoRowsText);
  walk.contents.begun = toc->begun;
  result = std::move(*toc);
  return walk;
}

bool IsDumpFileName(std::string_view name) {
  constexpr std::size_t kMaxBytes = 255;
  return !name.empty() && name.size() <= kMaxBytes &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == name.npos;
}

Walked<Walk> WalkDumpFile(Reader& reader, const std::string& name, const DumpData& data) {
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

// Each object has its number in both words of its line.
Walked<std::vector<std::string>> ParseLargeObjectList(std::string_view text) {
  const auto broken = [](Reason reason, std::string message) {
    return tl::unexpected(Fault{Outcome::kBroken, reason, "", std::move(message)});
  };
  if (!text.ends_with('\n')) {
    return broken(Reason::kIncomplete, "ends in the list of large objects");
  }
  std::vector<std::string> names;
  for (const std::string_view line : base::Split(text, '\n')) {
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    const std::string number(line.substr(0, space));
    if (space == line.npos || !base::ParseInt(number) ||
        line.substr(space + 1) != "blob_" + number + ".dat") {
      return broken(Reason::kCorrupt, "damaged list of large objects");
    }
    names.emplace_back(line.substr(space + 1));
  }
  return names;
}

bool IsLargeObjectName(std::string_view name) {
  return name.starts_with("blob_") && name.find(".dat") != name.npos;
}

}  // namespace drwatch::verify
