// HTTP basic authentication against bcrypt hashes.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"

namespace drwatch::web {

// A hash takes 60 ms of CPU at cost 10, on purpose. What was right once is therefore remembered, as
// a MAC under a key of this process, and hashes are computed one at a time: guessing keeps at most
// one core busy and holds up nobody who was let in before. Thread-safe.
class BasicAuth {
 public:
  using Users = std::vector<std::pair<std::string, base::Secret>>;  // name and bcrypt hash
  static constexpr std::size_t kMaxRemembered = 1000;
  // A longer password is refused: bcrypt reads 72 bytes of it.
  static constexpr std::size_t kMaxPasswordBytes = 1024;

  BasicAuth();
  // Who an Authorization header is from; nullopt if it is missing or wrong. An unknown user takes
  // as long as a wrong password.
  std::optional<std::string> Check(const Users& users, std::string_view authorization);

 private:
  bool Matches(std::string_view user, const base::Secret& hash, const std::string& password);

  const std::string key_;
  std::mutex mutex_;  // guards remembered_
  std::set<std::string> remembered_;
  std::mutex hashing_;
};

}  // namespace drwatch::web
