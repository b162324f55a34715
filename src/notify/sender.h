// One attempt to deliver one notification: reads the secret, builds, sends, judges.
#pragma once

#include "base/clock.h"
#include "base/stop.h"
#include "notify/dispatcher.h"
#include "notify/receiver.h"

namespace drwatch::notify {

struct AttemptResult {
  Verdict verdict;
  bool abandoned = false;  // broken off by `stop`
  std::vector<std::string> template_errors;
};

// Blocks for at most AttemptTimeout(). Any thread. `now` is for Retry-After dates. No
// text of the result holds the secret, whatever the receiver answered.
AttemptResult Attempt(const Job& job, const Transport& transport,
                      const std::function<void(Step)>& on_step, const base::StopToken& stop,
                      base::Timestamp now);

// Adds to the request what http_config says. The secrets it holds are appended to `secrets`.
// Errors: a file that cannot be read.
base::Status ApplyHttpSettings(const config::HttpSettings& settings, net::HttpRequest& request,
                               std::vector<std::string>& secrets);
// `text` without the secrets and without the path of those that are URLs: an answer may echo them.
std::string HideSecrets(std::string text, const std::vector<std::string>& secrets);

}  // namespace drwatch::notify
