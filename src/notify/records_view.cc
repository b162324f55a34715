#include "notify/records_view.h"

#include <algorithm>

#include "base/digest.h"
#include "base/strings.h"

namespace drwatch::notify {

bool IsResolved(const Records& records, AlertId id) {
  const auto record = records.alerts.find(id);
  return record == records.alerts.end() || record->second.alert.resolved();
}

bool IsOver(const Records& records, const Delivery& delivery) {
  const auto over = [&](AlertId id) { return IsResolved(records, id); };
  return std::all_of(delivery.confirmed.begin(), delivery.confirmed.end(), over) &&
         std::all_of(delivery.maybe.begin(), delivery.maybe.end(), over) &&
         std::all_of(delivery.refused.begin(), delivery.refused.end(), over);
}

bool IsManaged(const Records& records, const Delivery& delivery) {
  const auto lists = [&](const std::string& group_id) {
    const auto group = records.groups.find(group_id);
    if (group == records.groups.end()) return false;
    const std::vector<std::string>& targets = group->second.targets;
    return std::find(targets.begin(), targets.end(), delivery.key.first) != targets.end();
  };
  if (delivery.alert == 0) return !delivery.fallback && lists(delivery.group_id);
  const auto record = records.alerts.find(delivery.alert);
  if (record == records.alerts.end()) return false;
  return std::any_of(record->second.groups.begin(), record->second.groups.end(), lists);
}

PageSeverity WorstSeverity(const Records& records, const Delivery& delivery) {
  PageSeverity worst = PageSeverity::kInfo;
  const auto consider = [&](AlertId id) {
    const auto record = records.alerts.find(id);
    if (record != records.alerts.end()) worst = std::max(worst, record->second.severity);
  };
  if (delivery.alert != 0) consider(delivery.alert);
  for (const IdSet* set : {&delivery.confirmed, &delivery.maybe}) {
    for (const AlertId id : *set) {
      if (worst == PageSeverity::kCritical) return worst;
      consider(id);
    }
  }
  return worst;
}

std::vector<std::string> TargetsOf(const Records& records, const std::string& receiver) {
  std::vector<std::string> ids;
  for (const auto& [id, target] : records.targets) {
    if (target.receiver == receiver && !target.retired) ids.push_back(id);
  }
  return ids;
}

std::vector<Target*> FallbackTargets(Records& records, const config::Config& config,
                                     const std::string& failed_target) {
  const std::string& name =
      config.fallback_receiver.empty() ? config.route.receiver : config.fallback_receiver;
  std::vector<Target*> found;
  Target* other = nullptr;
  for (auto& [id, target] : records.targets) {
    if (target.retired || id == failed_target) continue;
    if (target.receiver == name) found.push_back(&target);
    if (other == nullptr || (other->failures > 0 && target.failures == 0)) other = &target;
  }
  if (found.empty() && other != nullptr) found.push_back(other);
  return found;
}

std::string DedupKey(const config::Config& config, const std::string& identity) {
  const std::string scope = config.global.external_labels.ToString();
  return "drwatch1-" +
         base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, scope + "\n" + identity));
}

}  // namespace drwatch::notify
