#include "net/proxy.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/strings.h"
#include "net/address.h"

namespace drwatch::net {
namespace {

std::string Variable(const char* upper, const char* lower) {
  for (const char* name : {upper, lower}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

base::Secret WithScheme(std::string proxy) {
  if (!proxy.empty() && proxy.find("://") == std::string::npos) proxy = "http://" + proxy;
  return base::Secret(std::move(proxy));
}

// An IPv4 address in IPv6's clothes (::ffff:10.1.2.3) is the IPv4 address.
std::optional<IpAddress> ParseAddress(std::string_view text) {
  std::optional<IpAddress> address = IpAddress::Parse(text);
  if (!address || !address->is_v6) return address;
  const auto& bytes = address->bytes;
  const bool mapped =
      std::all_of(bytes.begin(), bytes.begin() + 10, [](int b) { return b == 0; }) &&
      bytes[10] == 0xff && bytes[11] == 0xff;
  if (!mapped) return address;
  IpAddress v4;
  std::copy(bytes.begin() + 12, bytes.end(), v4.bytes.begin());
  return v4;
}

bool IsLoopback(const IpAddress& address) {
  if (!address.is_v6) return address.bytes[0] == 127;
  return address == *IpAddress::Parse("::1");
}

// `network` is "10.0.0.0/8".
bool InNetwork(const IpAddress& address, std::string_view network) {
  const std::size_t slash = network.find('/');
  const std::optional<IpAddress> first = ParseAddress(network.substr(0, slash));
  const std::optional<std::int64_t> bits = base::ParseInt(network.substr(slash + 1));
  if (!first || first->is_v6 != address.is_v6 || !bits) return false;
  if (*bits < 0 || *bits > (address.is_v6 ? 128 : 32)) return false;
  for (std::int64_t bit = 0; bit < *bits; ++bit) {
    const int mask = 0x80 >> (bit % 8);
    const auto byte = static_cast<std::size_t>(bit / 8);
    if ((address.bytes[byte] & mask) != (first->bytes[byte] & mask)) return false;
  }
  return true;
}

struct Target {
  std::string host;  // lower case
  std::string port;
  std::optional<IpAddress> address;
};

// One part of no_proxy, in lower case, without blanks around it.
bool Covers(std::string_view entry, const Target& target) {
  if (entry == "*") return true;
  if (entry.find('/') != entry.npos) return target.address && InNetwork(*target.address, entry);
  std::string_view host = entry, port;
  const std::size_t colon = entry.rfind(':');
  if (entry.starts_with('[')) {
    const std::size_t end = entry.find(']');
    if (end == entry.npos) return false;
    host = entry.substr(1, end - 1);
    if (colon > end && colon != entry.npos) port = entry.substr(colon + 1);
  } else if (colon != entry.npos && colon == entry.find(':')) {
    host = entry.substr(0, colon);
    port = entry.substr(colon + 1);
  }
  if (host.empty() || (!port.empty() && port != target.port)) return false;
  if (const auto address = ParseAddress(host)) return target.address == address;
  if (host.starts_with("*.")) host.remove_prefix(1);
  if (host.front() == '.') return target.host.ends_with(host);
  return target.host == host || target.host.ends_with("." + std::string(host));
}

}  // namespace

ProxyRules ProxyRulesFromEnvironment() {
  return {WithScheme(Variable("HTTP_PROXY", "http_proxy")),
          WithScheme(Variable("HTTPS_PROXY", "https_proxy")), Variable("NO_PROXY", "no_proxy")};
}

base::Secret ChooseProxy(const ProxyRules& rules, const base::Secret& url) {
  const base::Result<Url> parsed = ParseUrl(url.Reveal());
  if (!parsed) return {};  // whoever asks it will say so
  const base::Secret& proxy = parsed->scheme == "https" ? rules.https : rules.http;
  if (proxy.empty()) return {};
  const Target target{base::Lower(parsed->host), std::to_string(parsed->port),
                      ParseAddress(parsed->host)};
  if (target.host == "localhost" || (target.address && IsLoopback(*target.address))) return {};
  const std::string list = base::Lower(rules.no_proxy);
  for (const std::string_view entry : base::Split(list, ',')) {
    const std::string_view text = base::Trim(entry);
    if (!text.empty() && Covers(text, target)) return {};
  }
  return proxy;
}

}  // namespace drwatch::net
