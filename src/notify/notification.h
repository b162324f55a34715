// What a receiver is told: one alert (PagerDuty) or a group of alerts (Slack, webhook), as they are
// at the moment of sending.
//
// Values; built by the ledger, rendered by the receivers. Any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "template/library.h"

namespace drwatch::notify {

// Why a notification is sent.
// kAcknowledge: somebody looks after the alert; only for receivers that stop calling people then.
enum class Occasion { kTrigger, kUpdate, kRepeat, kResolve, kAcknowledge };
// "trigger", "update", "repeat", "resolve", "acknowledge".
std::string_view OccasionName(Occasion occasion);

// kMinimal is what is sent after a receiver refused the full form: nothing but what it needs.
enum class Form { kFull, kMinimal };

// The four words PagerDuty knows, ordered by how bad they are.
enum class PageSeverity { kInfo, kWarning, kError, kCritical };
// "info", "warning", "error", "critical".
std::string_view PageSeverityName(PageSeverity severity);

// Annotation of a resolved alert that did not simply recover: "rule removed".
inline constexpr std::string_view kResolveReason = "resolve_reason";

// Annotation of an alert that somebody looks after: Acknowledgement::ToString.
inline constexpr std::string_view kAcknowledgedBy = "acknowledged";

using SeverityMap = std::map<std::string, std::string>;
// What `word` (any case) means: by `map` (whose values are the four words), else by the built-in
// one: P1-P4, L1-L4, category 1-3, disaster, page, high, minor, none and the like. A word that
// nobody knows, and none at all, is critical: it is better to page once too often.
PageSeverity MapSeverity(std::string_view word, const SeverityMap& map);

struct Notification {
  Occasion occasion = Occasion::kTrigger;
  Form form = Form::kFull;
  std::string event_id;   // the same for every attempt to deliver it
  std::string dedup_key;  // of the incident, the same from its first trigger to its resolve
  std::string receiver;
  std::string group_key;
  model::Labels group_labels;
  std::string external_url;
  std::shared_ptr<const tmpl::Library> templates;  // of the configuration; may be null
  base::Timestamp sent_at{};                       // of this attempt, wall time
  std::string note;             // why the fallback receiver or that of an escalation gets this
  std::string acknowledge_url;  // where its reader can acknowledge, once; empty = nowhere
  PageSeverity severity = PageSeverity::kCritical;  // of the worst firing alert
  // With the external labels. Firing ones first (worst first, then oldest), then resolved ones.
  std::vector<model::Alert> alerts;

  bool resolved() const { return FiringCount() == 0; }
  std::size_t FiringCount() const;
  // Labels and annotations that all alerts share.
  model::Labels CommonLabels() const;
  model::Labels CommonAnnotations() const;
};

}  // namespace drwatch::notify
