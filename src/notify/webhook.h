// Alertmanager's webhook, version 4: one JSON document per change of a group.
#pragma once

#include "notify/receiver.h"

namespace drwatch::notify {

base::Result<BuiltRequest> BuildWebhook(const config::WebhookReceiver& receiver,
                                        const Notification& notification,
                                        const base::Secret& secret);
Verdict ClassifyWebhook(const net::HttpOutcome& outcome, base::Timestamp now);

}  // namespace drwatch::notify
