#include "exporter/ack.h"

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "base/strings.h"
#include "exporter/dr_client.h"

namespace drwatch::exporter {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPath = "/api/dr/acknowledge";

base::Result<Json> Request(const AckOptions& options, const std::string& method,
                           const std::string& query, const std::string& body) {
  return AskRunning(options.server, method, std::string(kPath) + query, body);
}

base::Result<std::string> List(const AckOptions& options) {
  const base::Result<Json> data = Request(options, "GET", "", "");
  if (!data) return base::Fail(data.error());
  std::string text;
  for (const Json& item : (*data)["acknowledged"]) {
    std::string labels;
    for (const auto& [name, value] : item["labels"].items()) {
      labels += (labels.empty() ? "" : " ") + name + "=" +
                base::Quote(value.is_string() ? value.get<std::string>() : "");
    }
    text += TextOf(item, "fingerprint") + "  by " + base::Quote(TextOf(item, "by")) + " until " +
            TextOf(item, "until") + "  " + labels + "  " + base::Quote(TextOf(item, "comment")) +
            "\n";
  }
  return text.empty() ? std::string("nothing is acknowledged\n") : text;
}

base::Result<std::string> Withdraw(const AckOptions& options, const std::string& by) {
  std::string query = "?by=" + EncodeQuery(by);
  if (!options.fingerprint.empty()) query += "&fingerprint=" + EncodeQuery(options.fingerprint);
  if (!options.group.empty()) query += "&groupKey=" + EncodeQuery(options.group);
  for (const std::string& matcher : options.matchers) query += "&matcher=" + EncodeQuery(matcher);
  const base::Result<Json> data = Request(options, "DELETE", query, "");
  if (!data) return base::Fail(data.error());
  return (*data)["withdrawn"].dump() + " no longer acknowledged\n";
}

base::Result<std::string> Send(const AckOptions& options, const std::string& by) {
  Json body = {{"by", by}, {"comment", options.comment}, {"duration", options.duration}};
  if (!options.fingerprint.empty()) body["fingerprint"] = options.fingerprint;
  if (!options.group.empty()) body["groupKey"] = options.group;
  if (!options.matchers.empty()) body["matchers"] = options.matchers;
  const base::Result<Json> data =
      Request(options, "POST", "", body.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!data) return base::Fail(data.error());
  return (*data)["acknowledged"].dump() + " acknowledged until " + TextOf(*data, "until") + "\n";
}

}  // namespace

int Acknowledge(const AckOptions& options) {
  const std::string by = WhoAsks(options.by, options.server, "drwatch ack");
  const bool selects =
      !options.matchers.empty() || !options.group.empty() || !options.fingerprint.empty();
  const base::Result<std::string> said = !selects           ? List(options)
                                         : options.withdraw ? Withdraw(options, by)
                                                            : Send(options, by);
  return Tell(said);
}

}  // namespace drwatch::exporter
