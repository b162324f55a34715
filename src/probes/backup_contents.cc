#include "probes/backup_contents.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/strings.h"
#include "probes/backup_history.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

// Names shown of tables that vanished; the rest is counted.
constexpr std::size_t kShownTables = 5;
constexpr std::size_t kShownNameBytes = 80;

// One artefact that was read to its end, and what was inside.
struct Known {
  const catalog::Artefact* artefact = nullptr;
  BackupVerdict verdict;
};
using Series = std::vector<Known>;  // newest first

// In the order of their newest ones.
std::vector<Series> FindSeries(const std::vector<catalog::Artefact>& complete,
                               const BackupVerdicts& verdicts) {
  std::vector<Series> all;
  std::map<std::string, std::size_t> places;
  const std::size_t count = std::min(complete.size(), kContentsLookBack);
  for (auto at = complete.rbegin(); at != complete.rbegin() + static_cast<std::ptrdiff_t>(count);
       ++at) {
    auto verdict = verdicts.Find(*at);
    if (!verdict || verdict->outcome != verify::Outcome::kIntact) continue;
    const auto [place, fresh] = places.try_emplace(SeriesOf(at->name), all.size());
    if (fresh) {
      if (all.size() == kMaxSeries) break;
      all.emplace_back();
    }
    all[place->second].push_back({&*at, *std::move(verdict)});
  }
  return all;
}

// Of the newest one that lists tables beside those before it. nullopt: there is none to compare.
std::optional<std::vector<std::string>> VanishedFrom(const Series& series,
                                                     const config::BackupProbe& spec) {
  const Known* newest = nullptr;
  std::vector<std::string> before;
  bool compared = false;
  for (const Known& known : series) {
    if (!known.verdict.tables) continue;
    if (newest == nullptr) {
      newest = &known;
      continue;
    }
    if (compared && newest->artefact->time - known.artefact->time > kVanishedHold) break;
    compared = true;
    std::vector<std::string> both;
    std::set_union(before.begin(), before.end(), known.verdict.tables->begin(),
                   known.verdict.tables->end(), std::back_inserter(both));
    before = std::move(both);
  }
  if (!compared) return std::nullopt;
  return VanishedTables(before, *newest->verdict.tables, spec.ignore_tables);
}

void CompareTables(const std::vector<Series>& all, const config::BackupProbe& spec,
                   ContentsReport& report) {
  for (const Series& series : all) {
    const auto listed = std::find_if(series.begin(), series.end(), [](const Known& known) {
      return known.verdict.tables != nullptr;
    });
    if (listed == series.end()) continue;
    report.tables =
        report.tables.value_or(0) + static_cast<std::int64_t>(listed->verdict.tables->size());
    auto vanished = VanishedFrom(series, spec);
    if (!vanished) continue;
    if (!report.vanished) report.vanished.emplace();
    if (report.vanished->empty() && !vanished->empty()) {
      report.vanished_from = listed->artefact->name;
    }
    report.vanished->insert(report.vanished->end(), vanished->begin(), vanished->end());
  }
}

bool IsPacked(const BackupVerdict& verdict) {
  return verdict.packed_bytes > 0 && verdict.unpacked_bytes > 0;
}

// The part of its size that packing saves: 0.8 for a ratio of 5, 0 for one of 1 and below.
double SavedShare(const BackupVerdict& verdict) {
  return std::max(0.0, 1 - static_cast<double>(verdict.packed_bytes) /
                               static_cast<double>(verdict.unpacked_bytes));
}

void CompareCompression(const std::vector<Series>& all, const config::BackupProbe& spec,
                        ContentsReport& report) {
  const auto packed = [](const Known& known) { return IsPacked(known.verdict); };
  const auto series = std::find_if(all.begin(), all.end(), [&](const Series& one) {
    return std::any_of(one.begin(), one.end(), packed);
  });
  if (series == all.end()) return;
  const auto newest = std::find_if(series->begin(), series->end(), packed);
  const BackupVerdict& verdict = newest->verdict;
  report.compression_of = newest->artefact->name;
  report.compression_ratio =
      static_cast<double>(verdict.unpacked_bytes) / static_cast<double>(verdict.packed_bytes);
  std::vector<double> saved;
  for (auto at = newest + 1; at != series->end() && saved.size() < kSizeSample; ++at) {
    if (packed(*at)) saved.push_back(SavedShare(at->verdict));
  }
  if (saved.size() < kMinSizeSample) return;
  const double usual = Median(saved);
  report.usual_ratio = 1 / std::max(1 - usual, 1e-6);
  const double lost = usual - SavedShare(verdict);
  const double lost_bytes = lost * static_cast<double>(verdict.unpacked_bytes);
  report.compression_lost = spec.compression_drop_ratio > 0 && usual >= kMinSavedShare &&
                            lost > spec.compression_drop_ratio * usual &&
                            lost > UsualSpread(saved) &&
                            lost_bytes > static_cast<double>(spec.size_deviation_floor_bytes);
}

std::string TableNames(const std::vector<std::string>& tables) {
  std::string text;
  for (std::size_t i = 0; i < tables.size() && i < kShownTables; ++i) {
    text += (i == 0 ? "" : ", ") + base::Quote(base::Truncate(tables[i], kShownNameBytes));
  }
  if (tables.size() <= kShownTables) return text;
  return text + " and " + std::to_string(tables.size() - kShownTables) + " more";
}

