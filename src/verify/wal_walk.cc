#include "verify/wal_walk.h"

#include "verify/recognise.h"
#include "verify/wal_text.h"

namespace drwatch::verify {
using model::Reason;

Walked<std::string> ReadWalText(Reader& reader) {
  std::string text;
  while (true) {
    auto bytes = reader.Some(kMaxWalTextBytes);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) return text;
    text += *bytes;
    if (static_cast<std::int64_t>(text.size()) > kMaxWalTextBytes) {
      return Broken(Reason::kWrongFormat, kMaxWalTextBytes, "too long for what its name says");
    }
  }
}

Walked<Walk> WalkWal(Reader& reader, const std::string& name) {
  WalSegmentOptions options;
  options.name = ParseWalFileName(name);
  options.being_packed = IsBeingPacked(name);
  auto facts = WalkWalSegment(reader, options);
  if (!facts) return tl::unexpected(std::move(facts.error()));
  Walk walk;
  walk.cut_off = facts->cut_off;
  const std::string_view version = WalServerVersion(facts->magic);
  walk.format =
      "WAL segment" + (version.empty() ? std::string() : " of PostgreSQL " + std::string(version));
  walk.level = facts->unchecked_bytes == 0 ? Level::kContent : Level::kFormat;
  walk.details.push_back("timeline " + std::to_string(facts->timeline) + ", " +
                         FormatLsn(facts->begin) + " to " + FormatLsn(facts->end) + ", " +
                         std::to_string(facts->records) + " records, cluster " +
                         std::to_string(facts->system_identifier));
  if (facts->last_commit) {
    walk.details.push_back("last commit " + base::FormatRfc3339(*facts->last_commit));
  }
  if (facts->unchecked_bytes > 0) {
    walk.details.push_back(std::to_string(facts->unchecked_bytes) +
                           " bytes belong to records of which the rest lies in the segments "
                           "beside it: verify --wal checks them, too");
  }
  return walk;
}

Walk UnwrittenWal() {
  Walk walk;
  walk.format = "WAL segment";
  walk.level = Level::kSize;
  walk.cut_off = true;
  return walk;
}

std::optional<Walk> SealedWal(std::string_view head, const std::string& name) {
  const auto wal = ParseWalFileName(name);
  if (!wal) return std::nullopt;
  const std::string_view packer = RecognisePacker(head);
  // Whatever else a packed one holds, its name promises what it is not.
  const bool plain = !wal->packed && !packer.empty();
  if (!wal->sealed && !plain) return std::nullopt;
  Walk walk;
  walk.level = Level::kSize;
  walk.format = "WAL archive's file";
  walk.doubt = packer.empty() ? "it is encrypted, or packed in a way that is not known"
                              : "it is packed by " + std::string(packer);
  return walk;
}

std::optional<Walked<Walk>> WalkWalText(Reader& reader, const std::string& name) {
  const auto parsed = ParseWalFileName(name);
  if (!parsed || parsed->sealed) return std::nullopt;
  const bool history = parsed->kind == WalFileName::Kind::kHistory;
  if (!history && parsed->kind != WalFileName::Kind::kBackup) return std::nullopt;
  const auto text = ReadWalText(reader);
  if (!text) return tl::unexpected(text.error());
  Walk walk;
  if (history) {
    const auto switches = ParseTimelineHistory(*text, parsed->timeline);
    if (!switches) return tl::unexpected(switches.error());
    walk.format = "timeline history";
    walk.details.push_back("follows timeline " + std::to_string(switches->back().timeline) +
                           " from " + FormatLsn(switches->back().at));
  } else {
    const auto backup = ParseBackupHistory(*text);
    if (!backup) return tl::unexpected(backup.error());
    walk.format = "backup history";
    walk.details.push_back("base backup from " + FormatLsn(backup->start) + " to " +
                           FormatLsn(backup->stop) + " on timeline " +
                           std::to_string(backup->timeline));
  }
  return walk;
}

}  // namespace drwatch::verify
