#include <chrono>

#include "base/strings.h"
#include "config/read_repository.h"

namespace drwatch::config {
namespace {

// "2026-12-31": the start of that day, UTC.
std::optional<base::Timestamp> ParseDay(const std::string& text) {
  const std::vector<std::string_view> parts = base::Split(text, '-');
  if (parts.size() != 3 || parts[0].size() != 4 || parts[1].size() != 2 || parts[2].size() != 2) {
    return std::nullopt;
  }
  const auto year = base::ParseInt(parts[0]);
  const auto month = base::ParseInt(parts[1]);
  const auto day = base::ParseInt(parts[2]);
  if (!year || !month || !day || *month < 1 || *day < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

void GetUntil(MapReader& reader, base::Timestamp& out) {
  std::string until;
  const Node* date = reader.Require("until");
  reader.Get("until", until);
  const auto day = ParseDay(until);
  if (day) out = *day;
  if (!day && date != nullptr && date->kind == NodeKind::kScalar) {
    reader.Error(*date, "\"until\" must be a day", "such as 2026-12-31: nothing is muted for ever");
  }
}

void GetSegment(MapReader& reader, std::string_view key, std::string& out) {
  reader.Get(key, out);
  const Node* node = reader.Take(key);
  if (node == nullptr || node->kind != NodeKind::kScalar) return;
  if (out.size() == 24 && out.find_first_not_of("0123456789ABCDEF") == std::string::npos) return;
  reader.Error(*node, base::Quote(key) + " must be the name of a WAL segment",
               "24 upper-case hexadecimal digits: \"000000010000000A000000FE\"");
}

WalArchiveProbe::AcknowledgedGap ReadGap(const Node& node, ReadContext& context) {
  WalArchiveProbe::AcknowledgedGap gap;
  MapReader reader(node, context.problems, "acknowledged gap");
  reader.Require("first");
  GetSegment(reader, "first", gap.first);
  gap.last = gap.first;
  GetSegment(reader, "last", gap.last);
  if (gap.last < gap.first || gap.last.substr(0, 8) != gap.first.substr(0, 8)) {
    reader.Error(node, "a gap lies on one timeline, and its \"last\" is not before its \"first\"");
  }
  GetUntil(reader, gap.until);
  reader.Finish();
  return gap;
}

WalArchiveProbe::AcknowledgedTimeline ReadTimeline(const Node& node, ReadContext& context) {
  WalArchiveProbe::AcknowledgedTimeline known;
  MapReader reader(node, context.problems, "acknowledged timeline");
  reader.Require("timeline");
  GetAtLeast(reader, "timeline", 1, known.timeline);
  GetUntil(reader, known.until);
  reader.Finish();
  return known;
}

}  // namespace

WalArchiveProbe ReadWalArchiveProbe(MapReader& reader, const std::string& name,
                                    ReadContext& context) {
  WalArchiveProbe probe;
  GetCopy(reader, name, context, probe);
  GetReference(reader, "primary", Reference::Kind::kPostgresProbe, context, probe.primary);
  for (const Node& node : GetItems(reader, "base_backups")) {
    probe.base_backups.push_back(node.scalar);
    context.references.push_back({Reference::Kind::kBackupProbe, node.scalar, node.position});
  }
  GetPositive(reader, "window", probe.window);
  GetPositive(reader, "retention", probe.retention);
  GetPositive(reader, "max_lag", probe.max_lag);
  GetAtLeast(reader, "in_flight_segments", 0, probe.in_flight_segments);
  for (const Node& node : GetItems(reader, "acknowledged_gaps")) {
    probe.acknowledged_gaps.push_back(ReadGap(node, context));
  }
  for (const Node& node : GetItems(reader, "acknowledged_timelines")) {
    probe.acknowledged_timelines.push_back(ReadTimeline(node, context));
  }
  reader.Get("verify", probe.verify);
  GetRate(reader, "read_rate", probe.read_rate_bytes);
  if (probe.primary.empty()) {
    context.problems.AddWarning(reader.position(),
                                "nothing says whether the newest segment is the newest there is",
                                "name the postgres probe of the server in \"primary\"");
  }
  return probe;
}

}  // namespace drwatch::config
