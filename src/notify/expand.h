// User templates of notifications, with Alertmanager's data: .Status, .Receiver, .Alerts (.Firing,
// .Resolved), .GroupLabels, .CommonLabels, .CommonAnnotations, .ExternalURL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/receiver_config.h"
#include "notify/notification.h"

namespace drwatch::notify {

// Every template of `receivers` that cannot be parsed, as an error at its place in the file. At run
// time the built-in text stands in for it; whoever edits the file should hear of it at once.
void CheckTemplates(const std::vector<config::Receiver>& receivers, config::Problems& problems);

// One notification's templates. One thread.
class Expander {
 public:
  explicit Expander(const Notification& notification) : notification_(notification) {}
  // The expanded `text`; `built_in` if `text` is empty or fails. `field` names it in errors().
  std::string Expand(std::string_view field, const std::string& text, std::string built_in);
  std::vector<std::string> TakeErrors() { return std::move(errors_); }

 private:
  const Notification& notification_;
  std::vector<std::string> errors_;
};

}  // namespace drwatch::notify
