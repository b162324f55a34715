#include "notify/notification.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace drwatch::notify {
namespace {

struct SeverityWord {
  std::string_view word;
  PageSeverity severity;
};

constexpr SeverityWord kWords[] = {
    {"critical", PageSeverity::kCritical},
    {"disaster", PageSeverity::kCritical},
    {"page", PageSeverity::kCritical},
    {"emergency", PageSeverity::kCritical},
    {"emerg", PageSeverity::kCritical},
    {"fatal", PageSeverity::kCritical},
    {"alert", PageSeverity::kCritical},
    {"crit", PageSeverity::kCritical},
    {"p1", PageSeverity::kCritical},
    {"l1", PageSeverity::kCritical},
    {"sev1", PageSeverity::kCritical},
    {"1", PageSeverity::kCritical},
    {"category 1", PageSeverity::kCritical},
    {"category1", PageSeverity::kCritical},
    {"error", PageSeverity::kError},
    {"high", PageSeverity::kError},
    {"major", PageSeverity::kError},
    {"p2", PageSeverity::kError},
    {"l2", PageSeverity::kError},
    {"sev2", PageSeverity::kError},
    {"2", PageSeverity::kError},
    {"category 2", PageSeverity::kError},
    {"category2", PageSeverity::kError},
    {"warning", PageSeverity::kWarning},
    {"warn", PageSeverity::kWarning},
    {"minor", PageSeverity::kWarning},
    {"medium", PageSeverity::kWarning},
    {"average", PageSeverity::kWarning},
    {"p3", PageSeverity::kWarning},
    {"l3", PageSeverity::kWarning},
    {"sev3", PageSeverity::kWarning},
    {"3", PageSeverity::kWarning},
    {"category 3", PageSeverity::kWarning},
    {"category3", PageSeverity::kWarning},
    {"info", PageSeverity::kInfo},
    {"informational", PageSeverity::kInfo},
    {"information", PageSeverity::kInfo},
    {"notice", PageSeverity::kInfo},
    {"low", PageSeverity::kInfo},
    {"debug", PageSeverity::kInfo},
    {"none", PageSeverity::kInfo},
    {"p4", PageSeverity::kInfo},
    {"l4", PageSeverity::kInfo},
    {"sev4", PageSeverity::kInfo},
    {"4", PageSeverity::kInfo},
};

PageSeverity BuiltInSeverity(std::string_view lower_case_word) {
  for (const SeverityWord& entry : kWords) {
    if (entry.word == lower_case_word) return entry.severity;
  }
  return PageSeverity::kCritical;
}

using LabelSet = model::Labels model::Alert::*;

model::Labels Common(const std::vector<model::Alert>& alerts, LabelSet member) {
  if (alerts.empty()) return {};
  model::LabelsBuilder common(alerts.front().*member);
  for (const model::LabelView label : alerts.front().*member) {
    const bool shared = std::all_of(
        alerts.begin() + 1, alerts.end(),
        [&](const model::Alert& alert) { return (alert.*member).Get(label.name) == label.value; });
    if (!shared) common.Remove(label.name);
  }
  return common.Build();
}

}  // namespace

std::string_view OccasionName(Occasion occasion) {
  switch (occasion) {
    case Occasion::kTrigger:
      return "trigger";
    case Occasion::kUpdate:
      return "update";
    case Occasion::kRepeat:
      return "repeat";
    case Occasion::kResolve:
      return "resolve";
    case Occasion::kAcknowledge:
      return "acknowledge";
  }
  return "trigger";
}

std::string_view PageSeverityName(PageSeverity severity) {
  switch (severity) {
    case PageSeverity::kInfo:
      return "info";
    case PageSeverity::kWarning:
      return "warning";
    case PageSeverity::kError:
      return "error";
    case PageSeverity::kCritical:
      return "critical";
  }
  return "critical";
}

PageSeverity MapSeverity(std::string_view word, const SeverityMap& map) {
  const std::string lower = base::Lower(base::Trim(word));
  for (const auto& [key, value] : map) {
    if (!lower.empty() && base::Lower(key) == lower) return BuiltInSeverity(base::Lower(value));
  }
  const bool known = std::any_of(std::begin(kWords), std::end(kWords),
                                 [&](const SeverityWord& entry) { return entry.word == lower; });
  if (!known) {
    if (const auto fallback = map.find("default"); fallback != map.end()) {
      return BuiltInSeverity(base::Lower(fallback->second));
    }
  }
  return BuiltInSeverity(lower);
}

std::size_t Notification::FiringCount() const {
  return static_cast<std::size_t>(std::count_if(
      alerts.begin(), alerts.end(), [](const model::Alert& alert) { return !alert.resolved(); }));
}

model::Labels Notification::CommonLabels() const { return Common(alerts, &model::Alert::labels); }

model::Labels Notification::CommonAnnotations() const {
  return Common(alerts, &model::Alert::annotations);
}

}  // namespace drwatch::notify
