// Reports from the audit log: incidents, proofs, how objectives were kept, who was told and when.
// What an auditor is given. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "recovery/audit_log.h"

namespace drwatch::web {

// One table of a report. A cell is null, text, a number or a boolean; times are RFC 3339.
struct EvidenceSection {
  std::string key;    // "incidents"
  std::string title;  // "Incidents"
  std::string note;   // what the table says, and how
  std::vector<std::string> columns;
  std::vector<std::vector<nlohmann::ordered_json>> rows;
};

struct Evidence {
  base::Timestamp from{}, to{}, generated{};
  recovery::AuditChain chain;
  bool cut = false;  // there were more rows than kMaxEvidenceRows
  std::vector<EvidenceSection> sections;
};
// Of a longer time only the first rows are reported.
inline constexpr std::int64_t kMaxEvidenceRows = 500'000;

// `rows` are those of the time, in order.
Evidence MakeEvidence(const std::vector<recovery::AuditRow>& rows, base::Timestamp from,
                      base::Timestamp to);

// {"from":...,"chain":{...},"incidents":[{...}],...}
std::string EvidenceJson(const Evidence& evidence);
std::string EvidenceMarkdown(const Evidence& evidence);
// One page that needs nothing else.
std::string EvidenceHtml(const Evidence& evidence);

// {"status":"success","data":{"rows":[...],"next_after":...}}: rows as they are stored. `more` says
// that the last one is followed by others.
enum class MoreRows { kNo, kYes };
std::string AuditRowsJson(const std::vector<recovery::AuditRow>& rows, MoreRows more);

}  // namespace drwatch::web
