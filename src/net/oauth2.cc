#include "net/oauth2.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/digest.h"
#include "base/strings.h"
#include "net/address.h"

namespace drwatch::net {
namespace {

using Json = nlohmann::json;
using model::Reason;

constexpr std::int64_t kMaxAnswerBytes = 64 << 10;
// A token that ends sooner may be over when it arrives.
constexpr std::chrono::seconds kMargin(10);
// Clients with tokens at once: rotated secrets leave old ones behind.
constexpr std::size_t kMaxClients = 256;

constexpr std::string_view kUnreserved =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

std::string FormEncode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != kUnreserved.npos) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += "%" + base::Hex(std::string_view(&c, 1));
    }
  }
  return out;
}

void AddField(std::string& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form += FormEncode(name) + "=" + FormEncode(value);
}

struct Token {
  std::string header;  // "Bearer ..."
  std::string text;
  std::optional<base::SteadyTime> end;
};

// What is known of a client. Some servers take it in the header Authorization (RFC 6749 wants
// that), some only in the form: what worked is remembered.
struct Known {
  std::optional<Token> token;
  bool in_form = false;
};

std::string KeyOf(const OAuth2Client& client) {
  Json all = {client.id,           client.secret.Reveal(), client.token_url.Reveal(),
              client.scopes,       client.tls.ca_file,     client.tls.cert_file,
              client.tls.key_file, client.proxy.Reveal()};
  for (const auto& [name, value] : client.parameters) all.push_back({name, value.Reveal()});
  return base::ComputeDigest(base::DigestAlgorithm::kSha256,
                             all.dump(-1, ' ', false, Json::error_handler_t::replace));
}

HttpRequest TokenRequest(const OAuth2Client& client, bool in_form) {
  HttpRequest request;
  request.method = "POST";
  request.url = client.token_url;
  request.headers.emplace_back("Content-Type", base::Secret("application/x-www-form-urlencoded"));
  request.headers.emplace_back("Accept", base::Secret("application/json"));
  // A parameter of that name takes its place, as in Go's client.
  const bool own_grant =
      std::any_of(client.parameters.begin(), client.parameters.end(),
                  [](const auto& parameter) { return parameter.first == "grant_type"; });
  if (!own_grant) AddField(request.body, "grant_type", "client_credentials");
  if (!client.scopes.empty()) AddField(request.body, "scope", base::Join(client.scopes, " "));
  for (const auto& [name, value] : client.parameters) AddField(request.body, name, value.Reveal());
  if (in_form) {
    AddField(request.body, "client_id", client.id);
    if (!client.secret.empty()) AddField(request.body, "client_secret", client.secret.Reveal());
  } else {
    request.username = FormEncode(client.id);
    request.password = base::Secret(FormEncode(client.secret.Reveal()));
  }
  request.tls = client.tls;
  request.proxy = client.proxy;
  request.connect_headers = client.connect_headers;
  request.max_body_bytes = kMaxAnswerBytes;
  return request;
}

// The answer's fields, as JSON or as a form: some servers send that.
Json Fields(const HttpResponse& response) {
  const std::string type = base::Lower(response.Header("content-type"));
  if (type.starts_with("application/x-www-form-urlencoded") || type.starts_with("text/plain")) {
    Json fields = Json::object();
    for (const auto& [name, value] : ParseQuery(response.body)) fields[name] = value;
    return fields;
  }
  return Json::parse(response.body, nullptr, false);
}

std::string Text(const Json& fields, const char* name) {
  const bool there = fields.is_object() && fields.contains(name) && fields[name].is_string();
  return there ? fields[name].get<std::string>() : std::string();
}

// The error's code of RFC 6749, section 5.2; nothing else of an answer is shown.
std::string ErrorCode(const Json& fields) {
  for (const char* code : {"invalid_request", "invalid_client", "invalid_grant",
                           "unauthorized_client", "unsupported_grant_type", "invalid_scope"}) {
    if (Text(fields, "error") == code) return ": " + std::string(code);
  }
  return "";
}

std::optional<double> Lifetime(const Json& fields) {
  if (!fields.contains("expires_in")) return std::nullopt;
  const Json& value = fields["expires_in"];
  if (value.is_number()) return value.get<double>();
  return value.is_string() ? base::ParseDouble(value.get<std::string>()) : std::nullopt;
}

