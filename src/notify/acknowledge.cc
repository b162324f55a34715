#include "notify/acknowledge.h"

#include <algorithm>

#include "notify/muting.h"
#include "notify/records_view.h"

namespace drwatch::notify {

base::Result<std::vector<AlertId>> SelectAlerts(const Records& records,
                                                const config::Config& config,
                                                const AckSelection& selection,
                                                base::Timestamp now) {
  const std::optional<AckLink>& link = selection.link;
  if (link && link->expires <= now) return base::Fail(std::string(kLinkExpired));
  if (link && records.used_links.contains(link->nonce)) {
    return base::Fail(std::string(kLinkUsed));
  }
  std::set<std::string> groups;
  for (const auto& [id, group] : records.groups) {
    const bool linked =
        link && link->kind == AckLink::Kind::kGroup && GroupScope(group.key) == link->scope;
    if (linked || (!selection.group_key.empty() && group.key == selection.group_key)) {
      groups.insert(id);
    }
  }
  std::vector<AlertId> found;
  for (const auto& [id, record] : records.alerts) {
    if (record.alert.resolved() || selection.empty()) continue;
    model::Alert shown;
    shown.labels = PublicLabels(config, record.alert.labels);
    const std::string fingerprint = shown.FingerprintHex();
    const bool grouped =
        std::any_of(record.groups.begin(), record.groups.end(),
                    [&](const std::string& group) { return groups.contains(group); });
    if (!selection.group_key.empty() && !grouped) continue;
    if (!selection.fingerprint.empty() && selection.fingerprint != fingerprint) continue;
    const bool matches = std::all_of(selection.matchers.begin(), selection.matchers.end(),
                                     [&](const model::Matcher& matcher) {
                                       return matcher.Matches(shown.labels.Get(matcher.name()));
                                     });
    if (!matches) continue;
    if (link && record.alert.fired_at > link->issued) continue;
    if (link && (link->kind == AckLink::Kind::kGroup ? !grouped : link->scope != fingerprint)) {
      continue;
    }
    found.push_back(id);
  }
  if (found.empty()) return base::Fail(std::string(kNothingFires));
  return found;
}

}  // namespace drwatch::notify
