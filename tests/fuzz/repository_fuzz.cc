// Any bytes as a file that a backup program keeps in its repository end in a fault or in something
// that holds together. The input is a kind, a newline, the content.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "catalog/artefact_names.h"
#include "catalog/barman_names.h"
#include "catalog/name_time.h"
#include "catalog/walg_names.h"
#include "fuzz.h"
#include "pgbackrest.h"
#include "pgbackrest_bundle.h"
#include "verify/barman_info.h"
#include "verify/walg_metadata.h"
#include "walked.h"

namespace drwatch::verify {
namespace {

using fuzz::ByteSource;
using fuzz::Check;
using fuzz::CheckFault;

void CheckSentinel(std::string_view content) {
  WalGBackup backup;
  CheckFault(ParseWalGJson(content, backup));
}

void CheckFiles(std::string_view content) {
  MemorySource whole(content);
  Reader reader(whole);
  const auto files = ReadWalGFiles(reader);
  CheckFault(files);
  ByteSource bytes(content);
  Reader slow(bytes);
  const auto again = ReadWalGFiles(slow);
  Check(files.has_value() == again.has_value(), "pieces make a difference");
  if (!files) return;
  Check(files->packed == again->packed && files->skipped == again->skipped &&
            files->tars == again->tars && files->other_sets == again->other_sets &&
            files->damaged == again->damaged,
        "pieces make a difference");
  if (files->packed.empty()) return;
  MemorySource source(content);
  Reader third(source);
  const auto name = FindWalGName(third, files->packed.front());
  Check(name && WalGNameHash(*name) == files->packed.front(), "a name that is not found again");
}

void CheckInfo(std::string_view content) {
  const auto info = ParseBarmanInfo(content);
  CheckFault(info);
  if (!info || info->status != BarmanStatus::kDone) return;
  Check(ParseWalFileName(info->begin_wal) && ParseWalFileName(info->end_wal),
        "a finished backup without WAL");
  Check(IsSegmentSize(info->segment_bytes) && info->size_bytes >= 0, "impossible sizes");
}

void CheckIndex(std::string_view content) {
  const auto lines = ParseXlogDb(content);
  CheckFault(lines);
  if (!lines) return;
  for (const XlogDbLine& line : *lines) {
    Check(line.size_bytes >= 0 && ParseWalFileName(line.name), "a line that is none");
  }
}

void CheckWalName(std::string_view text) {
  if (const auto lsn = ParseLsn(text)) {
    Check(ParseLsn(FormatLsn(*lsn)) == lsn, "a position that is another one");
  }
  const auto name = ParseWalFileName(text);
  if (!name) return;
  Check(name->kind == WalFileName::Kind::kHistory || name->timeline > 0, "a timeline of 0");
  for (std::int64_t size = 1 << 20; size <= 1 << 30; size *= 2) {
    const auto number = SegmentNumber(*name, size);
    if (!number) continue;
    const auto again = ParseWalFileName(SegmentName(name->timeline, *number, size));
    Check(again && again->timeline == name->timeline && SegmentNumber(*again, size) == number,
          "a segment that is another one");
  }
}

// A line each: a pattern, then names.
void CheckNames(std::string_view content) {
  const auto names = base::Split(content, '\n');
  const std::string pattern(names.front());
  for (const std::string_view name : names) {
    CheckWalName(name);
    const auto walg = catalog::ParseWalGName(name);
    Check(!walg || ParseWalFileName(walg->segment), "a backup that begins in no segment");
    Check(!walg || walg->parent_segment.empty() || ParseWalFileName(walg->parent_segment),
          "a parent that begins in no segment");
    Check(catalog::TarNumber(name).value_or(0) >= 0, "a negative number");
    (void)catalog::IsControlTar(name);
    (void)catalog::LookAtBarman(name);
    const auto meta = catalog::ParseBarmanMeta(name);
    Check(!meta || (!meta->id.empty() && meta->marks != 0), "a note of no backup");
    const auto cloud = catalog::ParseCloudTar(name);
    Check(!cloud || (!cloud->stem.empty() && cloud->number >= 0), "an impossible tar file");
    Check(catalog::NameInDataFolder(name).size() <= name.size() + 10, "a name that grew");
    constexpr base::Timestamp kFirst{std::chrono::hours(24 * 10957)};     // of the year 2000
    constexpr base::Timestamp kModified{std::chrono::hours(24 * 20000)};  // of 2024
    const auto time = catalog::ParseNameTime(name, kModified);
    Check(!time || (time->time > kFirst - std::chrono::hours(24) &&
                    time->time < kFirst + std::chrono::hours(24 * 36526)),
          "a time of another century");
    if (name.find('\0') != name.npos) continue;
    (void)catalog::MatchesPattern(pattern, std::string(name));
    (void)catalog::WillMatch(pattern, "", name);
  }
}

}  // namespace
}  // namespace drwatch::verify

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = drwatch::fuzz::Text(data, size);
  const std::size_t line = input.find('\n');
  if (line == input.npos) return 0;
  const std::string_view kind = input.substr(0, line);
  const std::string_view content = input.substr(line + 1);
  if (kind == "sentinel") drwatch::verify::CheckSentinel(content);
  if (kind == "files") drwatch::verify::CheckFiles(content);
  if (kind == "info") drwatch::verify::CheckInfo(content);
  if (kind == "index") drwatch::verify::CheckIndex(content);
  if (kind == "names") drwatch::verify::CheckNames(content);
  namespace pgbackrest = drwatch::fuzz::pgbackrest;
  if (kind == "ini") pgbackrest::CheckArrival(content, pgbackrest::TellIni);
  if (kind == "backups") pgbackrest::CheckArrival(content, pgbackrest::TellInfo);
  if (kind == "manifest") pgbackrest::CheckArrival(content, pgbackrest::TellManifest);
  if (kind == "map") pgbackrest::CheckBlockMap(content);
  if (kind == "bundle") pgbackrest::CheckBundle(content);
  return 0;
}
