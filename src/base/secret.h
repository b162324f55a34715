// A password, token or secret URL. It prints as "<secret>" wherever it might leak.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace drwatch::base {

// Holds text that must never appear in a log, an error, an API answer or a process list. There is
// no conversion to string and no stream operator: `Reveal()` is the one way out, at the call that
// sends it to its target.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  const std::string& Reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string text_;
};

inline constexpr std::string_view kRedacted = "<secret>";

// "postgres://user:pw@host/db?password=x" -> "postgres://user:<secret>@host/db?password=<secret>".
// Text that is not a URL comes back as it is. For error messages about user-given addresses.
std::string RedactUrl(std::string_view url);

}  // namespace drwatch::base
