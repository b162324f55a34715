// User templates of notifications, with Alertmanager's data: .Status, .Receiver, .Alerts (.Firing,
// .Resolved), .GroupLabels, .CommonLabels, .CommonAnnotations, .ExternalURL.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "notify/notification.h"
#include "template/library.h"

namespace drwatch::notify {

// What the configuration's `templates` define, over the built-in names. Files that cannot be parsed
// are left out.
std::shared_ptr<const tmpl::Library> MakeLibrary(const config::Config& config);

// Every template that cannot be parsed, as an error at its place: of receivers in the file, of
// `templates` at the pattern that named the file. At run time the built-in text stands in for it;
// whoever edits the file should hear of it at once.
void CheckTemplates(const config::Config& config, config::Problems& problems);

// One notification's templates. One thread.
class Expander {
 public:
  explicit Expander(const Notification& notification) : notification_(notification) {}
  // The expanded `text`; `built_in` if `text` is empty or fails. `field` names it in errors().
  std::string Expand(std::string_view field, const std::string& text, std::string built_in);
  // The same for HTML: what comes from alerts is escaped, what the template says is not.
  std::string ExpandHtml(std::string_view field, const std::string& text, std::string built_in);
  std::vector<std::string> TakeErrors() { return std::move(errors_); }

 private:
  using Escape = std::string (*)(std::string_view);
  std::string Run(std::string_view field, const std::string& text, std::string built_in,
                  Escape escape);

  const Notification& notification_;
  std::vector<std::string> errors_;
};

}  // namespace drwatch::notify
