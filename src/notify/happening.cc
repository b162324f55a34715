#include "notify/happening.h"

namespace drwatch::notify {

std::string_view HappeningName(Happening::Kind kind) {
  switch (kind) {
    case Happening::Kind::kAlertFiring:
      return "alert firing";
    case Happening::Kind::kAlertResolved:
      return "alert resolved";
    case Happening::Kind::kAttempted:
      return "notification attempted";
    case Happening::Kind::kSilenceSet:
      return "silence set";
    case Happening::Kind::kSilenceExpired:
      return "silence expired";
    case Happening::Kind::kAcknowledged:
      return "acknowledged";
    case Happening::Kind::kAcknowledgementWithdrawn:
      return "acknowledgement withdrawn";
    case Happening::Kind::kAcknowledgementExpired:
      return "acknowledgement expired";
    case Happening::Kind::kStepTaken:
      return "escalation step taken";
    case Happening::Kind::kDeadlineMissed:
      return "notification deadline missed";
  }
  return "acknowledged";
}

}  // namespace drwatch::notify
