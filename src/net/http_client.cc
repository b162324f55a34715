#include "net/http_client.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "net/address.h"
#include "net/curl_exchange.h"
#include "net/resolver.h"

namespace drwatch::net {
namespace {

constexpr std::string_view kTokenCharacters =
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";  // RFC 9110

bool IsToken(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kTokenCharacters) == text.npos;
}

// What cannot be sent as it is would let one header become two.
std::optional<NetError> CheckHead(const HttpRequest& request) {
  if (!IsToken(request.method)) {
    return NetError{model::Reason::kConfig, "bad HTTP method " + base::Quote(request.method)};
  }
  for (const auto* headers : {&request.headers, &request.connect_headers}) {
    for (const auto& [name, value] : *headers) {
      if (!IsToken(name)) {
        return NetError{model::Reason::kConfig, "bad header name " + base::Quote(name)};
      }
      if (value.Reveal().find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
        return NetError{model::Reason::kConfig,
                        "the value of header " + base::Quote(name) + " holds a line break"};
      }
    }
  }
  return std::nullopt;
}

bool SameOrigin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.port == b.port && base::Lower(a.host) == base::Lower(b.host);
}

bool IsRedirect(int status) {
  constexpr std::array<int, 5> kRedirects = {301, 302, 303, 307, 308};
  return std::find(kRedirects.begin(), kRedirects.end(), status) != kRedirects.end();
}

// "/a/./b/../c" -> "/a/c" (RFC 3986, section 5.2.4).
std::string RemoveDots(std::string_view path) {
  std::vector<std::string_view> kept;
  const std::vector<std::string_view> parts = base::Split(path.substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i] == "." || parts[i] == "..") {
      if (parts[i] == ".." && !kept.empty()) kept.pop_back();
      if (last) kept.emplace_back();
    } else {
      kept.push_back(parts[i]);
    }
  }
  std::string result;
  for (const std::string_view part : kept) result += "/" + std::string(part);
  return result.empty() ? "/" : result;
}

// Where `location` leads from `from` (RFC 3986, section 5.2). Its user part is dropped.
base::Result<Url> Follow(const Url& from, std::string_view location) {
  const std::string prefix = from.scheme + "://" + Endpoint{from.host, from.port, {}}.ToString();
  const std::string text(location.substr(0, location.find('#')));
  std::string target;
  if (text.find("://") < text.find_first_of("/?")) {
    target = text;
  } else if (text.starts_with("//")) {
    target = from.scheme + ":" + text;
  } else if (text.starts_with('?') || text.empty()) {
    target = prefix + from.path + (text.empty() ? "?" + from.query : text);
  } else {
    const std::size_t question = std::min(text.find('?'), text.size());
    const std::string path = text.front() == '/' ? text.substr(0, question)
                                                 : from.path.substr(0, from.path.rfind('/') + 1) +
                                                       text.substr(0, question);
    target = prefix + RemoveDots(path) + text.substr(question);
  }
  base::Result<Url> url = ParseUrl(target);
  if (!url) return url;
  if (url->scheme != "http" && url->scheme != "https") {
    return base::Fail("it leads to the scheme " + base::Quote(url->scheme));
  }
  url->username.clear();
  url->password = base::Secret();
  return url;
}

// Follows one request through its redirects.
class Fetcher {
 public:
  Fetcher(const HttpRequest& request, base::Deadline deadline, const base::StopToken& stop)
      : request_(request), deadline_(deadline), stop_(stop) {}

  HttpOutcome Run();

 private:
  // One exchange with `url_`, names resolved; adds its timings and certificates to outcome_.
  HttpOutcome Visit();
  std::optional<NetError> Prepare(Exchange& exchange, double& resolve_seconds);
  // Lets `peer`, which is connected to, be the proxy.
  std::optional<NetError> UseProxy(Exchange& exchange, Endpoint& peer) const;
  // What only the first origin may see. `name` is the host of the exchange's URL.
  void AddSecrets(Exchange& exchange, const std::string& name) const;
  std::optional<NetError> Redirect(const HttpResponse& response);
  void AddFacts(const HttpOutcome& hop, double resolve_seconds);

  const HttpRequest& request_;
  const base::Deadline deadline_;
  const base::StopToken& stop_;
  Url url_;
  std::string method_;
  std::string body_;
  bool at_home_ = true;  // never left the first origin
  int redirects_ = 0;
  HttpOutcome outcome_;
};

