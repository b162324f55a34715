// What happened in delivery, for whoever keeps an audit log. Values; no secrets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "notify/attempt.h"
#include "notify/silence.h"

namespace drwatch::notify {

struct Happening {
  enum class Kind {
    kAlertFiring,
    kAlertResolved,
    kAttempted,
    kSilenceSet,
    kSilenceExpired,  // before its end
    kAcknowledged,
    kAcknowledgementWithdrawn,
    kAcknowledgementExpired,
    kStepTaken,
    kDeadlineMissed,
  };
  // An attempt names at most so many of the alerts that it told of.
  static constexpr std::size_t kMaxFingerprints = 1000;

  base::Timestamp time{};
  Kind kind = Kind::kAcknowledged;
  std::string actor;    // who acknowledged or withdrew; else empty
  std::string subject;  // the alert's labels or the group's key
  std::string detail;
  // What it is about, as far as its kind has one. An alert's labels are those the API shows.
  std::optional<model::Alert> alert{};
  std::optional<Silence> silence{};
  std::optional<AttemptRecord> attempt{};
  base::Duration waited{};                  // of an attempt: since the alert changed
  std::vector<std::string> fingerprints{};  // of an attempt: alerts that it told of
};
// "acknowledged", "acknowledgement withdrawn", ...
std::string_view HappeningName(Happening::Kind kind);

}  // namespace drwatch::notify
