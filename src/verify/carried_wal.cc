#include "verify/carried_wal.h"

#include <algorithm>

#include "base/strings.h"
#include "verify/backup_label.h"

namespace drwatch::verify {

using model::Reason;

// pg_control.h: it begins with the cluster's system identifier.
std::uint64_t SystemIdentifierOf(std::string_view control) {
  std::uint64_t value = 0;
  for (std::size_t i = std::min(control.size(), kControlHeadBytes); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(control[i]);
  }
  return value;
}

void CarriedWal::Expect(const Manifest& manifest) {
  expected_ = true;
  ranges_ = manifest.wal;
  if (inside()) files_.Need(manifest.wal);
  system_identifier_ = manifest.system_identifier.value_or(0);
}

void CarriedWal::ExpectLabel(std::string_view backup_label) {
  // How far the WAL is needed it does not say: at least to where recovery begins.
  const auto label = ParseBackupLabel(backup_label);
  if (label) ExpectRange({label->timeline, label->start, label->start + 1});
}

void CarriedWal::ExpectRange(const WalRange& range) {
  if (inside()) files_.Need({range});
}

void CarriedWal::BelongTo(std::string_view control_head) {
  if (!cluster_known()) system_identifier_ = SystemIdentifierOf(control_head);
}

void CarriedWal::OfRelease(std::string_view version_file) { release_ = base::Trim(version_file); }

Walked<void> CarriedWal::Add(const std::string& name, std::int64_t size, Source& content) {
  return files_.Add(name, size, content);
}

NeededWal CarriedWal::Lacking() const {
  if (!inside() || count() > 0 || !WalFiles::CheckRanges(ranges_)) return {{}, system_identifier_};
  return {ranges_, system_identifier_};
}

Walked<void> CarriedWal::Check() const {
  if (!inside() || (!expected_ && count() == 0)) return {};
  if (auto checked = files_.Check(); !checked) return checked;
  const std::uint64_t found = files_.system_identifier();
  if (found != 0 && cluster_known() && found != system_identifier_) {
    return tl::unexpected(Fault{Outcome::kBroken, Reason::kWrongFormat, "pg_wal",
                                "belongs to another cluster: its system identifier is " +
                                    std::to_string(found) + ", not " +
                                    std::to_string(system_identifier_)});
  }
  return CheckRelease();
}

Walked<void> CarriedWal::CheckRelease() const {
  if (release_.empty()) return {};
  for (const auto& [magic, segment] : files_.magics()) {
    if (IsWalOfServer(magic, release_)) continue;
    const std::string_view version = WalServerVersion(magic);
    return tl::unexpected(
        Fault{Outcome::kBroken, Reason::kWrongFormat, "WAL segment " + segment,
              "its magic number is not that of PostgreSQL " + base::Quote(release_) +
                  ", which PG_VERSION names" +
                  (version.empty() ? "" : ", but that of " + std::string(version))});
  }
  return {};
}

}  // namespace drwatch::verify
