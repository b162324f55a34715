#include "web/dr_api.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace drwatch::web {
namespace {

using Json = nlohmann::ordered_json;

Json TimeOrNull(base::Timestamp time) {
  return time == base::Timestamp{} ? Json(nullptr) : Json(base::FormatRfc3339(time));
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

double Age(base::Timestamp time, base::Timestamp now) {
  return std::max(0.0, base::ToSeconds(now - time));
}

Json CopyJson(const model::StoredCopy& copy, base::Timestamp now) {
  return {{"name", copy.name},
          {"kind", copy.kind},
          {"time", base::FormatRfc3339(copy.point)},
          {"age_seconds", Age(copy.point, now)},
          {"size_bytes", copy.size_bytes},
          {"good", copy.good},
          {"level", copy.level},
          {"verified", TimeOrNull(copy.verified)},
          {"digest", copy.digest},
          {"immutable_until", TimeOrNull(copy.immutable_until)},
          {"wal_archives", copy.wal_archives},
          {"problem", copy.problem}};
}

Json PlaceJson(const recovery::CopyPlace& place, base::Timestamp now) {
  Json json = {{"probe", place.probe},     {"location", place.location}, {"target", place.target},
               {"offsite", place.offsite}, {"region", place.region},     {"visible", place.visible},
               {"success", place.success}};
  const model::StoredCopy* good = place.LatestGood();
  json["latest_good"] = good == nullptr ? Json(nullptr) : CopyJson(*good, now);
  json["latest_good_detail"] = place.search;
  json["stored"] = Json::array();
  for (const model::StoredCopy& copy : place.copies) json["stored"].push_back(CopyJson(copy, now));
  return json;
}

// The newest good copy anywhere, and where it lies.
Json LatestGood(const recovery::BackupReport& report, base::Timestamp now) {
  const recovery::CopyPlace* best = nullptr;
  for (const recovery::CopyPlace& place : report.places) {
    const model::StoredCopy* good = place.LatestGood();
    if (good == nullptr) continue;
    if (best == nullptr || good->point > best->LatestGood()->point) best = &place;
  }
  if (best == nullptr) return nullptr;
  Json json = CopyJson(*best->LatestGood(), now);
  json["probe"] = best->probe;
  json["location"] = best->location;
  json["target"] = best->target;
  return json;
}

Json BackupJson(const recovery::BackupReport& report, base::Timestamp now) {
  Json json = {{"backup", report.backup},
               {"service", report.service},
               {"latest_good", LatestGood(report, now)},
               {"copies", report.copies},
               {"copies_target", OrNull(report.copies_target)},
               {"offsite_copies", report.offsite_copies},
               {"offsite_copies_target", OrNull(report.offsite_target)},
               {"immutable_copies", report.immutable_copies},
               {"immutable_copies_target", OrNull(report.immutable_target)},
               {"identical", OrNull(report.identical)},
               {"differing", report.differing},
               {"differences", Json::array()},
               {"places", Json::array()}};
  for (const auto& difference : report.differences) {
    json["differences"].push_back(
        {{"location", difference.location}, {"by", difference.by}, {"detail", difference.detail}});
  }
  for (const auto& place : report.places) json["places"].push_back(PlaceJson(place, now));
  return json;
}

Json StepJson(const recovery::RestoreStep& step) {
  Json json = {{"what", recovery::RestoreStepName(step.kind)},
               {"probe", step.probe},
               {"artefact", step.artefact},
               {"bytes", OrNull(step.bytes)},
               {"measured_bytes", nullptr},
               {"measured_seconds", nullptr},
               {"retrieval_seconds", base::ToSeconds(step.retrieval)},
               {"at_least_seconds", OrNull(step.AtLeastSeconds())}};
  if (step.reading) {
    json["measured_bytes"] = step.reading->bytes;
    json["measured_seconds"] = std::chrono::duration<double>(step.reading->took).count();
  }
  return json;
}

Json PathJson(const std::string& data, const recovery::RecoveryPath& path, base::Timestamp now) {
  Json json = {{"data", data},
               {"kind", recovery::PathKindName(path.kind)},
               {"probe", path.probe},
               {"target", path.target},
               {"artefact", path.artefact},
               {"proven", !path.presumed},
               {"point", base::FormatRfc3339(path.point)},
               {"loss_seconds", Age(path.point, now)},
               {"at_least_seconds", OrNull(recovery::AtLeastSeconds(path.steps))},
               {"steps", Json::array()}};
  for (const auto& step : path.steps) json["steps"].push_back(StepJson(step));
  return json;
}

Json ScenarioJson(const recovery::ScenarioReport& report, const recovery::ServiceReport& service,
                  base::Timestamp now) {
  const std::optional<double>& target = service.target_seconds;
  const std::optional<double> estimated = report.EstimatedSeconds();
  const recovery::RecoveryPath* const decisive = report.Decisive();
  Json json = {{"scenario", recovery::ScenarioName(report.scenario)},
               {"recoverable", decisive != nullptr},
               {"point", nullptr},
               {"loss_seconds", nullptr},
               {"within_target", nullptr},
               {"estimated_seconds", OrNull(estimated)},
               {"estimate_beyond_target", nullptr},
               {"measured_seconds", nullptr},
               {"measured_at", nullptr},
               {"measured_beyond_target", nullptr},
               {"not_recoverable", Json::array()},
               {"paths", Json::array()}};
  for (const auto& each : report.data) {
    if (each.paths.empty()) json["not_recoverable"].push_back(each.data);
    for (const auto& path : each.paths) json["paths"].push_back(PathJson(each.data, path, now));
  }
  if (target) json["within_target"] = false;
  if (estimated && service.rto_target_seconds) {
    json["estimate_beyond_target"] = *estimated > *service.rto_target_seconds;
  }
  if (report.measured) {
    const double measured = base::ToSeconds(report.measured->took);
    json["measured_seconds"] = measured;
    json["measured_at"] = base::FormatRfc3339(report.measured->ended);
    if (service.rto_target_seconds) {
      json["measured_beyond_target"] = measured > *service.rto_target_seconds;
    }
  }
  if (decisive == nullptr) return json;
  const double loss = Age(decisive->point, now);
  json["point"] = base::FormatRfc3339(decisive->point);
  json["loss_seconds"] = loss;
  if (target) json["within_target"] = loss <= *target;
  return json;
}

std::string Answer(std::string_view name, Json list, base::Timestamp now) {
  const Json answer = {
      {"status", "success"},
      {"data", {{"generated_at", base::FormatRfc3339(now)}, {name, std::move(list)}}}};
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string BackupsJson(const std::vector<recovery::BackupReport>& reports, base::Timestamp now) {
  Json list = Json::array();
  for (const auto& report : reports) list.push_back(BackupJson(report, now));
  return Answer("backups", std::move(list), now);
}

std::string RecoveryJson(const std::vector<recovery::ServiceReport>& reports, base::Timestamp now) {
  Json list = Json::array();
  for (const recovery::ServiceReport& report : reports) {
    Json& json = list.emplace_back(Json{{"service", report.service},
                                        {"rpo_target_seconds", OrNull(report.target_seconds)},
                                        {"rto_target_seconds", OrNull(report.rto_target_seconds)},
                                        {"scenarios", Json::array()}});
    for (const auto& scenario : report.scenarios) {
      json["scenarios"].push_back(ScenarioJson(scenario, report, now));
    }
  }
  return Answer("services", std::move(list), now);
}

}  // namespace drwatch::web
