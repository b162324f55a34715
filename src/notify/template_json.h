// Alertmanager's template function toJson: a value as Go's encoding/json writes it, notifications
// and alerts with the names they have in a webhook. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "template/value.h"

namespace drwatch::notify {

// On one line. <, > and & are escaped, as Go does it, and invalid UTF-8 is replaced. Errors: a
// number that JSON has no word for.
base::Result<std::string> ToJson(const tmpl::Value& value);

}  // namespace drwatch::notify
