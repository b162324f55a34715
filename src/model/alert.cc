#include "model/alert.h"

#include <cstdio>
#include <cstdlib>

namespace drwatch::model {

std::string_view AlertStateName(AlertState state) {
  switch (state) {
    case AlertState::kInactive:
      return "inactive";
    case AlertState::kPending:
      return "pending";
    case AlertState::kFiring:
      return "firing";
  }
  std::abort();
}

std::string Alert::FingerprintHex() const {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(labels.Fingerprint()));
  return text;
}

}  // namespace drwatch::model
