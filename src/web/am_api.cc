#include "web/am_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/strings.h"
#include "config/matcher_parser.h"
#include "web/am_json.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

using Json = nlohmann::json;
using Matchers = std::vector<model::Matcher>;

constexpr std::string_view kPrefix = "/api/v2/";
constexpr std::string_view kSilence = "silence/";

net::ServerResponse Answer(const Json& json, int status = 200) {
  return net::ServerResponse::Json(
      status, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

// As Alertmanager: a JSON string.
net::ServerResponse Error(int status, std::string_view message) {
  return Answer(Json(message), status);
}

net::ServerResponse MethodNotAllowed(std::string_view allowed) {
  net::ServerResponse response = Error(405, "method not allowed");
  response.headers.emplace_back("Allow", std::string(allowed));
  return response;
}

bool TakesAll(const Matchers& matchers, const model::Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

base::Result<Matchers> ReadFilter(const net::ServerRequest& request) {
  Matchers matchers;
  for (const std::string& text : Values(request, "filter")) {
    base::Result<model::Matcher> matcher = config::ParseMatcher(text);
    if (!matcher) return base::Fail("bad matcher format: " + matcher.error().message);
    matchers.push_back(std::move(*matcher));
  }
  return matchers;
}

// Which alerts a request asks for.
struct AlertFilter {
  Matchers matchers;
  std::optional<model::Matcher> receiver;
  bool active = true, silenced = true, inhibited = true, muted = true;

  bool Takes(const notify::Snapshot::AlertView& view) const {
    if (!TakesAll(matchers, view.alert.labels)) return false;
    const bool quiet =
        !view.silenced_by.empty() || !view.inhibited_by.empty() || !view.muted_by.empty();
    if (!active && !quiet) return false;
    if (!silenced && !view.silenced_by.empty()) return false;
    if (!inhibited && !view.inhibited_by.empty()) return false;
    if (!muted && !view.muted_by.empty()) return false;
    return !receiver ||
           std::any_of(view.receivers.begin(), view.receivers.end(),
                       [&](const std::string& name) { return receiver->Matches(name); });
  }
};

base::Result<AlertFilter> ReadAlertFilter(const net::ServerRequest& request) {
  AlertFilter filter;
  base::Result<Matchers> matchers = ReadFilter(request);
  if (!matchers) return base::Fail(matchers.error());
  filter.matchers = std::move(*matchers);
  for (const auto& [name, flag] : {std::pair{"active", &filter.active},
                                   {"silenced", &filter.silenced},
                                   {"inhibited", &filter.inhibited},
                                   {"muted", &filter.muted}}) {
    const std::string_view text = request.Query(name);
    if (text.empty()) continue;
    if (text != "true" && text != "false") {
      return base::Fail("parameter " + base::Quote(name) + " must be true or false");
    }
    *flag = text == "true";
  }
  const std::string receiver(request.Query("receiver"));
  if (receiver.empty()) return filter;
  base::Result<model::Matcher> matcher =
      model::Matcher::Make(model::MatchType::kRegex, "receiver", receiver);
  if (!matcher) return base::Fail("failed to parse receiver param: " + matcher.error().message);
  filter.receiver = std::move(*matcher);
  return filter;
}

// Of an error that changing a silence gave.
int StatusOf(const base::Error& error) {
  if (error.message == notify::kNoSuchSilence) return 404;
  return error.message.starts_with(notify::kHoldsInMemory) ? 500 : 400;
}

bool IsGet(const net::ServerRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

net::ServerResponse AlertmanagerApi::Handle(const net::ServerRequest& request) const {
  const std::string_view what = std::string_view(request.path).substr(kPrefix.size());
  if (what.starts_with(kSilence)) {
    return OneSilence(request, std::string(what.substr(kSilence.size())));
  }
  const bool writes = request.method == "POST";
  if (what == "alerts") {
    return writes           ? PostAlerts(request)
           : IsGet(request) ? Alerts(request)
                            : MethodNotAllowed("GET, HEAD, POST");
  }
  if (what == "silences") {
    return writes           ? PostSilence(request)
           : IsGet(request) ? Silences(request)
                            : MethodNotAllowed("GET, HEAD, POST");
  }
  if (!IsGet(request)) return MethodNotAllowed("GET, HEAD");
  if (what == "status") return Status();
  if (what == "receivers") return Receivers();
  if (what == "alerts/groups") return Groups(request);
  return Error(404, "path " + request.path + " was not found");
}

net::ServerResponse AlertmanagerApi::Status() const {
  return Answer({{"cluster", {{"status", "disabled"}, {"name", ""}, {"peers", Json::array()}}},
                 {"config", {{"original", sources_.config_text()}}},
                 {"uptime", JsonTime(sources_.started)},
                 {"versionInfo",
                  {{"version", sources_.version},
                   {"revision", ""},
                   {"branch", ""},
                   {"buildUser", ""},
                   {"buildDate", ""},
                   {"goVersion", ""}}}});
}

net::ServerResponse AlertmanagerApi::Receivers() const {
  Json json = Json::array();
  for (const std::string& name : sources_.receivers()) json.push_back({{"name", name}});
  return Answer(json);
}

net::ServerResponse AlertmanagerApi::Alerts(const net::ServerRequest& request) const {
  const base::Result<AlertFilter> filter = ReadAlertFilter(request);
  if (!filter) return Error(400, filter.error().message);
  const notify::Snapshot snapshot = sources_.snapshot();
  Json json = Json::array();
  for (const notify::Snapshot::AlertView& view : snapshot.alerts) {
    if (filter->Takes(view)) {
      json.push_back(AlertJson(view, snapshot.now, sources_.resolve_timeout));
    }
  }
  std::sort(json.begin(), json.end(), [](const Json& a, const Json& b) {
    return a["fingerprint"].get_ref<const std::string&>() <
           b["fingerprint"].get_ref<const std::string&>();
  });
  return Answer(json);
}

net::ServerResponse AlertmanagerApi::Groups(const net::ServerRequest& request) const {
  const base::Result<AlertFilter> filter = ReadAlertFilter(request);
  if (!filter) return Error(400, filter.error().message);
  const notify::Snapshot snapshot = sources_.snapshot();
  std::map<std::string, const notify::Snapshot::AlertView*> views;
  for (const auto& view : snapshot.alerts) {
    if (filter->Takes(view)) views[view.alert.FingerprintHex()] = &view;
  }
  Json json = Json::array();
  for (const notify::Snapshot::GroupView& group : snapshot.groups) {
    if (filter->receiver && !filter->receiver->Matches(group.receiver)) continue;
    Json alerts = Json::array();
    for (const std::string& fingerprint : group.fingerprints) {
      const auto view = views.find(fingerprint);
      if (view == views.end()) continue;
      alerts.push_back(AlertJson(*view->second, snapshot.now, sources_.resolve_timeout));
    }
    if (alerts.empty()) continue;
    Json labels = Json::object();
    for (const model::LabelView label : group.labels) labels[std::string(label.name)] = label.value;
    json.push_back({{"labels", std::move(labels)},
                    {"receiver", {{"name", group.receiver}}},
                    {"alerts", std::move(alerts)}});
  }
  return Answer(json);
}

net::ServerResponse AlertmanagerApi::PostAlerts(const net::ServerRequest& request) const {
  std::string problems;
  const auto alerts = ParseAlerts(request.body, kMaxPosted, problems);
  if (!alerts) return Error(400, alerts.error().message);
  // The good ones count even if others are not, as in Alertmanager.
  if (!alerts->empty()) {
    const base::Status posted = sources_.post(*alerts);
    if (!posted) return Error(500, posted.error().message);
  }
  if (!problems.empty()) return Error(400, problems);
  return net::ServerResponse::Text(200, "");
}

net::ServerResponse AlertmanagerApi::Silences(const net::ServerRequest& request) const {
  const base::Result<Matchers> filter = ReadFilter(request);
  if (!filter) return Error(400, filter.error().message);
  const notify::Snapshot snapshot = sources_.snapshot();
  std::vector<const notify::Silence*> silences;
  // As in Alertmanager env!="prod" finds silences that say so, and not all that say nothing of env:
  // people end what such a query lists.
  const auto takes = [&](const notify::Silence& silence) {
    return std::all_of(filter->begin(), filter->end(), [&](const model::Matcher& wanted) {
      return std::find(silence.matchers.begin(), silence.matchers.end(), wanted) !=
             silence.matchers.end();
    });
  };
  for (const notify::Silence& silence : snapshot.silences) {
    if (takes(silence)) silences.push_back(&silence);
  }
  // Active ones first, by their end; then pending ones by their start; then the latest to end.
  const auto rank = [&](const notify::Silence& silence) {
    switch (silence.StateAt(snapshot.now)) {
      case notify::SilenceState::kActive:
        return std::tuple(0, base::ToUnixMillis(silence.ends_at), silence.id);
      case notify::SilenceState::kPending:
        return std::tuple(1, base::ToUnixMillis(silence.starts_at), silence.id);
      case notify::SilenceState::kExpired:
        break;
    }
    return std::tuple(2, -base::ToUnixMillis(silence.ends_at), silence.id);
  };
  std::sort(silences.begin(), silences.end(),
            [&](const auto* a, const auto* b) { return rank(*a) < rank(*b); });
  Json json = Json::array();
  for (const notify::Silence* silence : silences) {
    json.push_back(SilenceJson(*silence, snapshot.now));
  }
  return Answer(json);
}

net::ServerResponse AlertmanagerApi::PostSilence(const net::ServerRequest& request) const {
  base::Result<notify::Silence> silence = ParseSilence(request.body);
  if (!silence) return Error(400, silence.error().message);
  const base::Result<std::string> id = sources_.set_silence(std::move(*silence));
  if (id) return Answer({{"silenceID", *id}});
  return Error(StatusOf(id.error()), id.error().message);
}

net::ServerResponse AlertmanagerApi::OneSilence(const net::ServerRequest& request,
                                                const std::string& id) const {
  if (request.method == "DELETE") {
    const base::Status ended = sources_.expire_silence(id);
    if (ended) return net::ServerResponse::Text(200, "");
    return Error(StatusOf(ended.error()), ended.error().message);
  }
  if (!IsGet(request)) return MethodNotAllowed("DELETE, GET, HEAD");
  const notify::Snapshot snapshot = sources_.snapshot();
  for (const notify::Silence& silence : snapshot.silences) {
    if (silence.id == id) return Answer(SilenceJson(silence, snapshot.now));
  }
  return Error(404, notify::kNoSuchSilence);
}

}  // namespace drwatch::web
