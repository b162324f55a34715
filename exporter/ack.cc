#include "exporter/ack.h"

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/result.h"
#include "base/strings.h"
#include "net/http_client.h"

namespace drwatch::exporter {
namespace {

using Json = nlohmann::json;

constexpr base::Duration kPatience = std::chrono::seconds(10);
constexpr std::string_view kPath = "/api/dr/acknowledge";

// Percent-encoded for a query.
std::string Encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    encoded += plain ? std::string(1, c) : "%" + base::Hex(std::string_view(&c, 1));
  }
  return encoded;
}

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The "data" of the answer. Errors: what the server or the network says.
base::Result<Json> Request(const AckOptions& options, const std::string& method,
                           const std::string& query, const std::string& body) {
  std::string url = options.url;
  while (url.ends_with('/')) url.pop_back();
  net::HttpRequest request;
  request.method = method;
  request.url = base::Secret(url + std::string(kPath) + query);
  request.body = body;
  request.max_body_bytes = 64 << 20;
  request.tls.ca_file = options.ca_file;
  request.username = options.user;
  if (!options.password_file.empty()) {
    const base::Result<std::string> password = base::ReadFile(options.password_file, 4096);
    if (!password) return base::Fail(password.error());
    request.password = base::Secret(std::string(base::Trim(*password)));
  }
  if (!body.empty()) {
    request.headers.emplace_back("Content-Type", base::Secret("application/json"));
  }
  const net::HttpOutcome outcome =
      net::Fetch(request, base::Deadline::After(kPatience), base::StopToken());
  if (!outcome.response) {
    return base::Fail("cannot ask " + base::RedactUrl(url) + ": " + outcome.error->message,
                      "name a running drwatch with --url");
  }
  const Json answer = Json::parse(outcome.response->body, nullptr, false);
  if (outcome.response->status != 200) {
    const std::string error = answer.is_object() ? Text(answer, "error") : "";
    return base::Fail(base::RedactUrl(url) + " answers " +
                      std::to_string(outcome.response->status) +
                      (error.empty() ? "" : ": " + error));
  }
  if (!answer.is_object() || !answer.contains("data") || !answer["data"].is_object()) {
    return base::Fail(base::RedactUrl(url) + " is no drwatch");
  }
  return answer["data"];
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
    text += Text(item, "fingerprint") + "  by " + base::Quote(Text(item, "by")) + " until " +
            Text(item, "until") + "  " + labels + "  " + base::Quote(Text(item, "comment")) + "\n";
  }
  return text.empty() ? std::string("nothing is acknowledged\n") : text;
}

base::Result<std::string> Withdraw(const AckOptions& options, const std::string& by) {
  std::string query = "?by=" + Encode(by);
  if (!options.fingerprint.empty()) query += "&fingerprint=" + Encode(options.fingerprint);
  if (!options.group.empty()) query += "&groupKey=" + Encode(options.group);
  for (const std::string& matcher : options.matchers) query += "&matcher=" + Encode(matcher);
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
  return (*data)["acknowledged"].dump() + " acknowledged until " + Text(*data, "until") + "\n";
}

}  // namespace

int Acknowledge(const AckOptions& options) {
  std::string by = options.by;
  const char* const user = std::getenv("USER");
  if (by.empty()) by = options.user;
  if (by.empty() && user != nullptr) by = user;
  if (by.empty()) by = "drwatch ack";
  const bool selects =
      !options.matchers.empty() || !options.group.empty() || !options.fingerprint.empty();
  const base::Result<std::string> said = !selects           ? List(options)
                                         : options.withdraw ? Withdraw(options, by)
                                                            : Send(options, by);
  if (!said) {
    std::cerr << "drwatch: " << said.error().ToString() << "\n";
    return 1;
  }
  std::cout << *said;
  return 0;
}

}  // namespace drwatch::exporter
