#include "exporter/audit_events.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/duration.h"
#include "base/strings.h"
#include "exporter/version.h"
#include "web/json.h"

namespace drwatch::exporter {
namespace {

using Json = nlohmann::ordered_json;
using notify::Happening;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

recovery::AuditEvent Event(std::string type, std::string description, base::Timestamp now) {
  recovery::AuditEvent event;
  event.type = std::move(type);
  event.description = std::move(description);
  event.initiated_by = kOwnActor;
  event.time = now;
  return event;
}

Json TimeOrNull(base::Timestamp time) {
  return time == base::Timestamp{} ? Json(nullptr) : Json(base::FormatRfc3339(time));
}

// An object written piece by piece: of alerts and attempts there may be thousands at once, and a
// tree costs several times as much.
class Fields {
 public:
  // Where its value is to be appended.
  std::string& Key(std::string_view key) {
    out_ += out_.size() > 1 ? ",\"" : "\"";
    out_ += key;
    out_ += "\":";
    return out_;
  }
  void Text(std::string_view key, std::string_view text) { web::AppendJsonString(Key(key), text); }
  void Time(std::string_view key, base::Timestamp time) {
    if (time == base::Timestamp{}) {
      Key(key) += "null";
    } else {
      Text(key, base::FormatRfc3339(time));
    }
  }
  std::string Take() { return std::move(out_) + "}"; }

 private:
  std::string out_ = "{";
};

// Of what counts, without secrets: the same configuration has the same digest.
Json ConfigJson(const config::Config& config) {
  return {{"config_file", config.file},
          {"config_sha256", base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256,
                                                          config::DescribeConfig(config)))},
          {"probes", config.probes.size()},
          {"receivers", config.receivers.size()},
          {"version", Version()},
          {"revision", Revision()}};
}

std::string_view TypeOf(Happening::Kind kind) {
  switch (kind) {
    case Happening::Kind::kAlertFiring:
      return "ALERT_FIRING";
    case Happening::Kind::kAlertResolved:
      return "ALERT_RESOLVED";
    case Happening::Kind::kAttempted:
      return "NOTIFICATION";
    case Happening::Kind::kSilenceSet:
      return "SILENCE_SET";
    case Happening::Kind::kSilenceExpired:
      return "SILENCE_EXPIRED";
    case Happening::Kind::kAcknowledged:
      return "ACKNOWLEDGED";
    case Happening::Kind::kAcknowledgementWithdrawn:
      return "ACKNOWLEDGEMENT_WITHDRAWN";
    case Happening::Kind::kAcknowledgementExpired:
      return "ACKNOWLEDGEMENT_EXPIRED";
    case Happening::Kind::kStepTaken:
      return "ESCALATION_STEP";
    case Happening::Kind::kDeadlineMissed:
      return "NOTIFICATION_DEADLINE_MISSED";
  }
  return "NOTIFICATION";
}

void AddAlert(recovery::AuditEvent& event, const Happening& happening) {
  const model::Alert& alert = *happening.alert;
  const std::string_view summary = alert.annotations.Get("summary");
  event.description = std::string(alert.labels.Get("alertname")) +
                      (alert.resolved() ? " resolved" : " fires") +
                      (summary.empty() ? " " + alert.labels.Without("alertname").ToString()
                                       : ": " + std::string(summary));
  if (alert.resolved()) event.duration = alert.resolved_at - alert.fired_at;
  Fields fields;
  fields.Text("fingerprint", alert.FingerprintHex());
  web::AppendLabels(fields.Key("labels"), alert.labels);
  fields.Time("active_at", alert.active_at);
  fields.Time("fired_at", alert.fired_at);
  fields.Time("resolved_at", alert.resolved_at);
  if (!std::isnan(alert.value)) fields.Text("value", base::FormatDouble(alert.value));
  event.metrics = fields.Take();
}

void AddAttempt(recovery::AuditEvent& event, const Happening& happening) {
  const notify::AttemptRecord& attempt = *happening.attempt;
  event.description = std::string(notify::OccasionName(attempt.occasion)) + " to " +
                      attempt.receiver + " (" + attempt.integration + "): " + attempt.outcome +
                      ", " + attempt.summary;
  event.duration = attempt.duration;
  event.success = attempt.outcome == "delivered";
  event.notes = attempt.detail;
  Fields fields;
  fields.Text("receiver", attempt.receiver);
  fields.Text("integration", attempt.integration);
  fields.Text("occasion", notify::OccasionName(attempt.occasion));
  fields.Text("outcome", attempt.outcome);
  fields.Key("attempt") += std::to_string(attempt.attempt);
  fields.Text("group_key", attempt.group_key);
  fields.Key("waited_seconds") += Dump(base::ToSeconds(happening.waited));
  fields.Key("alerts") += Dump(happening.fingerprints);
  event.metrics = fields.Take();
}

