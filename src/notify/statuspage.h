// Incidents on a Statuspage: one for each group, opened, kept up to date and resolved. Pure.
//
// An incident is found again by a mark in its metadata, asked for before each change: an answer
// that was lost never makes a second one, and nothing has to be remembered.
#pragma once

#include "notify/receiver.h"

namespace drwatch::notify {

// First the incidents that are not resolved, then the change.
base::Result<BuiltRequest> BuildStatuspage(const config::StatuspageReceiver& receiver,
                                           const Notification& notification,
                                           const base::Secret& api_key);
Verdict ClassifyStatuspage(const net::HttpOutcome& outcome, base::Timestamp now);

}  // namespace drwatch::notify
