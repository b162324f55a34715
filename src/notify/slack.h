// Slack's incoming webhooks and bots (chat.postMessage): one message per change of a group. Limits
// (api.slack.com): text 40000 characters, a section 3000; & < > are escaped, so that no label can
// mention a channel.
#pragma once

#include "notify/receiver.h"

namespace drwatch::notify {

base::Result<BuiltRequest> BuildSlack(const config::SlackReceiver& receiver,
                                      const Notification& notification, const base::Secret& secret);
Verdict ClassifySlack(const net::HttpOutcome& outcome, base::Timestamp now);

}  // namespace drwatch::notify
