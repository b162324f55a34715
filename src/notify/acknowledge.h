// What can be acknowledged, by whom and for how long.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/matcher.h"
#include "notify/ack_link.h"

namespace drwatch::notify {

inline constexpr base::Duration kDefaultAcknowledgement = std::chrono::hours(1);
inline constexpr base::Duration kMaxAcknowledgement = std::chrono::hours(24 * 7);
// An alert that ends and comes back within so long is still acknowledged.
inline constexpr base::Duration kKeepAcknowledgement = std::chrono::minutes(5);
inline constexpr std::size_t kMaxAcknowledgerBytes = 200;
inline constexpr std::size_t kMaxAckCommentBytes = 1000;

// Messages of errors that a caller tells apart.
inline constexpr std::string_view kNothingFires = "no such alert is firing";
inline constexpr std::string_view kLinkUsed = "this link has been used already";
inline constexpr std::string_view kLinkExpired = "this link has expired";

// Firing alerts, by one way or several, which must all hold; none given selects none.
struct AckSelection {
  std::string fingerprint;               // of the labels as the API shows them
  std::string group_key;                 // as in notifications (groupKey)
  std::vector<model::Matcher> matchers;  // of the labels as the API shows them
  std::optional<AckLink> link;

  bool empty() const {
    return fingerprint.empty() && group_key.empty() && matchers.empty() && !link;
  }
};

struct AckRequest {
  AckSelection selection;
  std::string by;
  std::string comment;
  std::optional<base::Timestamp> until;  // without it the acknowledgement is withdrawn
};

}  // namespace drwatch::notify
