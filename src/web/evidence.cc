#include "web/evidence.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "web/parameters.h"

namespace drwatch::web {
namespace {

using Json = nlohmann::ordered_json;
using recovery::AuditRow;

// A row with its metrics as an object, empty if they are none.
struct Entry {
  const AuditRow* row;
  Json metrics;
  const recovery::AuditEvent& event() const { return row->event; }
  bool Is(std::string_view type) const { return row->event.type == type; }
  std::string Text(const char* key) const {
    const auto found = metrics.find(key);
    return found != metrics.end() && found->is_string() ? found->get<std::string>() : "";
  }
  double Number(const char* key) const {
    const auto found = metrics.find(key);
    return found != metrics.end() && found->is_number() ? found->get<double>() : 0;
  }
  Json Cell(const char* key) const {
    const auto found = metrics.find(key);
    return found == metrics.end() || found->is_structured() ? Json(nullptr) : *found;
  }
};

std::vector<Entry> Entries(const std::vector<AuditRow>& rows) {
  std::vector<Entry> entries;
  entries.reserve(rows.size());
  for (const AuditRow& row : rows) {
    Json metrics = Json::parse(row.event.metrics, nullptr, false);
    if (!metrics.is_object()) metrics = Json::object();
    entries.push_back({&row, std::move(metrics)});
  }
  return entries;
}

std::optional<base::Timestamp> Time(const std::string& text) {
  const auto time = ParseRfc3339(text);
  return time ? std::optional(*time) : std::nullopt;
}

Json TimeCell(std::optional<base::Timestamp> time) {
  return time ? Json(base::FormatRfc3339(*time)) : Json(nullptr);
}

Json SecondsBetween(std::optional<base::Timestamp> from, std::optional<base::Timestamp> to) {
  return from && to ? Json(base::ToSeconds(*to - *from)) : Json(nullptr);
}

Json DurationCell(const std::optional<base::Duration>& duration) {
  return duration ? Json(base::ToSeconds(*duration)) : Json(nullptr);
}

Json SuccessCell(const std::optional<bool>& success) {
  return success ? Json(*success) : Json(nullptr);
}

struct Incident {
  Json labels = Json::object();
  std::optional<base::Timestamp> active, fired, resolved, told;
  std::set<std::string> receivers;
};

std::string LabelOf(const Json& labels, const char* name) {
  const auto found = labels.find(name);
  return found != labels.end() && found->is_string() ? found->get<std::string>() : "";
}

// One incident per alert and time of firing, in the order of their first row.
class Incidents {
 public:
  void Alert(const Entry& entry) {
    const std::string fingerprint = entry.Text("fingerprint");
    const std::string fired = entry.Text("fired_at");
    const auto [known, added] =
        numbers_.try_emplace(std::pair(fingerprint, fired), incidents_.size());
    if (added) incidents_.emplace_back();
    Incident& incident = incidents_[known->second];
    latest_[fingerprint] = known->second;
    const auto labels = entry.metrics.find("labels");
    if (labels != entry.metrics.end() && labels->is_object()) incident.labels = *labels;
    incident.active = Time(entry.Text("active_at"));
    incident.fired = Time(fired);
    if (entry.Is("ALERT_RESOLVED")) incident.resolved = Time(entry.Text("resolved_at"));
  }

  void Notification(const Entry& entry) {
    const std::string occasion = entry.Text("occasion");
    const auto alerts = entry.metrics.find("alerts");
    if (entry.event().success != true || occasion == "resolve" || occasion == "acknowledge" ||
        alerts == entry.metrics.end() || !alerts->is_array()) {
      return;
    }
    for (const Json& alert : *alerts) {
      const auto known = alert.is_string() ? latest_.find(alert.get<std::string>()) : latest_.end();
      if (known == latest_.end()) continue;
      Incident& incident = incidents_[known->second];
      if (incident.resolved) continue;
      if (!incident.told) incident.told = entry.event().time;
      incident.receivers.insert(entry.Text("receiver"));
    }
  }

  const std::vector<Incident>& all() const { return incidents_; }