void AddSilence(recovery::AuditEvent& event, const Happening& happening) {
  const notify::Silence& silence = *happening.silence;
  Json matchers = Json::array();
  std::vector<std::string> texts;
  for (const model::Matcher& matcher : silence.matchers) {
    texts.push_back(matcher.ToString());
    matchers.push_back(texts.back());
  }
  const bool set = happening.kind == Happening::Kind::kSilenceSet;
  event.initiated_by = silence.created_by;
  event.description = (set ? "silence for " : "silence ended early for ") + base::Join(texts, ", ");
  event.notes = silence.comment;
  event.duration = silence.ends_at - silence.starts_at;
  event.metrics = Dump({{"id", silence.id},
                        {"matchers", std::move(matchers)},
                        {"starts_at", base::FormatRfc3339(silence.starts_at)},
                        {"ends_at", base::FormatRfc3339(silence.ends_at)}});
}

double ValueOf(const std::vector<model::MetricFamily>& families, std::string_view name,
               const model::Labels& labels, double otherwise) {
  for (const model::MetricFamily& family : families) {
    if (family.name != name) continue;
    for (const model::MetricPoint& point : family.points) {
      if (point.labels == labels) return point.value;
    }
  }
  return otherwise;
}

constexpr std::string_view kObserved = "dr_rpo_observed_seconds_total";
constexpr std::string_view kViolated = "dr_rpo_violation_seconds_total";

}  // namespace

std::optional<recovery::AuditEvent> OpeningEvent(const std::optional<recovery::AuditRow>& last,
                                                 bool recovered, base::Timestamp now) {
  if (recovered) {
    auto event = Event("LOG_RESTARTED", "the audit log was damaged and begins anew", now);
    event.success = false;
    event.notes = "the damaged file lies beside it, named .corrupt-<time>";
    return event;
  }
  if (!last || last->event.type == "STOP") return std::nullopt;
  auto event = Event("UNCLEAN_START", "the last run came to no regular end", now);
  event.success = false;
  event.duration = std::max(now - last->event.time, base::Duration(0));
  event.metrics = Dump({{"last_row", base::FormatRfc3339(last->event.time)}});
  event.notes = "rows of its last moments may be missing";
  return event;
}

recovery::AuditEvent LostEvent(std::int64_t count, base::Timestamp now) {
  auto event = Event("ROWS_LOST", std::to_string(count) + " rows could not be written", now);
  event.success = false;
  event.metrics = Dump({{"rows", count}});
  return event;
}

recovery::AuditEvent StartEvent(const config::Config& config, base::Timestamp now) {
  auto event = Event("START", "drwatch " + std::string(Version()) + " started", now);
  event.metrics = Dump(ConfigJson(config));
  return event;
}

recovery::AuditEvent StopEvent(base::Duration ran, base::Timestamp now) {
  auto event = Event("STOP", "drwatch stopped", now);
  event.duration = ran;
  return event;
}

recovery::AuditEvent ReloadEvent(const config::Config& config, const std::string& who,
                                 const base::Status& status, base::Timestamp now) {
  auto event = Event(
      "RELOAD",
      status ? "configuration taken anew" : "new configuration refused, the old one stays", now);
  event.initiated_by = who;
  event.success = status.has_value();
  if (!status) event.notes = status.error().message;
  event.metrics = Dump(ConfigJson(config));
  return event;
}

recovery::AuditEvent EventOf(const Happening& happening) {
  auto event = Event(std::string(TypeOf(happening.kind)), happening.subject, happening.time);
  if (!happening.actor.empty()) event.initiated_by = happening.actor;
  event.notes = happening.detail;
  if (happening.kind == Happening::Kind::kDeadlineMissed) event.success = false;
  if (happening.alert) AddAlert(event, happening);
  if (happening.attempt) AddAttempt(event, happening);
  if (happening.silence) AddSilence(event, happening);
  return event;
}

