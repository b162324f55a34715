// The built-in bodies of e-mails. Pure.
#pragma once

#include <string>

#include "notify/notification.h"

namespace drwatch::notify {

std::string EmailText(const Notification& notification);
std::string EmailHtml(const Notification& notification);

}  // namespace drwatch::notify
