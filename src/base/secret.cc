#include "base/secret.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace drwatch::base {
namespace {

bool IsSecretParameter(std::string_view name) {
  constexpr std::array<std::string_view, 8> kWords = {
      "password", "passwd", "pwd", "token", "secret", "key", "signature", "credential"};
  const std::string lower = Lower(name);
  for (const std::string_view word : kWords) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string RedactQuery(std::string_view query) {
  std::string result;
  for (const std::string_view parameter : Split(query, '&')) {
    if (!result.empty()) result += '&';
    const std::size_t equals = parameter.find('=');
    if (equals != std::string_view::npos && IsSecretParameter(parameter.substr(0, equals))) {
      result += parameter.substr(0, equals + 1);
      result += kRedacted;
    } else {
      result += parameter;
    }
  }
  return result;
}

}  // namespace

std::string RedactUrl(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::size_t host = scheme + 3;
  const std::size_t path = std::min(url.find_first_of("/?#", host), url.size());
  std::string result(url.substr(0, host));
  // The last '@' before the path ends the user part: passwords may hold an '@' themselves.
  const std::size_t at = url.substr(host, path - host).rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view user = url.substr(host, at);
    const std::size_t colon = user.find(':');
    result += user.substr(0, colon);
    if (colon != std::string_view::npos) result += ":" + std::string(kRedacted);
    result += url.substr(host + at, path - host - at);
  } else {
    result += url.substr(host, path - host);
  }
  const std::size_t query = url.find('?', path);
  if (query == std::string_view::npos) return result + std::string(url.substr(path));
  return result + std::string(url.substr(path, query + 1 - path)) +
         RedactQuery(url.substr(query + 1));
}

}  // namespace drwatch::base
