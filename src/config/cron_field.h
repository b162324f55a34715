// One field of a cron line: "*/15", "1-5", "mon,wed", "3".
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace drwatch::config {

struct CronField {
  std::string_view name;  // for messages
  int min = 0;
  int max = 0;
  int last = 0;        // where "*" and "5/2" end: below max where max is another word for min
  int first_name = 0;  // the number of names[0]
  std::span<const std::string_view> names;  // lower case, three letters
};

// Calls `add` for every number the text stands for. Errors: what is wrong with which part.
base::Status ParseCronField(const CronField& field, std::string_view text,
                            const std::function<void(int)>& add);

template <std::size_t kSize>
base::Status ParseCronField(const CronField& field, std::string_view text,
                            std::bitset<kSize>& out) {
  return ParseCronField(field, text,
                        [&out](int value) { out.set(static_cast<std::size_t>(value)); });
}

}  // namespace drwatch::config
