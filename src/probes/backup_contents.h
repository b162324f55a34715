// What changed inside the newest backups beside those before them: tables that vanished from a
// dump, data that stopped compressing. Pure, no I/O: from what verification found inside each.
//
// Backups are compared within their series: those whose names differ in digits alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "probes/backup_judge.h"
#include "probes/backup_verdicts.h"
#include "probes/probe_report.h"

namespace drwatch::probes {

// Newest artefacts looked at, and series told apart among them.
inline constexpr std::size_t kContentsLookBack = 1000;
inline constexpr std::size_t kMaxSeries = 32;
// A dump is compared with all of its series that are less older than this, and with the one before
// it at least: with hourly dumps a table that vanished stays a warning for a day.
inline constexpr base::Duration kVanishedHold = std::chrono::hours(24);
// Data that was never packed to less than this part of its size is not judged.
inline constexpr double kMinSavedShare = 0.2;

// "shop-20260101.dump" -> "shop-#.dump".
std::string SeriesOf(const std::string& name);

// Tables of `before` (sorted) that are not in `now` (sorted), without those that a pattern of
// `ignore` matches. Nor those of a family (names that differ in digits alone) half of which is
// still there: old partitions are dropped as new ones are made.
std::vector<std::string> VanishedTables(const std::vector<std::string>& before,
                                        const std::vector<std::string>& now,
                                        const std::vector<std::string>& ignore);

struct ContentsReport {
  std::optional<std::int64_t> tables;                // with rows, in the newest dumps of all series
  std::optional<std::vector<std::string>> vanished;  // nullopt: nothing to compare with
  std::string vanished_from;  // the name of the dump that has lost the first one
  // Unpacked by packed size of the newest one that is packed, and of the median before it.
  std::optional<double> compression_ratio, usual_ratio;
  bool compression_lost = false;  // beyond what is configured, and beyond what is usual here
  std::string compression_of;     // the artefact's name
};
ContentsReport CompareContents(const config::BackupProbe& spec,
                               const std::vector<catalog::Artefact>& complete,
                               const BackupVerdicts& verdicts);

// The checks "tables" and "compression", as far as they are configured and can be told.
std::vector<BackupCheck> JudgeContents(const config::BackupProbe& spec,
                                       const ContentsReport& report);

void ReportContents(ProbeReport& report, const model::Labels& labels,
                    const ContentsReport& contents);

// The kind that the repository says, that is configured, or that the name tells.
std::string_view KindOf(const config::BackupProbe& spec, const catalog::Artefact& artefact);
// How many complete ones are kept of each kind. The views are of `spec`, `complete` or constants.
std::map<std::string_view, std::int64_t> CountByKind(
    const config::BackupProbe& spec, const std::vector<catalog::Artefact>& complete);

void ReportKinds(ProbeReport& report, const model::Labels& labels,
                 const std::map<std::string_view, std::int64_t>& counts);

}  // namespace drwatch::probes
