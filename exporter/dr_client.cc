#include "exporter/dr_client.h"

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "net/http_client.h"

namespace drwatch::exporter {
namespace {

using Json = nlohmann::json;

constexpr base::Duration kPatience = std::chrono::seconds(10);
constexpr std::int64_t kMaxAnswerBytes = 64 << 20;

}  // namespace

std::string EncodeQuery(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    encoded += plain ? std::string(1, c) : "%" + base::Hex(std::string_view(&c, 1));
  }
  return encoded;
}

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

base::Result<Json> AskRunning(const RunningServer& server, const std::string& method,
                              const std::string& path, const std::string& body) {
  std::string url = server.url;
  while (url.ends_with('/')) url.pop_back();
  net::HttpRequest request;
  request.method = method;
  request.url = base::Secret(url + path);
  request.body = body;
  request.max_body_bytes = kMaxAnswerBytes;
  request.tls.ca_file = server.ca_file;
  request.username = server.user;
  if (!server.password_file.empty()) {
    const base::Result<std::string> password = base::ReadFile(server.password_file, 4096);
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
    const std::string error = answer.is_object() ? TextOf(answer, "error") : "";
    return base::Fail(base::RedactUrl(url) + " answers " +
                      std::to_string(outcome.response->status) +
                      (error.empty() ? "" : ": " + error));
  }
  if (!answer.is_object() || !answer.contains("data") || !answer["data"].is_object()) {
    return base::Fail(base::RedactUrl(url) + " is no drwatch");
  }
  return answer["data"];
}

int Tell(const base::Result<std::string>& said) {
  if (!said) {
    std::cerr << "drwatch: " << said.error().ToString() << "\n";
    return 1;
  }
  std::cout << *said;
  return 0;
}

std::string WhoAsks(const std::string& by, const RunningServer& server,
                    const std::string& otherwise) {
  if (!by.empty()) return by;
  if (!server.user.empty()) return server.user;
  const char* const user = std::getenv("USER");
  return user != nullptr && *user != '\0' ? user : otherwise;
}

}  // namespace drwatch::exporter
