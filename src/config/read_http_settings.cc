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

void ReadProxy(MapReader& reader, HttpSettings& out) {
  const Node* node = reader.Take("proxy_url");
  if (node == nullptr) return;
  GetHttpUrl(reader, "proxy_url", out.proxy_url);
  const base::Result<Url> url = ParseUrl(out.proxy_url.Reveal());
  if (url && url->scheme != "http") {
    reader.Error(*node, "\"proxy_url\" must begin with http://",
                 "https goes through it all the same");
  }
  if (!out.proxy_url.empty() && !out.tls.server_name.empty()) {
    reader.Error(*node, "\"proxy_url\" and \"server_name\" are not supported together");
  }
}

}  // namespace

void ReadHttpKeys(MapReader& reader, ReadContext& context, HttpSettings& out) {
  const Node& node = reader.node();
  if (const Node* basic = reader.Take("basic_auth")) ReadBasicAuth(*basic, context, out);
  if (const Node* header = reader.Take("authorization")) ReadAuthorization(*header, context, out);
  SecretSource token;
  GetSecret(reader, "bearer_token", context, token);
  const int ways =
      int{reader.Has("basic_auth")} + int{reader.Has("authorization")} + int{!token.empty()};
  if (ways > 1) {
    reader.Error(node, "\"basic_auth\", \"authorization\" and \"bearer_token\" exclude each other",
                 "keep one of them");
  }
  if (!token.empty()) out.credentials = token;
  CheckOneLine(reader, node, out.credentials);
  GetTlsConfig(reader, "tls_config", context, out.tls);
  ReadProxy(reader, out);
  bool follow = false;
  reader.Get("follow_redirects", follow);
  if (follow) {
    context.problems.AddWarning(reader.Take("follow_redirects")->position,
                                "redirects of receivers are not followed",
                                "most drop the message on the way; give the last address");
  }
  RefuseAll(reader, {"oauth2", "enable_http2", "no_proxy", "proxy_from_environment",
                     "proxy_connect_header", "http_headers"});
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
