#include "config/cron_field.h"

#include <optional>
#include <string>

#include "base/strings.h"

namespace drwatch::config {
namespace {

base::Result<int> ParseValue(const CronField& field, std::string_view text) {
  const std::string lower = base::Lower(text);
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (field.names[i] == lower) return field.first_name + static_cast<int>(i);
  }
  const std::optional<std::int64_t> number = base::ParseInt(text);
  if (!number || *number < field.min || *number > field.max || text.starts_with('+')) {
    return base::Fail(std::string(field.name) + " " + base::Quote(text) + " is not in " +
                      std::to_string(field.min) + "-" + std::to_string(field.max));
  }
  return static_cast<int>(*number);
}

struct Range {
  int first = 0;
  int last = 0;
  int step = 1;
};

// "*", "5", "1-5", each with an optional "/step"; "5/10" runs to the field's end.
base::Result<Range> ParseRange(const CronField& field, std::string_view text) {
  Range range{field.min, field.last, 1};
  const std::size_t slash = text.find('/');
  const std::string_view values = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    const std::optional<std::int64_t> step = base::ParseInt(text.substr(slash + 1));
    if (!step || *step < 1 || *step > field.max) {
      return base::Fail("step " + base::Quote(text.substr(slash + 1)) + " of the " +
                        std::string(field.name) + " is not in 1-" + std::to_string(field.max));
    }
    range.step = static_cast<int>(*step);
  }
  if (values == "*") return range;
  const std::size_t dash = values.find('-');
  const base::Result<int> first = ParseValue(field, values.substr(0, dash));
  if (!first) return base::Fail(first.error());
  range.first = *first;
  if (dash != std::string_view::npos) {
    const base::Result<int> last = ParseValue(field, values.substr(dash + 1));
    if (!last) return base::Fail(last.error());
    range.last = *last;
  } else if (slash == std::string_view::npos) {
    range.last = range.first;
  }
  if (range.last < range.first) {
    return base::Fail(std::string(field.name) + " " + base::Quote(values) + " runs backwards",
                      "split it in two: to the end of the range, and on from its beginning");
  }
  return range;
}

}  // namespace

base::Status ParseCronField(const CronField& field, std::string_view text,
                            const std::function<void(int)>& add) {
  for (const std::string_view part : base::Split(text, ',')) {
    const base::Result<Range> range = ParseRange(field, part);
    if (!range) return base::Fail(range.error());
    for (int value = range->first; value <= range->last; value += range->step) add(value);
  }
  return {};
}

}  // namespace drwatch::config
