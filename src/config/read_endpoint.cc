#include <algorithm>

#include "base/strings.h"
#include "config/sections.h"
#include "config/url.h"

namespace drwatch::config {
namespace {

constexpr int kMaxRedirects = 20;

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// RFC 9110 5.1 and 5.5. A line end in a value would smuggle a second header in.
void GetHeaders(MapReader& reader, std::vector<std::pair<std::string, base::Secret>>& out) {
  std::vector<std::pair<std::string, std::string>> headers;
  reader.Get("headers", headers);
  const Node* node = reader.Take("headers");
  if (node == nullptr || node->kind != NodeKind::kMap) return;
  for (const auto& [name, value] : node->entries) {
    const bool token = !name.scalar.empty() &&
                       std::all_of(name.scalar.begin(), name.scalar.end(), IsTokenCharacter);
    if (!token) reader.Error(name, "invalid header name " + base::Quote(name.scalar));
    if (value.scalar.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      reader.Error(value, "the value of header " + base::Quote(name.scalar) + " holds a line end",
                   "a text after \"|\" ends in one; use quotes");
    }
  }
  for (auto& [name, value] : headers) out.emplace_back(name, base::Secret(value));
}

struct Credentials {
  std::string username;
  SecretSource password;
  SecretSource token;
};

Credentials ReadCredentials(MapReader& reader, ReadContext& context) {
  Credentials credentials;
  const Node* basic = reader.Take("basic_auth");
  if (basic != nullptr) {
    MapReader auth(*basic, context.problems, "basic_auth");
    auth.Require("username");
    GetName(auth, "username", credentials.username);
    GetSecret(auth, "password", context, credentials.password);
    auth.Finish();
  }
  GetSecret(reader, "bearer_token", context, credentials.token);
  if (basic != nullptr && !credentials.token.empty()) {
    reader.Error(*basic, "\"basic_auth\" and \"bearer_token\" are both given", "keep one of them");
  }
  return credentials;
}

void ReadStatus(MapReader& reader, std::vector<int>& out) {
  const Node* node = reader.Take("status");
  if (node == nullptr) return;
  std::vector<const Node*> items;
  for (const Node& item : node->items) items.push_back(&item);
  if (node->kind == NodeKind::kScalar) items.push_back(node);
  out.clear();
  for (const Node* item : items) {
    const std::optional<std::int64_t> status = base::ParseInt(item->scalar);
    if (item->kind == NodeKind::kScalar && status && *status >= 100 && *status <= 599) {
      out.push_back(static_cast<int>(*status));
    } else {
      reader.Error(*item, "\"status\" takes numbers from 100 to 599", "such as [200, 204]");
    }
  }
  if (items.empty()) reader.Error(*node, "\"status\" must be a list of numbers", "such as [200]");
}

void ReadHttpExpect(const Node& node, ReadContext& context, HttpProbe::Expect& out) {
  MapReader reader(node, context.problems, "expect of an http probe");
  ReadStatus(reader, out.status);
  const Node* json = reader.Take("json");
  if (json != nullptr && json->kind != NodeKind::kMap) {
    reader.Error(*json, "\"json\" must be a map of paths and conditions",
                 "such as {checks.database: true, \"queue.depth\": \"< 100\"}");
  } else if (json != nullptr) {
    for (const auto& [path, condition] : json->entries) {
      std::vector<JsonCondition> read =
          ReadJsonConditions(path.scalar, condition, context.problems);
      std::move(read.begin(), read.end(), std::back_inserter(out.json));
    }
  }
  GetRegexes(reader, "body_matches", out.body_matches);
  GetRegexes(reader, "body_not_matches", out.body_not_matches);
  reader.Finish();
}

void GetHostPort(MapReader& reader, std::string_view key, std::string& out) {
  const Node* node = reader.Take(key);
  reader.Get(key, out);
  if (node == nullptr || node->kind != NodeKind::kScalar) return;
  const base::Result<Url> parsed = ParseHostPort(out);
  if (parsed) return;
  reader.Error(*node, base::Quote(key) + ": " + parsed.error().message, parsed.error().hint);
}

}  // namespace

HttpProbe ReadHttpProbe(MapReader& reader, ReadContext& context) {
  HttpProbe probe;
  reader.Require("url");
  GetHttpUrl(reader, "url", probe.url);
  GetChoice(reader, "method", {"GET", "HEAD", "POST", "PUT", "OPTIONS"}, probe.method);
  GetHeaders(reader, probe.headers);
  reader.Get("body", probe.body);
  Credentials credentials = ReadCredentials(reader, context);
  probe.basic_username = std::move(credentials.username);
  probe.basic_password = std::move(credentials.password);
  probe.bearer_token = std::move(credentials.token);
  GetTls(reader, context, probe.tls);
  reader.Get("follow_redirects", probe.follow_redirects);
  GetAtLeast(reader, "max_redirects", 1, probe.max_redirects);
  if (probe.max_redirects > kMaxRedirects) {
    reader.Error(*reader.Take("max_redirects"), "\"max_redirects\" must be at most 20");
  }
  GetChoice(reader, "ip_protocol", {"ip4", "ip6"}, probe.ip_protocol);
  GetName(reader, "resolve_to", probe.resolve_to);
  const base::Result<Url> target = ParseUrl("tcp://" + probe.resolve_to);
  if (!probe.resolve_to.empty() && (!target || !target->rest.empty())) {
    reader.Error(*reader.Take("resolve_to"), "\"resolve_to\" must be host or host:port");
  }
  GetPositiveSize(reader, "max_body_size", probe.max_body_bytes);
  if (const Node* expect = reader.Take("expect")) ReadHttpExpect(*expect, context, probe.expect);
  GetAtLeast(reader, "failure_threshold", 1, probe.failure_threshold);
  reader.GetDuration("certificate_warning", probe.certificate_warning);
  return probe;
}

TcpProbe ReadTcpProbe(MapReader& reader, ReadContext& context) {
  TcpProbe probe;
  reader.Require("address");
  GetHostPort(reader, "address", probe.address);
  const Node* tls = reader.Take("tls");
  if (tls != nullptr && tls->kind == NodeKind::kScalar) {
    reader.Get("tls", probe.use_tls);  // "tls: true"
  } else {
    probe.use_tls = tls != nullptr;
    GetTls(reader, context, probe.tls);
  }
  reader.Get("send", probe.send);
  reader.Get("expect", probe.expect);
  const Node* expect = reader.Take("expect");
  const base::Status regex = model::CheckRegex(probe.expect);
  if (expect != nullptr && !regex) {
    AddParseError(reader.problems(), *expect, "regular expression", regex.error());
  }
  GetAtLeast(reader, "failure_threshold", 1, probe.failure_threshold);
  return probe;
}

ScrapeProbe ReadScrapeProbe(MapReader& reader, const std::string& name, ReadContext& context) {
  ScrapeProbe probe;
  probe.job = name;
  GetName(reader, "job", probe.job);
  reader.Require("url");
  GetHttpUrl(reader, "url", probe.url);
  if (base::Result<Url> url = ParseUrl(probe.url.Reveal())) {
    if (!url->port) url->port = url->scheme == "https" ? 443 : 80;
    probe.instance = url->HostAndPort();
  }
  GetName(reader, "instance", probe.instance);
  GetHeaders(reader, probe.headers);
  Credentials credentials = ReadCredentials(reader, context);
  probe.basic_username = std::move(credentials.username);
  probe.basic_password = std::move(credentials.password);
  probe.bearer_token = std::move(credentials.token);
  GetTls(reader, context, probe.tls);
  reader.Get("honor_labels", probe.honor_labels);
  GetPositiveSize(reader, "max_body_size", probe.max_body_bytes);
  int max_samples = static_cast<int>(probe.max_samples);
  GetAtLeast(reader, "max_samples", 1, max_samples);
  probe.max_samples = max_samples;
  return probe;
}

}  // namespace drwatch::config