HttpOutcome Fetcher::Run() {
  const auto begin = std::chrono::steady_clock::now();
  const auto finish = [&](std::optional<NetError> error) {
    outcome_.error = std::move(error);
    outcome_.timings.total =
        std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin);
    return std::move(outcome_);
  };
  base::Result<Url> url = ParseUrl(request_.url.Reveal());
  if (!url) return finish(NetError{model::Reason::kConfig, "bad URL: " + url.error().message});
  if (url->scheme != "http" && url->scheme != "https") {
    return finish(NetError{model::Reason::kConfig, "the URL must begin with http:// or https://"});
  }
  if (std::optional<NetError> error = CheckHead(request_)) return finish(std::move(error));
  url_ = *std::move(url);
  method_ = request_.method;
  body_ = request_.body;
  while (true) {
    HttpOutcome hop = Visit();
    if (hop.error) return finish(std::move(hop.error));
    hop.response->redirects = redirects_;
    const bool follow = request_.max_redirects > 0 && IsRedirect(hop.response->status) &&
                        !hop.response->Header("location").empty();
    if (!follow) {
      outcome_.response = std::move(hop.response);
      return finish(std::nullopt);
    }
    if (std::optional<NetError> error = Redirect(*hop.response)) return finish(std::move(error));
  }
}

HttpOutcome Fetcher::Visit() {
  Exchange exchange;
  double resolve_seconds = 0;
  HttpOutcome hop;
  hop.error = Prepare(exchange, resolve_seconds);
  if (!hop.error) hop = RunExchange(exchange, deadline_, stop_);
  AddFacts(hop, resolve_seconds);
  return hop;
}

std::optional<NetError> Fetcher::Prepare(Exchange& exchange, double& resolve_seconds) {
  if (url_.host.ends_with('.')) url_.host.pop_back();
  Endpoint peer{.host = url_.host, .port = url_.port, .unix_path = {}};
  exchange.peer = peer.ToString();
  if (at_home_ && !request_.resolve_to.empty()) {
    base::Result<Endpoint> pinned = ParseEndpoint(request_.resolve_to, url_.port);
    if (!pinned || pinned->is_unix() || pinned->host.empty()) {
      return NetError{model::Reason::kConfig, "bad resolve_to " + base::Quote(request_.resolve_to)};
    }
    peer = *std::move(pinned);
    exchange.peer += " (" + peer.ToString() + ")";
  }
  exchange.tls = request_.tls;
  if (!at_home_) exchange.tls.cert_file = exchange.tls.key_file = exchange.tls.server_name = "";
  exchange.is_https = url_.scheme == "https";
  std::string name = url_.host;
  if (exchange.is_https && !exchange.tls.server_name.empty()) name = exchange.tls.server_name;
  exchange.verify_name = name;
  const Endpoint shown{.host = name, .port = url_.port, .unix_path = {}};
  exchange.url = url_.scheme + "://" + shown.ToString() + url_.path +
                 (url_.query.empty() ? "" : "?" + url_.query);

  if (!request_.proxy.empty()) {
    if (std::optional<NetError> error = UseProxy(exchange, peer)) return error;
  }
  const auto begin = std::chrono::steady_clock::now();
  const NetResult<std::vector<IpAddress>> addresses =
      Resolve(peer.host, ParseIpFamily(request_.ip_protocol), deadline_, stop_);
  resolve_seconds = base::ToSeconds(std::chrono::steady_clock::now() - begin);
  if (!addresses) return addresses.error();
  if (!IpAddress::Parse(peer.host)) {
    std::vector<std::string> list;
    for (const IpAddress& address : *addresses) {
      list.push_back(Endpoint{address.ToString(), 0, {}}.ToString());
    }
    exchange.resolve = peer.ToString() + ":" + base::Join(list, ",");
  }
  const bool elsewhere = peer.host != name || peer.port != url_.port;
  if (elsewhere && exchange.proxy.empty()) exchange.connect_to = "::" + peer.ToString();

  exchange.method = method_;
  exchange.body = body_;
  exchange.max_body_bytes = request_.max_body_bytes;
  exchange.http2 = request_.http2;
  exchange.fresh_connection = request_.fresh_connection;
  exchange.decompress = request_.decompress;
  exchange.http_1_1 = request_.http_1_1;
  if (at_home_) AddSecrets(exchange, name);
  return std::nullopt;
}

