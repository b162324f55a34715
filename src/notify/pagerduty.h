// PagerDuty Events API v2: one PagerDuty alert per alert, opened by trigger and closed by resolve
// events of the same dedup_key. Limits (developer.pagerduty.com): summary 1024 characters,
// dedup_key 255, the whole event 512 KB, severity one of four words, source not blank.
#pragma once

#include "notify/receiver.h"

namespace drwatch::notify {

base::Result<BuiltRequest> BuildPagerDuty(const config::PagerDutyReceiver& receiver,
                                          const Notification& notification,
                                          const base::Secret& secret);
Verdict ClassifyPagerDuty(const net::HttpOutcome& outcome, base::Timestamp now);

}  // namespace drwatch::notify
