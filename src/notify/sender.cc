#include "notify/sender.h"

#include "base/secret.h"
#include "net/proxy.h"

namespace drwatch::notify {
namespace {

// The shortest part of a secret that is worth hiding; shorter ones are part of ordinary words.
constexpr std::size_t kMinSecretPart = 6;

void Replace(std::string& text, const std::string& part) {
  if (part.size() < kMinSecretPart) return;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.replace(at, part.size(), base::kRedacted);
    at += base::kRedacted.size();
  }
}

// Hides the secret and, where it is a URL, its path and query: an answer may echo them alone.
std::string Scrub(std::string text, const std::string& secret) {
  Replace(text, secret);
  const std::size_t scheme = secret.find("://");
  if (scheme == std::string::npos) return text;
  const std::size_t path = secret.find('/', scheme + 3);
  if (path != std::string::npos) Replace(text, secret.substr(path));
  return text;
}

Verdict NotSent(const std::string& cause) {
  Verdict verdict;
  verdict.kind = Verdict::Kind::kRetry;
  verdict.reason = model::ReasonName(model::Reason::kConfig);
  verdict.detail = cause;
  verdict.hopeless = true;
  return verdict;
}

Outcome Transmit(const std::variant<net::HttpRequest, net::MailRequest>& request,
                 const Transport& transport, base::Deadline deadline, const base::StopToken& stop) {
  if (const auto* mail = std::get_if<net::MailRequest>(&request)) {
    return transport.mail(*mail, deadline, stop);
  }
  return transport.fetch(std::get<net::HttpRequest>(request), deadline, stop);
}

// The answer, if it is one of those that mean yes.
const net::HttpResponse* Taken(const Outcome& outcome) {
  const auto* http = std::get_if<net::HttpOutcome>(&outcome);
  const bool good = http != nullptr && http->response && http->response->status / 100 == 2;
  return good ? &*http->response : nullptr;
}

// What the first answer showed is not there any more: somebody was quicker. The next attempt looks
// again.
bool IsGone(const net::HttpRequest& change, const net::HttpOutcome& outcome) {
  return change.method == "PATCH" && outcome.response && outcome.response->status == 404;
}

bool HasAnswer(const Outcome& outcome) {
  if (const auto* mail = std::get_if<net::MailOutcome>(&outcome)) return !mail->error;
  return std::get<net::HttpOutcome>(outcome).response.has_value();
}

base::Secret ProxyFor(const config::Proxy& proxy, const base::Secret& url) {
  if (proxy.from_environment) return net::ChooseProxy(net::ProxyRulesFromEnvironment(), url);
  // Without exceptions even this machine is reached through it, as with Prometheus' programs.
  if (proxy.no_proxy.empty()) return proxy.url;
  return net::ChooseProxy({proxy.url, proxy.url, proxy.no_proxy}, url);
}

std::shared_ptr<const net::OAuth2Client> MakeClient(const config::OAuth2& oauth2,
                                                    const base::Secret& secret) {
  net::OAuth2Client client;
  client.id = oauth2.client_id;
  client.secret = secret;
  client.token_url = oauth2.token_url;
  client.scopes = oauth2.scopes;
  client.parameters = oauth2.parameters;
  client.tls = ToTlsOptions(oauth2.tls);
  client.proxy = ProxyFor(oauth2.proxy, oauth2.token_url);
  client.connect_headers = oauth2.proxy.connect_headers;
  return std::make_shared<const net::OAuth2Client>(std::move(client));
}

}  // namespace

base::Status ApplyHttpSettings(const config::HttpSettings& settings, net::HttpRequest& request,
                               std::vector<std::string>& secrets) {
  request.tls = ToTlsOptions(settings.tls);
  request.proxy = ProxyFor(settings.proxy, request.url);
  request.connect_headers = settings.proxy.connect_headers;
  secrets.push_back(request.proxy.Reveal());
  for (const auto& [name, value] : request.connect_headers) secrets.push_back(value.Reveal());
  const base::Result<base::Secret> secret = config::ReadSecret(settings.secret());
  if (!secret) return base::Fail(secret.error());
  secrets.push_back(secret->Reveal());
  if (settings.oauth2) {
    request.oauth2 = MakeClient(*settings.oauth2, *secret);
  } else if (!settings.username.empty()) {
    request.username = settings.username;
    request.password = *secret;
  } else if (!secret->empty()) {
    request.headers.emplace_back(
        "Authorization", base::Secret(settings.authorization_type + " " + secret->Reveal()));
  }
  request.http2 = settings.http2;
  for (const auto& [name, source] : settings.headers) {
    const base::Result<base::Secret> value = config::ReadSecret(source);
    if (!value) return base::Fail(value.error());
    secrets.push_back(value->Reveal());
    request.headers.emplace_back(name, *value);
  }
  return {};
}

std::string HideSecrets(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) text = Scrub(std::move(text), secret);
  return text;
}

AttemptResult Attempt(const Job& job, const Transport& transport,
                      const std::function<void(Step)>& on_step, const base::StopToken& stop,
                      base::Timestamp now) {
  AttemptResult result;
  const base::Result<base::Secret> secret = config::ReadSecret(IntegrationSecret(*job.integration));
  if (!secret) {
    result.verdict = NotSent(secret.error().message);
    return result;
  }
  base::Result<BuiltRequest> built = Build(*job.integration, job.notification, *secret);
  if (!built) {
    result.verdict = NotSent(built.error().message);
    return result;
  }
  result.template_errors = std::move(built->template_errors);
  std::vector<std::string> secrets = {secret->Reveal()};
  if (auto* request = std::get_if<net::HttpRequest>(&built->request)) {
    const base::Status applied =
        ApplyHttpSettings(*HttpSettingsOf(*job.integration), *request, secrets);
    if (!applied) {
      result.verdict = NotSent(applied.error().message);
      return result;
    }
  }
  if (on_step) on_step(Step::kBeforeSend);
  const auto deadline = base::Deadline::After(AttemptTimeout(*job.integration));
  Outcome outcome = Transmit(built->request, transport, deadline, stop);
  const net::HttpResponse* first = Taken(outcome);
  bool gone = false;
  if (built->then && first != nullptr) {
    base::Result<std::optional<net::HttpRequest>> next = built->then(*first);
    if (!next) {
      result.verdict.reason = "unexpected_response";
      result.verdict.detail = next.error().message;
      return result;
    }
    if (*next) {
      if (const base::Status applied =
              ApplyHttpSettings(*HttpSettingsOf(*job.integration), **next, secrets);
          !applied) {
        result.verdict = NotSent(applied.error().message);
        return result;
      }
      net::HttpOutcome answer = transport.fetch(**next, deadline, stop);
      gone = IsGone(**next, answer);
      outcome = std::move(answer);
    }
  }
  if (on_step) on_step(Step::kAfterSend);
  result.abandoned = stop.stopped() && !HasAnswer(outcome);
  result.verdict = Classify(*job.integration, outcome, now);
  if (gone) result.verdict.kind = Verdict::Kind::kRetry;
  result.verdict.detail = HideSecrets(result.verdict.detail, secrets);
  result.verdict.warning = HideSecrets(result.verdict.warning, secrets);
  return result;
}

}  // namespace drwatch::notify