recovery::AuditEvent DrillEvent(const recovery::Drill& drill, const config::Config& config,
                                base::Timestamp now) {
  auto event = Event(
      drill.ended ? "DRILL" : "DRILL_STARTED",
      "drill of " + drill.service + ", " + std::string(recovery::ScenarioName(drill.scenario)),
      now);
  if (!drill.by.empty()) event.initiated_by = drill.by;
  event.notes = drill.note;
  Json metrics = {{"drill", drill.id},
                  {"service", drill.service},
                  {"scenario", recovery::ScenarioName(drill.scenario)},
                  {"started", TimeOrNull(drill.started)}};
  for (const config::Service& service : config.services) {
    if (service.name == drill.service && service.rto) {
      metrics["rto_target_seconds"] = base::ToSeconds(*service.rto);
    }
  }
  if (drill.ended) {
    const bool passed = drill.result == recovery::DrillResult::kPass;
    event.duration = drill.Took();
    event.success = passed;
    event.description += (passed ? ": passed in " : ": failed after ") +
                         base::FormatDuration(drill.Took()) + ", ended " +
                         base::FormatRfc3339(*drill.ended);
    metrics["ended"] = TimeOrNull(*drill.ended);
    metrics["took_seconds"] = base::ToSeconds(drill.Took());
  } else {
    event.description += " started";
  }
  event.metrics = Dump(metrics);
  return event;
}

std::vector<recovery::AuditEvent> ProofWatch::Look(const model::ProbeResult& result,
                                                   base::Timestamp now) {
  std::vector<recovery::AuditEvent> events;
  if (result.copies.empty()) return events;
  const model::Labels labels = result.families.empty() || result.families.begin()->points.empty()
                                   ? model::Labels()
                                   : result.families.begin()->points.front().labels;
  const std::lock_guard lock(mutex_);
  std::map<std::pair<std::string, std::string>, base::Timestamp> kept;
  for (const model::StoredCopy& copy : result.copies) {
    if (copy.verified == base::Timestamp{}) continue;
    const std::pair key(result.probe, copy.name);
    const auto known = proven_.find(key);
    const base::Timestamp before = known == proven_.end() ? since_ : known->second;
    kept[key] = std::max(before, copy.verified);
    if (copy.verified <= before) continue;
    auto event = Event("BACKUP_VERIFIED",
                       copy.name + (copy.good ? " proven intact" : " is not good: " + copy.problem),
                       std::min(copy.verified, now));
    event.success = copy.good;
    event.notes = copy.problem;
    event.metrics = Dump({{"probe", result.probe},
                          {"service", result.service},
                          {"backup", labels.Get("backup")},
                          {"location", labels.Get("location")},
                          {"target", result.target},
                          {"artefact", copy.name},
                          {"point", TimeOrNull(copy.point)},
                          {"size_bytes", copy.size_bytes},
                          {"digest", copy.digest},
                          {"level", copy.level}});
    events.push_back(std::move(event));
  }
  // What is gone need not be remembered.
  std::erase_if(proven_, [&](const auto& entry) { return entry.first.first == result.probe; });
  proven_.merge(kept);
  return events;
}

std::optional<recovery::AuditEvent> RpoEvent(const std::vector<model::MetricFamily>& before,
                                             const std::vector<model::MetricFamily>& families,
                                             base::Timestamp from, base::Timestamp now) {
  Json services = Json::array();
  double violated_anywhere = 0;
  for (const model::MetricFamily& family : families) {
    if (family.name != kObserved) continue;
    for (const model::MetricPoint& point : family.points) {
      // A counter that is lower than before began anew in between.
      const auto since = [&](std::string_view name) {
        const double value = ValueOf(families, name, point.labels, 0);
        const double old = ValueOf(before, name, point.labels, 0);
        return old > value ? value : value - old;
      };
      const double observed = since(kObserved);
      if (observed <= 0) continue;
      const double violated = since(kViolated);
      violated_anywhere += violated;
      const double loss = ValueOf(families, "dr_rpo_achieved_seconds", point.labels, -1);
      services.push_back(
          {{"service", point.labels.Get("service")},
           {"scenario", point.labels.Get("scenario")},
           {"target_seconds", ValueOf(families, "dr_rpo_target_seconds",
                                      model::Labels{{"service", point.labels.Get("service")}}, 0)},
           {"observed_seconds", observed},
           {"violated_seconds", violated},
           {"loss_seconds", loss < 0 ? Json(nullptr) : Json(loss)}});
    }
  }
  if (services.empty()) return std::nullopt;
  auto event =
      Event("RPO_KEPT",
            "how the recovery point objectives were kept since " + base::FormatRfc3339(from), now);
  event.duration = now - from;
  event.success = violated_anywhere == 0;
  event.metrics = Dump({{"from", base::FormatRfc3339(from)}, {"services", std::move(services)}});
  return event;
}

}  // namespace drwatch::exporter
