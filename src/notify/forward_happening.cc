#include "notify/forward_happening.h"

#include <algorithm>
#include <utility>

namespace drwatch::notify {
namespace {

Happening Told(const ForwardAttempt& attempt, Occasion occasion,
               const std::vector<const ForwardItem*>& items) {
  Happening happening;
  happening.time = attempt.time;
  happening.kind = Happening::Kind::kAttempted;
  AttemptRecord record;
  record.time = attempt.time;
  record.receiver = attempt.url;
  record.integration = kForwardIntegration;
  record.occasion = occasion;
  record.outcome = "delivered";
  record.duration = attempt.duration;
  record.attempt = 1;
  record.summary = std::to_string(items.size()) + (items.size() == 1 ? " alert" : " alerts");
  if (items.size() == 1) {
    const std::string_view name = items.front()->alert.labels.Get("alertname");
    if (!name.empty()) record.summary = name;
  }
  for (const ForwardItem* item : items) {
    happening.waited = std::max(happening.waited, attempt.time - item->owed_since);
    if (happening.fingerprints.size() == Happening::kMaxFingerprints) continue;
    happening.fingerprints.push_back(item->alert.FingerprintHex());
  }
  happening.attempt = std::move(record);
  return happening;
}

Occasion OccasionOf(const ForwardItem& item) {
  return item.alert.resolved() ? Occasion::kResolve : Occasion::kTrigger;
}

}  // namespace

std::vector<Happening> ForwardHappenings(const ForwardAttempt& attempt,
                                         const std::vector<ForwardItem>& items,
                                         const Verdict& verdict, ForwardNews news) {
  const bool delivered = verdict.kind == Verdict::Kind::kDelivered;
  std::vector<Happening> happenings;
  if (!delivered && news == ForwardNews::kNone) return happenings;
  for (const Occasion occasion : {Occasion::kTrigger, Occasion::kResolve}) {
    std::vector<const ForwardItem*> told;
    for (const ForwardItem& item : items) {
      if ((item.change || !delivered) && OccasionOf(item) == occasion) told.push_back(&item);
    }
    if (told.empty()) continue;
    happenings.push_back(Told(attempt, occasion, told));
    if (delivered) continue;
    AttemptRecord& record = *happenings.back().attempt;
    record.outcome = verdict.kind == Verdict::Kind::kRejected ? "rejected" : "retry";
    record.detail = verdict.reason + ": " + verdict.detail;
  }
  return happenings;
}

}  // namespace drwatch::notify
