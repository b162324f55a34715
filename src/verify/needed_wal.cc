#include "verify/needed_wal.h"

#include "base/strings.h"

namespace drwatch::verify {
namespace {

constexpr std::size_t kFieldsOfRange = 3;

}  // namespace

std::string NeededWal::ToString() const {
  std::vector<std::string> parts;
  for (const WalRange& range : ranges) {
    parts.push_back(FormatLsn(range.start) + " to " + FormatLsn(range.end) + " of timeline " +
                    std::to_string(range.timeline));
  }
  return "WAL " + base::Join(parts, ", ");
}

std::string NeededWal::Complaint() const {
  return "its files are intact, but it carries no WAL: to be restored it needs " + ToString() +
         " from an archive";
}

// The system identifier, then timeline, start and end of each range.
std::string PackNeededWal(const NeededWal& needed) {
  if (needed.empty() && needed.system_identifier == 0) return {};
  std::vector<std::string> fields = {FormatLsn(needed.system_identifier)};
  for (const WalRange& range : needed.ranges) {
    for (const std::uint64_t field : {std::uint64_t{range.timeline}, range.start, range.end}) {
      fields.push_back(FormatLsn(field));
    }
  }
  return base::Join(fields, " ");
}

NeededWal UnpackNeededWal(std::string_view text) {
  std::vector<std::uint64_t> fields;
  for (const std::string_view field : base::Split(text, ' ')) {
    const auto value = ParseLsn(field);
    if (!value) return {};
    fields.push_back(*value);
  }
  NeededWal needed;
  if (fields.size() % kFieldsOfRange != 1) return needed;
  needed.system_identifier = fields[0];
  for (std::size_t i = 1; i < fields.size(); i += kFieldsOfRange) {
    needed.ranges.push_back({static_cast<std::uint32_t>(fields[i]), fields[i + 1], fields[i + 2]});
  }
  return needed;
}

}  // namespace drwatch::verify
