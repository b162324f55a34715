#include "net/aws_credential_sources.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "net/address.h"
#include "net/aws_time.h"
#include "net/http_client.h"

namespace drwatch::net {
namespace {

using model::Reason;

constexpr std::int64_t kMaxAnswerBytes = 256 << 10;
constexpr std::int64_t kMaxTokenBytes = 64 << 10;
// How long a session token of the metadata service is asked for; it is used at once.
constexpr std::string_view kMetadataTokenSeconds = "60";

HttpRequest RequestTo(std::string url) {
  HttpRequest request;
  request.url = base::Secret(std::move(url));
  request.max_body_bytes = kMaxAnswerBytes;
  return request;
}

NetError Named(const std::string& what, NetError error) {
  error.message = what + ": " + error.message;
  return error;
}

NetResult<base::Secret> ReadToken(const std::string& file) {
  const base::Result<std::string> text = base::ReadFile(file, kMaxTokenBytes);
  if (!text) return NetFail(Reason::kConfig, text.error().message);
  const std::string_view token = base::Trim(*text);
  if (token.empty()) return NetFail(Reason::kConfig, "file " + base::Quote(file) + " is empty");
  return base::Secret(std::string(token));
}

// "AccessDenied: ..." of an error document; "" if it is none.
std::string StsErrorText(const std::string& body) {
  pugi::xml_document document;
  document.load_buffer(body.data(), body.size(), pugi::parse_minimal | pugi::parse_escapes);
  const pugi::xml_node error = document.child("ErrorResponse").child("Error");
  const std::string code = error.child_value("Code");
  if (code.empty()) return {};
  const std::string message = error.child_value("Message");
  return ": " + base::Truncate(code, 80) +
         (message.empty() ? "" : ": " + base::Truncate(message, 200));
}

NetResult<AwsCredentials> ParseStsAnswer(const std::string& body) {
  pugi::xml_document document;
  document.load_buffer(body.data(), body.size(), pugi::parse_minimal | pugi::parse_escapes);
  const pugi::xml_node found = document.child("AssumeRoleWithWebIdentityResponse")
                                   .child("AssumeRoleWithWebIdentityResult")
                                   .child("Credentials");
  AwsCredentials result;
  result.keys.access_key_id = base::Trim(found.child_value("AccessKeyId"));
  result.keys.secret_access_key =
      base::Secret(std::string(base::Trim(found.child_value("SecretAccessKey"))));
  result.keys.session_token =
      base::Secret(std::string(base::Trim(found.child_value("SessionToken"))));
  result.expiry = ParseIsoTime(base::Trim(found.child_value("Expiration")));
  if (result.keys.access_key_id.empty() || result.keys.secret_access_key.empty() ||
      !result.expiry) {
    return NetFail(Reason::kProtocol, "the answer holds no keys");
  }
  return result;
}

// What the container's and the instance's services answer.
NetResult<AwsCredentials> ParseMetadataAnswer(const std::string& body) {
  const nlohmann::json json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return NetFail(Reason::kProtocol, "the answer is no JSON object");
  const auto text = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string code = text("Code");
  if (!code.empty() && code != "Success") {
    return NetFail(Reason::kAuth, "it says " + base::Quote(base::Truncate(code, 80)));
  }
  AwsCredentials result;
  result.keys.access_key_id = text("AccessKeyId");
  result.keys.secret_access_key = base::Secret(text("SecretAccessKey"));
  result.keys.session_token = base::Secret(text("Token"));
  result.expiry = ParseIsoTime(text("Expiration"));
  if (result.keys.access_key_id.empty() || result.keys.secret_access_key.empty() ||
      !result.expiry) {
    return NetFail(Reason::kProtocol, "the answer holds no keys");
  }
  return result;
}

// The body of a 200; anything else is an error about `what`.
NetResult<std::string> Ask(const HttpRequest& request, const std::string& what,
                           base::Deadline deadline, const base::StopToken& stop) {
  HttpOutcome outcome = Fetch(request, deadline, stop);
  if (outcome.error) return tl::unexpected(Named(what, *std::move(outcome.error)));
  const int status = outcome.response->status;
  if (status == 200) return std::move(outcome.response->body);
  const bool refused = status >= 400 && status < 500;
  return NetFail(
      refused ? Reason::kAuth : Reason::kUnexpectedStatus,
      what + " answers " + std::to_string(status) + StsErrorText(outcome.response->body));
}

// Whether plain http may carry keys to `host`: it never leaves the machine.
bool IsLocal(const std::string& host) {
  if (host == "localhost") return true;
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  if (!address) return false;
  constexpr std::array<std::string_view, 3> kAmazons = {"169.254.170.2", "169.254.170.23",
                                                        "fd00:ec2::23"};
  const std::string text = address->ToString();
  return (!address->is_v6 && address->bytes[0] == 127) || text == "::1" ||
         std::find(kAmazons.begin(), kAmazons.end(), text) != kAmazons.end();
}

}  // namespace

std::optional<AwsKeys> ParseProfile(std::string_view text, std::string_view profile) {
  AwsKeys keys;
  bool inside = false;
  bool found = false;
  for (const std::string_view raw : base::Split(text, '\n')) {
    const std::string_view line = base::Trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      const std::size_t end = line.find(']');
      inside = end != line.npos && base::Trim(line.substr(1, end - 1)) == profile;
      found = found || inside;
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!inside || equals == line.npos) continue;
    const std::string key = base::Lower(base::Trim(line.substr(0, equals)));
    const std::string value(base::Trim(line.substr(equals + 1)));
    if (key == "aws_access_key_id") keys.access_key_id = value;
    if (key == "aws_secret_access_key") keys.secret_access_key = base::Secret(value);
    if (key == "aws_session_token") keys.session_token = base::Secret(value);
  }
  return found ? std::optional(std::move(keys)) : std::nullopt;
}

