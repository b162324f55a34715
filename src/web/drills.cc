#include "web/drills.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/strings.h"
#include "web/acknowledge.h"
#include "web/am_json.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

using Json = nlohmann::ordered_json;
using recovery::DrillRequest;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

net::ServerResponse Success(Json data) {
  return net::ServerResponse::Json(200, Dump({{"status", "success"}, {"data", std::move(data)}}));
}

net::ServerResponse Error(int status, std::string_view message) {
  return net::ServerResponse::Json(status,
                                   Dump({{"status", "error"},
                                         {"errorType", status == 500 ? "internal" : "bad_data"},
                                         {"error", message}}));
}

Json DrillJson(const recovery::Drill& drill) {
  Json json = {{"id", drill.id},
               {"service", drill.service},
               {"scenario", recovery::ScenarioName(drill.scenario)},
               {"started", JsonTime(drill.started)},
               {"ended", nullptr},
               {"took_seconds", nullptr},
               {"result", nullptr},
               {"by", drill.by},
               {"note", drill.note}};
  if (drill.ended) {
    json["ended"] = JsonTime(*drill.ended);
    json["took_seconds"] = base::ToSeconds(drill.Took());
    json["result"] = recovery::DrillResultName(drill.result);
  }
  return json;
}

using Texts = std::map<std::string, std::string, std::less<>>;

base::Result<Texts> ReadTexts(std::string_view body) {
  static constexpr std::array kKeys = {"action", "service", "scenario", "result",
                                       "took",   "at",      "by",       "note"};
  const base::Result<nlohmann::json> json = ParseObject(body);
  if (!json) return base::Fail(json.error());
  Texts texts;
  for (const auto& [key, value] : json->items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return base::Fail("unknown key " + base::Quote(base::Truncate(key, 100)));
    }
    if (!value.is_string()) return base::Fail(base::Quote(key) + " must be a string");
    texts[key] = value.get<std::string>();
  }
  return texts;
}

// What a drill of that kind has no use for.
base::Status RefuseExtra(const Texts& texts, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (!texts.at(key).empty()) {
      return base::Fail(base::Quote(key) + " is not for action " + base::Quote(texts.at("action")));
    }
  }
  return {};
}

base::Status ReadAction(Texts& texts, DrillRequest& request) {
  const std::string& action = texts["action"];
  if (action == "start") {
    request.action = DrillRequest::Action::kStart;
    return RefuseExtra(texts, {"result", "took", "at"});
  }
  if (action == "stop") {
    request.action = DrillRequest::Action::kStop;
    return RefuseExtra(texts, {"took", "at"});
  }
  if (action != "record") return base::Fail("\"action\" must be start, stop or record");
  request.action = DrillRequest::Action::kRecord;
  return {};
}

base::Status ReadOutcome(Texts& texts, DrillRequest& request) {
  const std::string& result = texts["result"];
  if (result == "pass") request.result = recovery::DrillResult::kPass;
  if (result == "fail") request.result = recovery::DrillResult::kFail;
  if (!result.empty() && !request.result) return base::Fail("\"result\" must be pass or fail");
  if (!texts["took"].empty()) {
    const base::Result<base::Duration> took = base::ParseDuration(texts["took"]);
    if (!took) return base::Fail("\"took\": " + took.error().message);
    request.took = *took;
  }
  if (!texts["at"].empty()) {
    const base::Result<base::Timestamp> at = ParseRfc3339(texts["at"]);
    if (!at) return base::Fail("\"at\": " + at.error().message);
    request.at = *at;
  }
  return {};
}

std::string ScenarioNames() {
  std::vector<std::string> names;
  names.reserve(recovery::kScenarios.size());
  for (const auto scenario : recovery::kScenarios) names.emplace_back(ScenarioName(scenario));
  return base::Join(names, ", ");
}

base::Status ReadSubject(Texts& texts, const std::vector<std::string>& services,
                         DrillRequest& request) {
  request.service = texts["service"];
  if (request.service.empty()) return base::Fail("\"service\" is missing");
  if (std::find(services.begin(), services.end(), request.service) == services.end()) {
    return base::Fail(
        "there is no service " + base::Quote(base::Truncate(request.service, 100)) +
        (services.empty() ? "; none is configured" : "; there are " + base::Join(services, ", ")));
  }
  const auto scenario = recovery::ParseScenario(texts["scenario"]);
  if (!scenario) {
    return base::Fail("there is no scenario " +
                      base::Quote(base::Truncate(texts["scenario"], 100)) + "; there are " +
                      ScenarioNames());
  }
  request.scenario = *scenario;
  return {};
}

base::Result<DrillRequest> ReadRequest(std::string_view body,
                                       const std::vector<std::string>& services) {
  base::Result<Texts> texts = ReadTexts(body);
  if (!texts) return base::Fail(texts.error());
  for (const char* key : {"action", "result", "took", "at"}) texts->try_emplace(key);
  DrillRequest request;
  if (const base::Status fine = ReadAction(*texts, request); !fine) return base::Fail(fine.error());
  if (const base::Status fine = ReadSubject(*texts, services, request); !fine) {
    return base::Fail(fine.error());
  }
  if (const base::Status fine = ReadOutcome(*texts, request); !fine) {
    return base::Fail(fine.error());
  }
  request.by = base::Trim((*texts)["by"]);
  request.note = base::Trim((*texts)["note"]);
  return request;
}

}  // namespace

net::ServerResponse Drilling::Api(const net::ServerRequest& request) const {
  if (request.method == "GET" || request.method == "HEAD") return List();
  if (request.method != "POST") {
    net::ServerResponse response = Error(405, "method not allowed");
    response.headers.emplace_back("Allow", "GET, HEAD, POST");
    return response;
  }
  if (IsCrossSite(request)) return Error(403, "another site's page may not do this");
  return Post(request);
}

net::ServerResponse Drilling::List() const {
  const auto drills = sources_.list(kMaxListedDrills);
  if (!drills) return Error(500, drills.error().message);
  Json list = Json::array();
  for (const recovery::Drill& drill : *drills) list.push_back(DrillJson(drill));
  return Success({{"drills", std::move(list)}});
}

net::ServerResponse Drilling::Post(const net::ServerRequest& request) const {
  base::Result<DrillRequest> asked = ReadRequest(request.body, sources_.services());
  if (!asked) return Error(400, asked.error().message);
  if (asked->by.empty()) asked->by = request.user;
  if (asked->by.empty()) asked->by = "API, " + request.remote_address;
  const base::Result<recovery::Drill> drill = sources_.apply(*asked);
  if (drill) return Success({{"drill", DrillJson(*drill)}});
  const base::Error& error = drill.error();
  const int status = error.message.starts_with(recovery::kDrillNotKept) ? 500 : 400;
  return Error(status, error.hint.empty() ? error.message : error.message + "; " + error.hint);
}

}  // namespace drwatch::web