BackupCheck JudgeTables(const config::BackupProbe& spec, const ContentsReport& report) {
  const std::vector<std::string>& vanished = *report.vanished;
  if (vanished.size() <= static_cast<std::size_t>(spec.max_vanished_tables)) {
    return {"tables",
            true,
            Severity::kOk,
            Reason::kNone,
            std::to_string(report.tables.value_or(0)) + " tables, none vanished unexpectedly",
            {}};
  }
  return {"tables",
          false,
          Severity::kWarning,
          Reason::kIncomplete,
          std::to_string(vanished.size()) + " tables vanished, from " +
              base::Quote(report.vanished_from) + ": " + TableNames(vanished),
          "keep the backup before it; if they were dropped on purpose, name them in ignore_tables"};
}

std::string RatioText(double ratio) { return base::FormatDouble(std::round(ratio * 100) / 100); }

BackupCheck JudgeCompression(const ContentsReport& report) {
  const std::string text = "unpacks to " + RatioText(*report.compression_ratio) +
                           " times its size, usual is " + RatioText(*report.usual_ratio);
  if (!report.compression_lost) {
    return {"compression", true, Severity::kOk, Reason::kNone, text, {}};
  }
  return {"compression",
          false,
          Severity::kWarning,
          Reason::kUnusualSize,
          base::Quote(report.compression_of) + " " + text,
          "keep the older ones; look whether what it saves was encrypted by somebody"};
}

}  // namespace

std::string SeriesOf(const std::string& name) {
  std::string series;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) {
      series += c;
    } else if (!series.ends_with('#')) {
      series += '#';
    }
  }
  return series;
}

std::vector<std::string> VanishedTables(const std::vector<std::string>& before,
                                        const std::vector<std::string>& now,
                                        const std::vector<std::string>& ignore) {
  std::vector<std::string> gone;
  std::set_difference(before.begin(), before.end(), now.begin(), now.end(),
                      std::back_inserter(gone));
  std::erase_if(gone, [&ignore](const std::string& table) {
    return std::any_of(ignore.begin(), ignore.end(), [&table](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), table.c_str(), 0) == 0;
    });
  });
  if (gone.empty()) return gone;
  struct Family {
    std::size_t before = 0, now = 0;
  };
  std::map<std::string, Family> families;
  for (const std::string& table : before) ++families[SeriesOf(table)].before;
  for (const std::string& table : now) ++families[SeriesOf(table)].now;
  std::erase_if(gone, [&families](const std::string& table) {
    const Family& family = families[SeriesOf(table)];
    return family.before > 1 && family.now * 2 >= family.before;
  });
  return gone;
}

ContentsReport CompareContents(const config::BackupProbe& spec,
                               const std::vector<catalog::Artefact>& complete,
                               const BackupVerdicts& verdicts) {
  ContentsReport report;
  if (!spec.verify.enabled) return report;
  const std::vector<Series> all = FindSeries(complete, verdicts);
  CompareTables(all, spec, report);
  CompareCompression(all, spec, report);
  return report;
}

std::vector<BackupCheck> JudgeContents(const config::BackupProbe& spec,
                                       const ContentsReport& report) {
  std::vector<BackupCheck> checks;
  if (report.vanished) checks.push_back(JudgeTables(spec, report));
  if (report.usual_ratio && spec.compression_drop_ratio > 0) {
    checks.push_back(JudgeCompression(report));
  }
  return checks;
}

void ReportContents(ProbeReport& report, const model::Labels& labels,
                    const ContentsReport& contents) {
  if (contents.tables) {
    report.Gauge("backup_tables", "Tables with rows in the newest dump that was verified.", labels,
                 static_cast<double>(*contents.tables));
  }
  if (contents.vanished) {
    report.Gauge("backup_tables_vanished",
                 "Tables of the dumps before it that the newest one has lost.", labels,
                 static_cast<double>(contents.vanished->size()));
  }
  if (contents.compression_ratio) {
    report.Gauge("backup_compression_ratio",
                 "Unpacked by packed size of the newest backup that was verified.", labels,
                 *contents.compression_ratio);
  }
  if (contents.usual_ratio) {
    report.Gauge("backup_usual_compression_ratio", "The median of those before it.", labels,
                 *contents.usual_ratio);
  }
}

std::string_view KindOf(const config::BackupProbe& spec, const catalog::Artefact& artefact) {
  if (artefact.facts && !artefact.facts->kind.empty()) return artefact.facts->kind;
  if (!spec.kind.empty()) return spec.kind;
  struct Row {
    std::string_view part, kind;
  };
  constexpr std::array<Row, 6> kRows = {{{".dump", "dump"},
                                         {".sql", "dump"},
                                         {".rdb", "rdb"},
                                         {"appendonly", "aof"},
                                         {".aof", "aof"},
                                         {"base", "full"}}};
  for (const Row& row : kRows) {
    if (artefact.name.find(row.part) != std::string::npos) return row.kind;
  }
  return "files";
}

std::map<std::string_view, std::int64_t> CountByKind(
    const config::BackupProbe& spec, const std::vector<catalog::Artefact>& complete) {
  std::map<std::string_view, std::int64_t> counts;
  for (const catalog::Artefact& artefact : complete) ++counts[KindOf(spec, artefact)];
  return counts;
}

void ReportKinds(ProbeReport& report, const model::Labels& labels,
                 const std::map<std::string_view, std::int64_t>& counts) {
  for (const auto& [kind, count] : counts) {
    report.Gauge("backup_kept", "Complete artefacts of each kind.",
                 model::LabelsBuilder(labels).Set("kind", kind).Build(),
                 static_cast<double>(count));
  }
}

}  // namespace drwatch::probes