NetResult<Token> ReadToken(const HttpOutcome& outcome, const std::string& peer) {
  const std::string what = "no token from " + peer + ": ";
  if (!outcome.response) {
    const NetError error = outcome.error.value_or(NetError{});
    return NetFail(error.reason, what + error.message);
  }
  const HttpResponse& response = *outcome.response;
  const Json fields = Fields(response);
  if (response.status / 100 != 2) {
    const bool refused = response.status / 100 == 4 && response.status != 429;
    return NetFail(refused ? Reason::kAuth : Reason::kUnexpectedStatus,
                   what + "status " + std::to_string(response.status) + ErrorCode(fields));
  }
  Token token;
  token.text = Text(fields, "access_token");
  if (token.text.empty()) return NetFail(Reason::kProtocol, what + "the answer has none");
  const std::string type = Text(fields, "token_type");
  token.header =
      (type.empty() || base::Lower(type) == "bearer" ? "Bearer" : type) + " " + token.text;
  const std::optional<double> seconds = Lifetime(fields);
  if (seconds && *seconds > 0) {
    const double longest = base::ToSeconds(std::chrono::hours(24 * 365));
    token.end = std::chrono::steady_clock::now() - kMargin +
                std::chrono::ceil<base::Duration>(
                    std::chrono::duration<double>(std::min(*seconds, longest)));
  }
  return token;
}

class TokenKeeper {
 public:
  explicit TokenKeeper(FetchFunction fetch) : fetch_(std::move(fetch)) {}

  HttpOutcome Fetch(const HttpRequest& request, base::Deadline deadline,
                    const base::StopToken& stop);

 private:
  NetResult<Token> Ask(const OAuth2Client& client, base::Deadline deadline,
                       const base::StopToken& stop);
  HttpOutcome Send(HttpRequest request, const Token& token, base::Deadline deadline,
                   const base::StopToken& stop) const;

  const FetchFunction fetch_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by KeyOf
};

NetResult<Token> TokenKeeper::Ask(const OAuth2Client& client, base::Deadline deadline,
                                  const base::StopToken& stop) {
  const std::string key = KeyOf(client);
  bool in_form = false;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(key); found != known_.end()) in_form = found->second.in_form;
  }
  const base::Result<Url> url = ParseUrl(client.token_url.Reveal());
  const std::string peer = url ? url->Origin() : "token_url";
  HttpOutcome outcome = fetch_(TokenRequest(client, in_form), deadline, stop);
  NetResult<Token> token = ReadToken(outcome, peer);
  if (!token && token.error().reason == Reason::kAuth) {
    outcome = fetch_(TokenRequest(client, !in_form), deadline, stop);
    if (NetResult<Token> other = ReadToken(outcome, peer)) {
      token = std::move(other);
      in_form = !in_form;
    }
  }
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxClients) known_.clear();
  Known& known = known_[key];
  known.in_form = in_form;
  known.token = token ? std::optional(*token) : std::nullopt;
  return token;
}

HttpOutcome TokenKeeper::Send(HttpRequest request, const Token& token, base::Deadline deadline,
                              const base::StopToken& stop) const {
  request.oauth2 = nullptr;
  request.headers.emplace_back("Authorization", base::Secret(token.header));
  HttpOutcome outcome = fetch_(request, deadline, stop);
  if (!outcome.response) return outcome;
  std::string& body = outcome.response->body;  // an echo must not give it away
  for (std::size_t at = body.find(token.text); at != body.npos; at = body.find(token.text, at)) {
    body.replace(at, token.text.size(), base::kRedacted);
    at += base::kRedacted.size();
  }
  return outcome;
}

HttpOutcome TokenKeeper::Fetch(const HttpRequest& request, base::Deadline deadline,
                               const base::StopToken& stop) {
  if (request.oauth2 == nullptr) return fetch_(request, deadline, stop);
  const auto fail = [](NetError error) {
    HttpOutcome outcome;
    outcome.error = std::move(error);
    return outcome;
  };
  std::optional<Token> kept;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(KeyOf(*request.oauth2));
    if (found != known_.end()) kept = found->second.token;
  }
  if (kept && (!kept->end || std::chrono::steady_clock::now() < *kept->end)) {
    HttpOutcome outcome = Send(request, *kept, deadline, stop);
    if (!outcome.response || outcome.response->status != 401) return outcome;
  }
  const NetResult<Token> token = Ask(*request.oauth2, deadline, stop);
  return token ? Send(request, *token, deadline, stop) : fail(token.error());
}

}  // namespace

FetchFunction WithTokens(FetchFunction fetch) {
  const auto keeper = std::make_shared<TokenKeeper>(std::move(fetch));
  return [keeper](const HttpRequest& request, base::Deadline deadline,
                  const base::StopToken& stop) { return keeper->Fetch(request, deadline, stop); };
}

}  // namespace drwatch::net