NetResult<AwsCredentials> FetchWebIdentity(const WebIdentity& identity, base::Deadline deadline,
                                           const base::StopToken& stop) {
  const std::string what = "security token service";
  const NetResult<base::Secret> token = ReadToken(identity.token_file);
  if (!token) return tl::unexpected(Named("web identity token", token.error()));
  HttpRequest request = RequestTo(identity.endpoint + "/");
  request.method = "POST";
  request.headers.emplace_back("Content-Type", base::Secret("application/x-www-form-urlencoded"));
  request.body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" +
                 UriEncode(identity.role_arn) +
                 "&RoleSessionName=" + UriEncode(identity.session_name) +
                 "&WebIdentityToken=" + UriEncode(token->Reveal());
  const NetResult<std::string> body = Ask(request, what, deadline, stop);
  if (!body) return tl::unexpected(body.error());
  NetResult<AwsCredentials> result = ParseStsAnswer(*body);
  if (!result) return tl::unexpected(Named(what, result.error()));
  return result;
}

NetResult<AwsCredentials> FetchContainer(const ContainerEndpoint& container,
                                         base::Deadline deadline, const base::StopToken& stop) {
  const std::string what = "container credentials";
  const base::Result<Url> url = ParseUrl(container.url);
  if (!url) return NetFail(Reason::kConfig, what + ": bad URL: " + url.error().message);
  if (url->scheme != "https" && !(url->scheme == "http" && IsLocal(url->host))) {
    return NetFail(Reason::kConfig,
                   what + ": " + base::Quote(url->Origin()) +
                       " is neither https nor an address of this machine or of Amazon's agents");
  }
  HttpRequest request = RequestTo(container.url);
  base::Secret token = container.token;
  if (!container.token_file.empty()) {
    NetResult<base::Secret> read = ReadToken(container.token_file);
    if (!read) return tl::unexpected(Named(what, read.error()));
    token = *std::move(read);
  }
  if (!token.empty()) request.headers.emplace_back("Authorization", std::move(token));
  const NetResult<std::string> body = Ask(request, what, deadline, stop);
  if (!body) return tl::unexpected(body.error());
  NetResult<AwsCredentials> result = ParseMetadataAnswer(*body);
  if (!result) return tl::unexpected(Named(what, result.error()));
  return result;
}

NetResult<AwsCredentials> FetchInstance(const std::string& endpoint, base::Deadline deadline,
                                        const base::StopToken& stop) {
  const std::string what = "instance metadata";
  HttpRequest open = RequestTo(endpoint + "/latest/api/token");
  open.method = "PUT";
  open.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds",
                            base::Secret(std::string(kMetadataTokenSeconds)));
  const NetResult<std::string> token = Ask(open, what, deadline, stop);
  if (!token) return tl::unexpected(token.error());
  const std::string roles = endpoint + "/latest/meta-data/iam/security-credentials/";
  const auto get = [&](const std::string& url) {
    HttpRequest request = RequestTo(url);
    request.headers.emplace_back("X-aws-ec2-metadata-token", base::Secret(*token));
    return Ask(request, what, deadline, stop);
  };
  const NetResult<std::string> names = get(roles);
  if (!names) return tl::unexpected(names.error());
  const std::string role(base::Trim(base::Split(*names, '\n')[0]));
  if (role.empty()) return NetFail(Reason::kAuth, what + ": the instance has no role");
  const NetResult<std::string> body = get(roles + UriEncode(role));
  if (!body) return tl::unexpected(body.error());
  NetResult<AwsCredentials> result = ParseMetadataAnswer(*body);
  if (!result) return tl::unexpected(Named(what, result.error()));
  return result;
}

}  // namespace drwatch::net