 private:
  std::map<std::pair<std::string, std::string>, std::size_t> numbers_;
  std::map<std::string, std::size_t> latest_;
  std::vector<Incident> incidents_;
};

std::string Joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string OtherLabels(const Json& labels) {
  std::string text;
  for (const auto& [name, value] : labels.items()) {
    if (name == "alertname" || name == "service" || name == "severity" || !value.is_string()) {
      continue;
    }
    text += (text.empty() ? "" : ", ") + name + "=" + value.get<std::string>();
  }
  return text;
}

EvidenceSection IncidentSection(const std::vector<Entry>& entries) {
  EvidenceSection section{
      "incidents",
      "Incidents",
      "Detect: from the first time the condition held to the alert. Notify: from the alert to the "
      "first receiver that accepted it. Resolve: from the alert to its end.",
      {"alert", "service", "severity", "labels", "began", "fired", "told", "resolved",
       "detect_seconds", "notify_seconds", "resolve_seconds", "receivers"},
      {}};
  Incidents incidents;
  for (const Entry& entry : entries) {
    if (entry.Is("ALERT_FIRING") || entry.Is("ALERT_RESOLVED")) incidents.Alert(entry);
    if (entry.Is("NOTIFICATION")) incidents.Notification(entry);
  }
  for (const Incident& incident : incidents.all()) {
    if (LabelOf(incident.labels, "alertname") == "Watchdog") continue;
    section.rows.push_back(
        {LabelOf(incident.labels, "alertname"), LabelOf(incident.labels, "service"),
         LabelOf(incident.labels, "severity"), OtherLabels(incident.labels),
         TimeCell(incident.active), TimeCell(incident.fired), TimeCell(incident.told),
         TimeCell(incident.resolved), SecondsBetween(incident.active, incident.fired),
         SecondsBetween(incident.fired, incident.told),
         SecondsBetween(incident.fired, incident.resolved), Joined(incident.receivers)});
  }
  return section;
}

EvidenceSection BackupSection(const std::vector<Entry>& entries) {
  EvidenceSection section{"backups",
                          "Backups proven",
                          "Each copy that was read and proven intact, or found broken. The levels "
                          "are those of backup_verification_level.",
                          {"verified", "service", "backup", "location", "artefact", "point",
                           "size_bytes", "level", "intact", "digest", "problem"},
                          {}};
  for (const Entry& entry : entries) {
    if (!entry.Is("BACKUP_VERIFIED")) continue;
    section.rows.push_back({TimeCell(entry.event().time), entry.Cell("service"),
                            entry.Cell("backup"), entry.Cell("location"), entry.Cell("artefact"),
                            entry.Cell("point"), entry.Cell("size_bytes"), entry.Cell("level"),
                            SuccessCell(entry.event().success), entry.Cell("digest"),
                            entry.event().notes});
  }
  return section;
}

EvidenceSection RpoSection(const std::vector<Entry>& entries) {
  EvidenceSection section{"rpo",
                          "Recovery point objectives",
                          "Kept: the share of the watched time in which no more than the target "
                          "would have been lost.",
                          {"service", "scenario", "target_seconds", "observed_seconds",
                           "violated_seconds", "kept_ratio", "worst_loss_seconds"},
                          {}};
  struct Sum {
    double target = 0, observed = 0, violated = 0;
    std::optional<double> worst;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;
  for (const Entry& entry : entries) {
    const auto services = entry.metrics.find("services");
    if (!entry.Is("RPO_KEPT") || services == entry.metrics.end()) continue;
    for (const Json& each : *services) {
      if (!each.is_object()) continue;
      const Entry part{entry.row, each};
      Sum& sum = sums[{part.Text("service"), part.Text("scenario")}];
      sum.target = part.Number("target_seconds");
      sum.observed += part.Number("observed_seconds");
      sum.violated += part.Number("violated_seconds");
      const Json loss = part.Cell("loss_seconds");
      if (loss.is_number()) sum.worst = std::max(sum.worst.value_or(0), loss.get<double>());
    }
  }
  for (const auto& [key, sum] : sums) {
    section.rows.push_back(
        {key.first, key.second, sum.target, sum.observed, sum.violated,
         sum.observed > 0 ? Json(1 - sum.violated / sum.observed) : Json(nullptr),
         sum.worst ? Json(*sum.worst) : Json(nullptr)});
  }
  return section;
}

EvidenceSection NotificationSection(const std::vector<Entry>& entries) {
  EvidenceSection section{"notifications",
                          "Notifications",
                          "The delay is from the alert's change to the receiver's acceptance, "
                          "waits of the route included.",
                          {"receiver", "integration", "attempts", "delivered", "failed",
                           "median_delay_seconds", "longest_delay_seconds", "last_failure"},
                          {}};
  struct Sum {
    std::int64_t attempts = 0, delivered = 0;
    std::vector<double> delays;
    std::string last_failure;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;
  for (const Entry& entry : entries) {
    if (!entry.Is("NOTIFICATION")) continue;
    Sum& sum = sums[{entry.Text("receiver"), entry.Text("integration")}];
    ++sum.attempts;
    if (entry.event().success == true) {
      ++sum.delivered;
      if (entry.Text("occasion") != "repeat") sum.delays.push_back(entry.Number("waited_seconds"));
    } else {
      sum.last_failure = entry.event().notes;
    }
  }
  for (auto& [key, sum] : sums) {
    std::sort(sum.delays.begin(), sum.delays.end());
    const bool any = !sum.delays.empty();
    section.rows.push_back({key.first, key.second, sum.attempts, sum.delivered,
                            sum.attempts - sum.delivered,
                            any ? Json(sum.delays[sum.delays.size() / 2]) : Json(nullptr),
                            any ? Json(sum.delays.back()) : Json(nullptr), sum.last_failure});
  }
  return section;
}

EvidenceSection ListSection(const std::vector<Entry>& entries, std::string key, std::string title,
                            std::string note, const std::set<std::string, std::less<>>& types) {
  EvidenceSection section{
      std::move(key),
      std::move(title),
      std::move(note),
      {"time", "type", "initiated_by", "description", "duration_seconds", "success", "notes"},
      {}};
  for (const Entry& entry : entries) {
    if (!types.contains(entry.event().type)) continue;
    const recovery::AuditEvent& event = entry.event();
    section.rows.push_back({TimeCell(event.time), event.type, event.initiated_by, event.description,
                            DurationCell(event.duration), SuccessCell(event.success), event.notes});
  }
  return section;
}

// What has no section of its own: drills, failovers, whatever is to come.
EvidenceSection OtherSection(const std::vector<Entry>& entries) {
  static const std::set<std::string, std::less<>> kKnown = {"ALERT_FIRING",
                                                            "ALERT_RESOLVED",
                                                            "NOTIFICATION",
                                                            "BACKUP_VERIFIED",
                                                            "RPO_KEPT",
                                                            "SILENCE_SET",
                                                            "SILENCE_EXPIRED",
                                                            "ACKNOWLEDGED",
                                                            "ACKNOWLEDGEMENT_WITHDRAWN",
                                                            "ACKNOWLEDGEMENT_EXPIRED",
                                                            "ESCALATION_STEP",
                                                            "NOTIFICATION_DEADLINE_MISSED",
                                                            "START",
                                                            "STOP",
                                                            "UNCLEAN_START",
                                                            "RELOAD",
                                                            "ROWS_LOST",
                                                            "LOG_RESTARTED"};
  std::set<std::string, std::less<>> others;
  for (const Entry& entry : entries) {
    if (!kKnown.contains(entry.event().type)) others.insert(entry.event().type);
  }
  return ListSection(entries, "drills", "Drills and other events", "", others);
}

}  // namespace

Evidence MakeEvidence(const std::vector<AuditRow>& rows, base::Timestamp from, base::Timestamp to) {
  Evidence evidence;
  evidence.from = from;
  evidence.to = to;
  const std::vector<Entry> entries = Entries(rows);
  evidence.sections.push_back(IncidentSection(entries));
  evidence.sections.push_back(BackupSection(entries));
  evidence.sections.push_back(RpoSection(entries));
  evidence.sections.push_back(NotificationSection(entries));
  evidence.sections.push_back(OtherSection(entries));
  evidence.sections.push_back(
      ListSection(entries, "acknowledgements", "Acknowledgements and escalation", "",
                  {"ACKNOWLEDGED", "ACKNOWLEDGEMENT_WITHDRAWN", "ACKNOWLEDGEMENT_EXPIRED",
                   "ESCALATION_STEP", "NOTIFICATION_DEADLINE_MISSED"}));
  evidence.sections.push_back(ListSection(entries, "silences", "Silences",
                                          "A silence that was not ended early ends at its time.",
                                          {"SILENCE_SET", "SILENCE_EXPIRED"}));
  evidence.sections.push_back(
      ListSection(entries, "operation", "Starts, stops and changes of the configuration", "",
                  {"START", "STOP", "UNCLEAN_START", "RELOAD", "ROWS_LOST", "LOG_RESTARTED"}));
  return evidence;
}

}  // namespace drwatch::web
