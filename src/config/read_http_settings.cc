#include <algorithm>
#include <iterator>

#include "base/strings.h"
#include "config/receiver_reading.h"
#include "config/url.h"

namespace drwatch::config {
namespace {

void ReadBasicAuth(const Node& node, ReadContext& context, HttpSettings& out) {
  MapReader reader(node, context.problems, "basic_auth");
  reader.Require("username");
  GetName(reader, "username", out.username);
  GetSecret(reader, "password", context, out.password);
  RefuseAll(reader, {"username_file", "username_ref", "password_ref"});
  reader.Finish();
}

void ReadAuthorization(const Node& node, ReadContext& context, HttpSettings& out) {
  MapReader reader(node, context.problems, "authorization");
  GetName(reader, "type", out.authorization_type);
  if (base::Lower(out.authorization_type) == "basic") {
    reader.Error(*reader.Take("type"), "\"authorization\" cannot be of the type Basic",
                 "use basic_auth");
  }
  GetSecret(reader, "credentials", context, out.credentials);
  RefuseAll(reader, {"credentials_ref"});
  if (out.credentials.empty()) {
    reader.Error(node, "\"authorization\" needs \"credentials\" or \"credentials_file\"");
  }
  reader.Finish();
}

// A header of several lines would be several headers.
void CheckOneLine(MapReader& reader, const Node& at, const SecretSource& secret) {
  if (secret.value.Reveal().find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos)
    return;
  reader.Error(at, "credentials must be one line");
}

bool IsToken(std::string_view name) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";  // RFC 9110, section 5.6.2
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || kPunctuation.find(c) != kPunctuation.npos;
  });
}

// What frames a CONNECT is the connection's.
bool IsFraming(std::string_view name) {
  constexpr std::string_view kFraming[] = {"host", "content-length", "transfer-encoding",
                                           "trailer"};
  return std::find(std::begin(kFraming), std::end(kFraming), base::Lower(name)) !=
         std::end(kFraming);
}

void ReadConnectHeaders(MapReader& proxy, ReadContext& context, Proxy& out) {
  const Node* node = proxy.Take("proxy_connect_header");
  if (node == nullptr || node->kind == NodeKind::kNull) return;
  MapReader reader(*node, context.problems, "proxy_connect_header");
  for (const MapEntry& entry : node->entries) {
    const std::string& name = entry.key.scalar;
    std::vector<std::string> texts;
    reader.Get(name, texts);
    if (!IsToken(name)) {
      reader.Error(entry.key, base::Quote(name) + " is no header's name");
    } else if (IsFraming(name)) {
      reader.Error(entry.key, "the header " + base::Quote(name) + " cannot be set here");
    }
    for (std::string& text : texts) {
      SecretSource value{base::Secret(std::move(text)), ""};
      CheckOneLine(reader, entry.value, value);
      out.connect_headers.emplace_back(name, std::move(value.value));
    }
  }
}

void ReadProxy(MapReader& reader, const Tls& tls, ReadContext& context, Proxy& out) {
  const Node* address = reader.Take("proxy_url");
  const Node* exceptions = reader.Take("no_proxy");
  if (IsBlank(address)) address = nullptr;
  if (IsBlank(exceptions)) exceptions = nullptr;
  if (address != nullptr) GetHttpUrl(reader, "proxy_url", out.url);
  if (exceptions != nullptr) reader.Get("no_proxy", out.no_proxy);
  reader.Get("proxy_from_environment", out.from_environment);
  const base::Result<Url> url = ParseUrl(out.url.Reveal());
  if (url && url->scheme != "http") {
    reader.Error(*address, "\"proxy_url\" must begin with http://",
                 "https goes through it all the same");
  }
  if (out.from_environment && (address != nullptr || exceptions != nullptr)) {
    reader.Error(*(address != nullptr ? address : exceptions),
                 "\"proxy_from_environment\" excludes \"proxy_url\" and \"no_proxy\"",
                 "the variable NO_PROXY says what needs no proxy");
  } else if (exceptions != nullptr && address == nullptr) {
    reader.Error(*exceptions, "\"no_proxy\" needs \"proxy_url\"");
  }
  if ((address != nullptr || out.from_environment) && !tls.server_name.empty()) {
    reader.Error(address != nullptr ? *address : reader.node(),
                 "a proxy and \"server_name\" are not supported together");
  }
  ReadConnectHeaders(reader, context, out);
  if (!out.connect_headers.empty() && address == nullptr && !out.from_environment) {
    reader.Error(*reader.Take("proxy_connect_header"),
                 "\"proxy_connect_header\" needs \"proxy_url\" or \"proxy_from_environment\"");
  }
}

