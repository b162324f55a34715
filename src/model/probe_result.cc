#include "model/probe_result.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace drwatch::model {
namespace {

constexpr std::array<std::string_view, 34> kReasonNames = {"none",
                                                           "dns",
                                                           "connection_refused",
                                                           "connection_reset",
                                                           "timeout",
                                                           "tls",
                                                           "certificate_expired",
                                                           "certificate_expiring",
                                                           "auth",
                                                           "permission",
                                                           "starting_up",
                                                           "too_many_connections",
                                                           "protocol",
                                                           "unexpected_status",
                                                           "unexpected_body",
                                                           "response_too_large",
                                                           "wrong_role",
                                                           "wrong_setting",
                                                           "replica_missing",
                                                           "replication_broken",
                                                           "persistence_failing",
                                                           "not_found",
                                                           "stale",
                                                           "too_small",
                                                           "unusual_size",
                                                           "incomplete",
                                                           "corrupt",
                                                           "wrong_format",
                                                           "unverified",
                                                           "overdue",
                                                           "storage",
                                                           "limit",
                                                           "config",
                                                           "internal"};
static_assert(static_cast<std::size_t>(Reason::kInternal) + 1 == kReasonNames.size());

}  // namespace

std::string_view ReasonName(Reason reason) {
  return kReasonNames.at(static_cast<std::size_t>(reason));
}

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kUnknown:
      return "unknown";
    case Severity::kWarning:
      return "warning";
    case Severity::kCritical:
      return "critical";
  }
  std::abort();
}

Severity ProbeResult::severity() const {
  Severity worst = Severity::kOk;
  for (const CheckOutcome& check : checks) worst = std::max(worst, check.severity);
  return worst;
}

CheckOutcome ProbeResult::Headline() const {
  const Severity worst = severity();
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const CheckOutcome& check) {
    return check.severity == worst;
  });
  return found == checks.end() ? CheckOutcome{} : *found;
}

}  // namespace drwatch::model
