#include "config/url.h"

#include <algorithm>

#include "base/strings.h"

namespace drwatch::config {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool HasBlank(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

bool IsScheme(std::string_view text) {
  return !text.empty() && IsLetter(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsLetter(c) || IsDigit(c) || c == '+' || c == '-' || c == '.';
         });
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::optional<std::string> byte = base::ParseHex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

base::Status ParseAuthority(std::string_view text, Url& url) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return base::Fail("the address lacks its closing bracket");
    url.host = std::string(text.substr(1, close - 1));
    const std::string_view after = text.substr(close + 1);
    if (!after.empty() && after.front() != ':') {
      return base::Fail("something other than a port follows the address in brackets");
    }
    has_port = !after.empty();
    port = after.substr(has_port ? 1 : 0);
  } else {
    const std::size_t colon = text.find(':');
    url.host = std::string(text.substr(0, colon));
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
      return base::Fail("an IPv6 address needs brackets, such as [::1]:80");
    }
  }
  if (url.host.empty()) return base::Fail("the host is missing");
  if (!has_port) return {};
  const std::optional<std::int64_t> number = base::ParseInt(port);
  if (!number || *number < 1 || *number > 65535 || !IsDigit(port.front())) {
    return base::Fail("the port is not in 1-65535");
  }
  url.port = static_cast<int>(*number);
  return {};
}

}  // namespace

std::string Url::HostAndPort() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port ? name + ":" + std::to_string(*port) : name;
}

base::Result<Url> ParseUrl(std::string_view text) {
  if (HasBlank(text)) return base::Fail("it holds a blank or a control character");
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || !IsScheme(text.substr(0, colon))) {
    return base::Fail("the scheme is missing", "such as https://host/path");
  }
  Url url;
  url.scheme = base::Lower(text.substr(0, colon));
  const std::string_view after = text.substr(colon + 3);
  const std::size_t end = std::min(after.find_first_of("/?#"), after.size());
  std::string_view authority = after.substr(0, end);
  url.rest = std::string(after.substr(end));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const std::size_t separator = std::min(user.find(':'), user.size());
    const std::optional<std::string> name = PercentDecode(user.substr(0, separator));
    const std::optional<std::string> password =
        PercentDecode(user.substr(std::min(separator + 1, user.size())));
    if (!name || !password) return base::Fail("a % before the @ is not followed by two hex digits");
    url.user = *name;
    if (separator < user.size()) url.password = *password;
  }
  if (base::Status status = ParseAuthority(authority, url); !status) {
    return base::Fail(status.error());
  }
  return url;
}

base::Result<Url> ParseHostPort(std::string_view text) {
  if (HasBlank(text) || text.find_first_of("/?#@") != std::string_view::npos) {
    return base::Fail("it is not of the form host:port");
  }
  Url url;
  if (base::Status status = ParseAuthority(text, url); !status) return base::Fail(status.error());
  if (!url.port) return base::Fail("the port is missing", "such as db1:5432");
  return url;
}

}  // namespace drwatch::config