// Headers that drwatch, the connection or the login sets: the list of Prometheus' programs.
bool IsReserved(std::string_view name) {
  constexpr std::string_view kReserved[] = {"authorization",
                                            "host",
                                            "content-encoding",
                                            "content-length",
                                            "content-type",
                                            "user-agent",
                                            "connection",
                                            "keep-alive",
                                            "proxy-authenticate",
                                            "proxy-authorization",
                                            "www-authenticate",
                                            "accept-encoding",
                                            "x-prometheus-remote-write-version",
                                            "x-prometheus-remote-read-version",
                                            "x-prometheus-scrape-timeout-seconds",
                                            "x-amz-date",
                                            "x-amz-security-token",
                                            "x-amz-content-sha256"};
  return std::find(std::begin(kReserved), std::end(kReserved), base::Lower(name)) !=
         std::end(kReserved);
}

void ReadHeader(const std::string& name, const Node& node, ReadContext& context,
                HttpSettings& out) {
  MapReader reader(node, context.problems, "http_headers");
  for (const char* key : {"values", "secrets"}) {
    std::vector<std::string> texts;
    reader.Get(key, texts);
    for (std::string& text : texts) {
      SecretSource value{base::Secret(std::move(text)), ""};
      CheckOneLine(reader, node, value);
      out.headers.emplace_back(name, std::move(value));
    }
  }
  std::vector<std::string> files;
  reader.Get("files", files);
  for (const std::string& file : files) {
    out.headers.emplace_back(name, SecretSource{base::Secret(), AbsolutePath(context, file)});
  }
  reader.Finish();
}

void ReadHeaders(const Node& node, ReadContext& context, HttpSettings& out) {
  if (node.kind != NodeKind::kMap) MapReader(node, context.problems, "http_headers").Finish();
  for (const MapEntry& entry : node.entries) {
    const std::string& name = entry.key.scalar;
    if (!IsToken(name)) {
      context.problems.AddError(entry.key.position, base::Quote(name) + " is no header's name");
    } else if (IsReserved(name)) {
      context.problems.AddError(entry.key.position,
                                "the header " + base::Quote(name) + " cannot be set here");
    } else {
      ReadHeader(name, entry.value, context, out);
    }
  }
}

OAuth2 ReadOAuth2(const Node& node, ReadContext& context) {
  OAuth2 out;
  MapReader reader(node, context.problems, "oauth2");
  reader.Require("client_id");
  GetName(reader, "client_id", out.client_id);
  GetSecret(reader, "client_secret", context, out.client_secret);
  reader.Require("token_url");
  GetHttpUrl(reader, "token_url", out.token_url);
  reader.Get("scopes", out.scopes);
  NamedTexts parameters;
  reader.Get("endpoint_params", parameters);
  for (auto& [name, value] : parameters) {
    out.parameters.emplace_back(name, base::Secret(std::move(value)));
  }
  GetTlsConfig(reader, "tls_config", context, out.tls);
  ReadProxy(reader, out.tls, context, out.proxy);
  RefuseAll(reader,
            {"client_secret_ref", "grant_type", "client_certificate_key",
             "client_certificate_key_file", "client_certificate_key_ref",
             "client_certificate_key_id", "signature_algorithm", "iss", "audience", "claims"});
  reader.Finish();
  return out;
}

}  // namespace

void ReadHttpKeys(MapReader& reader, ReadContext& context, HttpSettings& out) {
  const Node& node = reader.node();
  if (const Node* basic = reader.Take("basic_auth")) ReadBasicAuth(*basic, context, out);
  if (const Node* header = reader.Take("authorization")) ReadAuthorization(*header, context, out);
  if (const Node* oauth2 = reader.Take("oauth2")) out.oauth2 = ReadOAuth2(*oauth2, context);
  SecretSource token;
  GetSecret(reader, "bearer_token", context, token);
  const int ways = int{reader.Has("basic_auth")} + int{reader.Has("authorization")} +
                   int{reader.Has("oauth2")} + int{!token.empty()};
  if (ways > 1) {
    reader.Error(node,
                 "\"basic_auth\", \"authorization\", \"oauth2\" and \"bearer_token\" exclude each "
                 "other",
                 "keep one of them");
  }
  if (!token.empty()) out.credentials = token;
  CheckOneLine(reader, node, out.credentials);
  GetTlsConfig(reader, "tls_config", context, out.tls);
  ReadProxy(reader, out.tls, context, out.proxy);
  bool follow = false;
  reader.Get("follow_redirects", follow);
  if (follow) {
    context.problems.AddWarning(reader.Take("follow_redirects")->position,
                                "redirects of receivers are not followed",
                                "most drop the message on the way; give the last address");
  }
  reader.Get("enable_http2", out.http2);
  if (const Node* headers = reader.Take("http_headers")) ReadHeaders(*headers, context, out);
}

void ReadHttpSettings(MapReader& parent, ReadContext& context, HttpSettings& out) {
  const Node* node = parent.Take("http_config");
  if (node == nullptr || node->kind == NodeKind::kNull) return;
  out = {};  // nothing is inherited once it is there, as in Alertmanager
  MapReader reader(*node, context.problems, "http_config");
  ReadHttpKeys(reader, context, out);
  reader.Finish();
}

}  // namespace drwatch::config