std::optional<NetError> Fetcher::UseProxy(Exchange& exchange, Endpoint& peer) const {
  const base::Result<Url> proxy = ParseUrl(request_.proxy.Reveal());
  if (!proxy || proxy->scheme != "http" || proxy->host.empty()) {
    return NetError{model::Reason::kConfig, "the proxy is no http:// address"};
  }
  if (!request_.resolve_to.empty() || !request_.tls.server_name.empty()) {
    return NetError{model::Reason::kConfig,
                    "a proxy cannot be used with resolve_to or server_name"};
  }
  peer = Endpoint{.host = proxy->host, .port = proxy->port, .unix_path = {}};
  exchange.proxy = "http://" + peer.ToString();
  exchange.peer += " (by proxy " + peer.ToString() + ")";
  exchange.proxy_username = proxy->username;
  exchange.proxy_password = proxy->password;
  exchange.connect_headers = request_.connect_headers;
  return std::nullopt;
}

void Fetcher::AddSecrets(Exchange& exchange, const std::string& name) const {
  exchange.headers = request_.headers;
  const bool has_host =
      std::any_of(exchange.headers.begin(), exchange.headers.end(),
                  [](const auto& header) { return base::Lower(header.first) == "host"; });
  if (name != url_.host && !has_host) {
    Endpoint host{.host = url_.host, .port = url_.port, .unix_path = {}};
    if (host.port == DefaultPort(url_.scheme)) host.port = 0;
    exchange.headers.emplace_back("Host", base::Secret(host.ToString()));
  }
  const bool own = !request_.username.empty();
  exchange.username = own ? request_.username : url_.username;
  exchange.password = own ? request_.password : url_.password;
}

std::optional<NetError> Fetcher::Redirect(const HttpResponse& response) {
  const std::string peer = Endpoint{url_.host, url_.port, {}}.ToString();
  if (redirects_ == request_.max_redirects) {
    return NetError{model::Reason::kLimit,
                    peer + ": more than " + std::to_string(request_.max_redirects) + " redirects"};
  }
  const base::Result<Url> target = Follow(url_, response.Header("location"));
  if (!target) {
    return NetError{model::Reason::kProtocol,
                    peer + ": cannot follow the redirect: " + target.error().message};
  }
  const bool rewrites = response.status == 303 || (response.status < 303 && method_ == "POST");
  if (rewrites && method_ != "HEAD") {
    method_ = "GET";
    body_.clear();
  }
  const bool leaves = !SameOrigin(url_, *target);
  if (leaves && !body_.empty()) {
    return NetError{model::Reason::kProtocol,
                    peer + ": a redirect would carry the body to another host"};
  }
  if (leaves) at_home_ = false;
  const bool stays_user = at_home_;
  const std::string username = url_.username;
  const base::Secret password = url_.password;
  url_ = *target;
  if (stays_user) {
    url_.username = username;
    url_.password = password;
  }
  ++redirects_;
  return std::nullopt;
}

void Fetcher::AddFacts(const HttpOutcome& hop, double resolve_seconds) {
  outcome_.body_bytes = hop.body_bytes;
  HttpTimings& sum = outcome_.timings;
  sum.resolve_seconds += resolve_seconds;
  sum.connect_seconds += hop.timings.connect_seconds;
  sum.tls_seconds += hop.timings.tls_seconds;
  sum.processing_seconds += hop.timings.processing_seconds;
  sum.transfer_seconds += hop.timings.transfer_seconds;
  if (!hop.tls) return;
  if (!outcome_.tls) {
    outcome_.tls = hop.tls;
    return;
  }
  outcome_.tls->verified = outcome_.tls->verified && hop.tls->verified;
  std::optional<base::Timestamp>& earliest = outcome_.tls->earliest_expiry;
  if (hop.tls->earliest_expiry && (!earliest || *hop.tls->earliest_expiry < *earliest)) {
    earliest = hop.tls->earliest_expiry;
  }
}

}  // namespace

std::string HttpResponse::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

HttpOutcome Fetch(const HttpRequest& request, base::Deadline deadline,
                  const base::StopToken& stop) {
  return Fetcher(request, deadline, stop).Run();
}

}  // namespace drwatch::net
