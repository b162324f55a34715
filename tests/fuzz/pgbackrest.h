// What must hold of any bytes as a file of a pgBackRest repository.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/strings.h"
#include "catalog/pgbackrest_bundles.h"
#include "verify/pgbackrest_block_map.h"
#include "verify/pgbackrest_info.h"
#include "verify/pgbackrest_ini.h"
#include "verify/pgbackrest_manifest.h"
#include "walked.h"

namespace drwatch::fuzz::pgbackrest {

using verify::PgBackRestFile;
using verify::PgBackRestManifest;
using verify::Reader;

// What `tell` says of the content must not depend on how its bytes arrive.
inline void CheckArrival(std::string_view content, std::string (*tell)(Reader& reader)) {
  verify::MemorySource whole(content);
  Reader reader(whole);
  const std::string told = tell(reader);
  ByteSource bytes(content);
  Reader slow(bytes);
  const std::string again = tell(slow);
  Check(told == again, "pieces make a difference:\n" + told + "\n" + again);
}

inline bool IsLabel(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789-_FDI") == text.npos;
}

inline std::string TellIni(Reader& reader) {
  std::string told;
  const auto read =
      verify::ReadPgBackRestIni(reader, [&](const verify::IniLine& line) -> verify::Walked<void> {
        Check(!line.section.empty() && !line.key.empty(), "a line without a name");
        for (const std::string_view part : {line.section, line.key, line.value}) {
          Check(part.find('\n') == part.npos, "a line that is several");
          told += base::Quote(part) + " ";
        }
        return {};
      });
  CheckFault(read);
  return read ? told : told + Told(read.error());
}

inline std::string TellInfo(Reader& reader) {
  const auto info = verify::ReadPgBackRestInfo(reader);
  CheckFault(info);
  if (!info) return Told(info.error());
  std::string told;
  constexpr base::Timestamp kYear10000{std::chrono::seconds(253'402'300'800)};
  for (const verify::PgBackRestBackup& backup : info->backups) {
    Check(IsLabel(backup.label) && (backup.prior.empty() || IsLabel(backup.prior)), "a bad label");
    for (const std::string& reference : backup.references) Check(IsLabel(reference), "a bad label");
    Check(backup.started >= base::Timestamp() && backup.started < kYear10000 &&
              backup.stopped > base::Timestamp() && backup.stopped < kYear10000,
          "an impossible time");
    for (const std::int64_t size : {backup.original_bytes, backup.stored_bytes, backup.own_bytes}) {
      Check(size >= 0 && size <= std::int64_t{1} << 46, "an impossible size");
    }
    told += backup.label + " " + backup.kind + " " + base::Join(backup.references, ",") + ";";
  }
  for (const verify::PgBackRestDatabase& database : info->databases) {
    const std::string name = database.ArchiveName();
    Check(database.id > 0 && name.find_first_not_of("0123456789.-") == name.npos, "a bad name");
    told += name + ";";
  }
  return told;
}

inline void CheckFile(const PgBackRestFile& file, const PgBackRestManifest& manifest) {
  for (const std::string_view part : base::Split(file.name, '/')) {
    Check(!part.empty() && part != "." && part != "..", "a name that leads elsewhere");
  }
  const auto references = static_cast<int>(manifest.references.size());
  Check(file.reference >= -1 && file.reference < references, "a reference to nothing");
  Check(file.size >= 0 && file.repo_bytes >= 0 && file.bundle >= 0 && file.offset >= 0 &&
            file.offset <= INT64_MAX - file.repo_bytes,
        "an impossible place");
  Check(file.size == 0 || file.checksum, "content without a checksum");
  Check(file.map_bytes >= 0 && file.map_bytes <= file.repo_bytes && file.block_bytes >= 0 &&
            (file.map_bytes == 0 || file.block_bytes > 0),
        "a map of nothing");
}

// `files` by number; what was kept of each is what it was.
inline void CheckBundles(const std::map<std::int64_t, PgBackRestFile>& files) {
  catalog::BundledFiles bundled;
  for (const auto& [number, file] : files) bundled.Add(file);
  bundled.Sort();
  std::size_t found = 0;
  for (std::size_t i = 0; i < bundled.size(); ++i) {
    std::int64_t offset = 0;
    for (const PgBackRestFile& file : bundled.Get(i)) {
      const auto original = files.find(file.number);
      Check(original != files.end() && file.offset >= offset, "bundles out of order");
      offset = file.offset;
      const PgBackRestFile& expected = original->second;
      Check(file.reference == expected.reference && file.bundle == expected.bundle &&
                file.offset == expected.offset && file.size == expected.size &&
                file.repo_bytes == expected.repo_bytes && file.map_bytes == expected.map_bytes &&
                file.repo_checksum == expected.repo_checksum &&
                (file.repo_checksum || file.checksum == expected.checksum),
            "a file that is not what it was");
      ++found;
    }
  }
  Check(found == files.size(), "files that got lost");
}

inline std::string TellManifest(Reader& reader) {
  verify::PgBackRestManifestReader manifest(reader);
  std::map<std::int64_t, PgBackRestFile> bundled;
  std::int64_t count = 0;
  std::string told;
  while (true) {
    PgBackRestFile file;
    const auto more = manifest.Next(file);
    CheckFault(more);
    if (!more) return told + Told(more.error());
    if (!*more) break;
    Check(file.number == count++, "files that are not counted");
    CheckFile(file, manifest.manifest());
    told += base::Quote(file.name) + " " + verify::PgBackRestObject(file, ".x") + " " +
            std::to_string(file.reference) + " " + std::to_string(file.size) + ";";
    if (file.bundle > 0) bundled[file.number] = file;
  }
  const PgBackRestManifest& all = manifest.manifest();
  Check(all.files == count && !all.label.empty() && verify::PgBackRestEnding(all.compression),
        "a manifest that is none");
  for (const std::string& reference : all.references) Check(IsLabel(reference), "a bad label");
  CheckBundles(bundled);
  return told + all.label + " " + all.checksum;
}

// A line "SIZE UNITS CHECKSUM REFERENCES": size of the file, of its blocks in units of 8 KiB and of
// their checksums, and how many references there are; then the map.
inline void CheckBlockMap(std::string_view content) {
  const std::size_t line = content.find('\n');
  const auto words = base::Split(content.substr(0, line), ' ');
  if (line == content.npos || words.size() != 4) return;
  std::vector<std::int64_t> numbers;
  for (const std::string_view word : words) numbers.push_back(base::ParseInt(word).value_or(-1));
  constexpr std::int64_t kUnit = 8192;
  if (*std::min_element(numbers.begin(), numbers.end()) < 0 || numbers[1] > INT64_MAX / kUnit) {
    return;
  }
  PgBackRestFile file;
  file.size = numbers[0];
  file.block_bytes = numbers[1] * kUnit;
  file.block_checksum_bytes = numbers[2];
  const auto references = static_cast<std::size_t>(std::min<std::int64_t>(numbers[3], 100'000));
  const std::string_view map = content.substr(line + 1);
  const auto extents = verify::ReadBlockMap(map, file, references);
  CheckFault(extents);
  if (!extents) return;
  Check(!extents->empty() && !verify::ReadBlockMap(map.substr(0, map.size() - 1), file, references),
        "a map that is cut off");
  const verify::BlockExtent* before = nullptr;
  for (const verify::BlockExtent& extent : *extents) {
    Check(extent.reference >= 0 && static_cast<std::size_t>(extent.reference) < references &&
              extent.bundle >= 0 && extent.begin >= 0 && extent.begin < extent.end,
          "an impossible extent");
    const auto place = [](const auto& one) { return std::tie(one.reference, one.bundle); };
    Check(before == nullptr || place(*before) < place(extent) ||
              (place(*before) == place(extent) && before->end < extent.begin),
          "extents out of order");
    before = &extent;
  }
}

}  // namespace drwatch::fuzz::pgbackrest
