// Links in notifications by which their reader acknowledges: signed, good for one use, for the
// alerts that fired when the notification was made, and only for a while. Pure.
//
// A token is "v1.<g|a><16 hex digits>.<issued, ms>.<expires, s>.<nonce>.<HMAC-SHA256, 128 bits>":
// it names a group or an alert by a digest and says nothing else of it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace drwatch::notify {

inline constexpr base::Duration kLinkLifetime = std::chrono::hours(24);

struct AckLink {
  enum class Kind { kGroup, kAlert };
  Kind kind = Kind::kGroup;
  std::string scope;          // 16 hex digits: GroupScope, or the alert's fingerprint
  base::Timestamp issued{};   // alerts that fired later are not meant
  base::Timestamp expires{};  // whole seconds
  std::string nonce;          // 16 hex digits; one notification's
};

std::string GroupScope(std::string_view group_key);

std::string MakeToken(const base::Secret& key, const AckLink& link);
// nullopt: no token of this key, whatever is wrong with it.
std::optional<AckLink> ReadToken(const base::Secret& key, std::string_view token);

// The key in `folder`/acknowledge.key (mode 0600), made if it is not there. Errors: it can neither
// be read nor made.
base::Result<base::Secret> LoadLinkKey(const std::string& folder);

}  // namespace drwatch::notify
