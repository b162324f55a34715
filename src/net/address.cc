#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace drwatch::net {
namespace {

constexpr std::size_t kMaxHostBytes = 253;  // RFC 1035

struct SchemePort {
  std::string_view scheme;
  std::uint16_t port;
};
constexpr std::array<SchemePort, 6> kSchemePorts = {{{"http", 80},
                                                     {"https", 443},
                                                     {"postgres", 5432},
                                                     {"postgresql", 5432},
                                                     {"redis", 6379},
                                                     {"rediss", 6379}}};

bool IsHostCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f &&
         std::string_view("/?#@[]\\\"<>^`{|}:").find(c) == std::string_view::npos;
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes &&
         std::all_of(host.begin(), host.end(), IsHostCharacter);
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != text.npos) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> port = base::ParseInt(text);
  if (!port || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

base::Result<Endpoint> BadPort(std::string_view port) {
  return base::Fail("bad port " + base::Quote(base::Truncate(port, 32)),
                    "a port is a number from 0 to 65535");
}

// What follows a literal's closing bracket: nothing or ":port".
base::Result<Endpoint> ParseBracketed(std::string_view text, std::uint16_t default_port) {
  const std::size_t close = text.find(']');
  if (close == text.npos) return base::Fail("missing \"]\" after an IPv6 address");
  const std::string_view literal = text.substr(1, close - 1);
  const std::optional<IpAddress> address = IpAddress::Parse(literal);
  if (!address || !address->is_v6) {
    return base::Fail(base::Quote(base::Truncate(literal, 64)) + " is no IPv6 address");
  }
  Endpoint endpoint{.host = std::string(literal), .port = default_port, .unix_path = {}};
  const std::string_view rest = text.substr(close + 1);
  if (rest.empty()) return endpoint;
  const std::optional<std::uint16_t> port =
      rest.front() == ':' ? ParsePort(rest.substr(1)) : std::nullopt;
  if (!port) return BadPort(rest);
  endpoint.port = *port;
  return endpoint;
}

}  // namespace

IpFamily ParseIpFamily(std::string_view text) {
  if (text == "ip4") return IpFamily::kIp4;
  if (text == "ip6") return IpFamily::kIp6;
  return IpFamily::kAny;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  IpAddress address;
  std::string plain(text);
  if (plain.find('\0') != plain.npos) return std::nullopt;
  if (::inet_pton(AF_INET, plain.c_str(), address.bytes.data()) == 1) return address;
  const std::size_t percent = plain.find('%');
  if (percent != plain.npos) {
    const std::string zone = plain.substr(percent + 1);
    plain.resize(percent);
    const std::optional<std::int64_t> index = base::ParseInt(zone);
    address.scope = index && *index > 0 && *index <= UINT32_MAX ? static_cast<std::uint32_t>(*index)
                                                                : ::if_nametoindex(zone.c_str());
    if (address.scope == 0) return std::nullopt;
  }
  address.is_v6 = true;
  if (::inet_pton(AF_INET6, plain.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), buffer.data(), buffer.size());
  std::string text = buffer.data();
  if (scope != 0) {
    std::array<char, IF_NAMESIZE> name{};
    text += '%';
    text += ::if_indextoname(scope, name.data()) != nullptr ? std::string(name.data())
                                                            : std::to_string(scope);
  }
  return text;
}

std::string Endpoint::ToString() const {
  if (is_unix()) return unix_path;
  std::string text = host.find(':') == host.npos ? host : "[" + host + "]";
  if (port != 0 || host.empty()) text += ":" + std::to_string(port);
  return text;
}

