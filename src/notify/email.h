// E-mail: one message for each change of a group. Pure.
#pragma once

#include "notify/receiver.h"

namespace drwatch::notify {

// `password` may be empty. Errors: an address that is none, once templates are expanded.
base::Result<BuiltRequest> BuildEmail(const config::EmailReceiver& receiver,
                                      const Notification& notification,
                                      const base::Secret& password);
Verdict ClassifyEmail(const net::MailOutcome& outcome);

}  // namespace drwatch::notify
