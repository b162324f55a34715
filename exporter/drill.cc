#include "exporter/drill.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/result.h"
#include "base/strings.h"
#include "exporter/dr_client.h"

namespace drwatch::exporter {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPath = "/api/dr/drills";

// "shop server_lost: pass in 42m, ended 2026-11-01T10:00:00Z, by "ann"".
std::string Line(const Json& drill) {
  std::string line = TextOf(drill, "service") + " " + TextOf(drill, "scenario") + ": ";
  const auto took = drill.find("took_seconds");
  if (took != drill.end() && took->is_number()) {
    const base::Duration time(std::llround(took->get<double>() * 1000));
    line += TextOf(drill, "result") + " in " + base::FormatDuration(time) + ", ended " +
            TextOf(drill, "ended");
  } else {
    line += "running since " + TextOf(drill, "started");
  }
  line += ", by " + base::Quote(TextOf(drill, "by"));
  const std::string note = TextOf(drill, "note");
  return line + (note.empty() ? "" : ": " + base::Quote(note)) + "\n";
}

base::Result<std::string> List(const DrillOptions& options) {
  const base::Result<Json> data = AskRunning(options.server, "GET", std::string(kPath), "");
  if (!data) return base::Fail(data.error());
  std::string text;
  const auto drills = data->find("drills");
  if (drills == data->end() || !drills->is_array()) return base::Fail("the answer has no drills");
  for (const Json& drill : *drills) text += Line(drill);
  return text.empty() ? std::string("there has been no drill\n") : text;
}

base::Result<std::string> Send(const DrillOptions& options) {
  Json body = {{"action", options.action},
               {"service", options.service},
               {"scenario", options.scenario},
               {"by", WhoAsks(options.by, options.server, "drwatch drill")},
               {"note", options.note}};
  const auto add = [&body](const char* key, const std::string& text) {
    if (!text.empty()) body[key] = text;
  };
  add("result", options.result);
  add("took", options.took);
  add("at", options.at);
  const base::Result<Json> data =
      AskRunning(options.server, "POST", std::string(kPath),
                 body.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!data) return base::Fail(data.error());
  const auto drill = data->find("drill");
  if (drill == data->end()) return base::Fail("the answer has no drill");
  return Line(*drill);
}

}  // namespace

int RunDrill(const DrillOptions& options) {
  const base::Result<std::string> said = options.action == "list" ? List(options) : Send(options);
  return Tell(said);
}

}  // namespace drwatch::exporter
