// Templates with the names that configurations written for Alertmanager refer to.
#pragma once

#include <string_view>

namespace drwatch::notify {

// {{define}}s of slack.default.title, email.default.subject and the like, with wording of our own.
std::string_view DefaultTemplates();

}  // namespace drwatch::notify
