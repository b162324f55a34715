// Addresses of people as mail programs write them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drwatch::config {

struct MailAddress {
  std::string name;     // may be empty; any UTF-8 on one line
  std::string address;  // local@domain: printable ASCII without blanks, commas and brackets
};

// "a@example.com, On Call <oncall@example.com>, \"Roe, Jane\" <jane@example.com>". Errors: an
// address that is none; no address at all.
base::Result<std::vector<MailAddress>> ParseMailAddresses(std::string_view text);

}  // namespace drwatch::config
