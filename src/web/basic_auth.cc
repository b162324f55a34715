#include "web/basic_auth.h"

#include <crypt.h>

#include <algorithm>
#include <memory>

#include "base/digest.h"
#include "base/strings.h"
#include "net/s3_head.h"

namespace drwatch::web {
namespace {

// In a time that does not tell where they differ.
bool SameText(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return difference == 0;
}

bool HashMatches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();
  const char* const computed = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  return computed != nullptr && SameText(computed, hash);
}

}  // namespace

BasicAuth::BasicAuth() : key_(base::RandomBytes(32)) {}

bool BasicAuth::Matches(std::string_view user, const base::Secret& hash,
                        const std::string& password) {
  const std::string proof =
      base::HmacSha256(key_, std::string(user) + ":" + hash.Reveal() + ":" + password);
  {
    const std::lock_guard lock(mutex_);
    if (remembered_.contains(proof)) return true;
  }
  const bool matches = [&] {
    const std::lock_guard lock(hashing_);
    return HashMatches(password, hash.Reveal());
  }();
  if (!matches) return false;
  const std::lock_guard lock(mutex_);
  if (remembered_.size() >= kMaxRemembered) remembered_.clear();
  remembered_.insert(proof);
  return true;
}

std::optional<std::string> BasicAuth::Check(const Users& users, std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (users.empty() || base::Lower(authorization.substr(0, kScheme.size())) != kScheme) {
    return std::nullopt;
  }
  const auto text = net::DecodeBase64(base::Trim(authorization.substr(kScheme.size())));
  if (!text) return std::nullopt;
  const std::size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string user = text->substr(0, colon);
  const std::string password = text->substr(colon + 1);
  // bcrypt ends at a NUL: what follows it would not count.
  if (password.size() > kMaxPasswordBytes || password.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  const auto known = std::find_if(users.begin(), users.end(),
                                  [&](const auto& each) { return each.first == user; });
  const bool matches =
      Matches(user, known == users.end() ? users.front().second : known->second, password);
  if (known == users.end() || !matches) return std::nullopt;
  return user;
}

}  // namespace drwatch::web