base::Result<Endpoint> ParseEndpoint(std::string_view text, std::uint16_t default_port) {
  if (text.starts_with("unix:")) text.remove_prefix(5);
  if (text.starts_with('/')) {
    if (text.find('\0') != text.npos) return base::Fail("a path holds no zero byte");
    return Endpoint{.host = {}, .port = 0, .unix_path = std::string(text)};
  }
  if (text.starts_with('[')) return ParseBracketed(text, default_port);
  Endpoint endpoint{.host = {}, .port = default_port, .unix_path = {}};
  const std::size_t colon = text.find(':');
  if (colon != text.npos && text.find(':', colon + 1) != text.npos) {
    // Two colons and no brackets: a bare IPv6 address, which cannot carry a port.
    if (!IpAddress::Parse(text)) {
      return base::Fail(base::Quote(base::Truncate(text, 64)) + " is no address",
                        "write host:port, or [address]:port for IPv6");
    }
    endpoint.host = std::string(text);
    return endpoint;
  }
  endpoint.host = std::string(text.substr(0, colon));
  if (colon != text.npos) {
    const std::optional<std::uint16_t> port = ParsePort(text.substr(colon + 1));
    if (!port) return BadPort(text.substr(colon + 1));
    endpoint.port = *port;
  } else if (endpoint.host.empty()) {
    return base::Fail("empty address", "write host:port");
  }
  if (!endpoint.host.empty() && !IsHostName(endpoint.host)) {
    return base::Fail(base::Quote(base::Truncate(endpoint.host, 64)) + " is no host name");
  }
  return endpoint;
}

std::uint16_t DefaultPort(std::string_view scheme) {
  for (const SchemePort& entry : kSchemePorts) {
    if (entry.scheme == scheme) return entry.port;
  }
  return 0;
}

std::string Url::Origin() const {
  Endpoint endpoint{.host = host, .port = port, .unix_path = {}};
  if (port == DefaultPort(scheme)) endpoint.port = 0;
  return scheme + "://" + (host.empty() ? std::string() : endpoint.ToString());
}

base::Result<Url> ParseUrl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
      return base::Fail("a URL holds no blanks or control characters", "encode them as %20");
    }
  }
  const std::size_t separator = text.find("://");
  const std::string scheme = base::Lower(text.substr(0, std::min(separator, text.size())));
  constexpr std::string_view kSchemeCharacters = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
  if (separator == text.npos || scheme.empty() ||
      scheme.find_first_not_of(kSchemeCharacters) != scheme.npos) {
    return base::Fail("not a URL: it does not begin with scheme://");
  }
  Url url;
  url.scheme = scheme;
  text = text.substr(0, text.find('#')).substr(separator + 3);
  const std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  std::string_view rest = text.substr(authority_end);
  // The last '@' ends the user part: passwords may hold an '@' themselves.
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    const std::string_view user = authority.substr(0, at);
    const std::size_t colon = std::min(user.find(':'), user.size());
    const std::optional<std::string> name = PercentDecode(user.substr(0, colon));
    const std::optional<std::string> password =
        PercentDecode(colon < user.size() ? user.substr(colon + 1) : std::string_view());
    if (!name || !password) {
      return base::Fail("the user part of the URL is badly encoded",
                        "write a percent sign in it as %25");
    }
    url.username = *name;
    url.password = base::Secret(*password);
    authority.remove_prefix(at + 1);
  }
  if (!authority.empty()) {
    base::Result<Endpoint> endpoint = ParseEndpoint(authority, DefaultPort(scheme));
    if (!endpoint) return base::Fail(endpoint.error());
    if (endpoint->host.empty()) return base::Fail("the URL has no host");
    url.host = endpoint->host;
    url.port = endpoint->port;
  }
  const std::size_t question = std::min(rest.find('?'), rest.size());
  url.path = std::string(rest.substr(0, question));
  if (question < rest.size()) url.query = std::string(rest.substr(question + 1));
  if (scheme == "http" || scheme == "https") {
    if (url.host.empty()) return base::Fail("the URL has no host");
    if (url.path.empty()) url.path = "/";
  }
  return url;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const std::optional<std::string> byte = base::ParseHex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    result += *byte;
    i += 2;
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query) {
  const auto decode = [](std::string_view part) {
    std::string text(part);
    std::replace(text.begin(), text.end(), '+', ' ');
    std::optional<std::string> decoded = PercentDecode(text);
    return decoded ? *std::move(decoded) : std::string(part);
  };
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string_view part : base::Split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    pairs.emplace_back(decode(part.substr(0, equals)),
                       equals < part.size() ? decode(part.substr(equals + 1)) : std::string());
  }
  return pairs;
}

}  // namespace drwatch::net
