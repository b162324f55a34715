#include "catalog/tar_members.h"

#include <memory>
#include <utility>

#include "base/strings.h"
#include "verify/content_check.h"
#include "verify/decoder.h"
#include "verify/file_verifier.h"
#include "verify/recognise.h"
#include "verify/verdict.h"
#include "verify/walg_metadata.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using verify::Fault;
using verify::Outcome;

constexpr std::string_view kControl = "global/pg_control";
constexpr std::string_view kLabel = "backup_label";
constexpr std::string_view kVersion = "PG_VERSION";

std::string_view Relative(std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  return name;
}

tl::unexpected<Fault> BrokenFile(Reason reason, std::string_view file, std::string message) {
  return tl::unexpected(Fault{Outcome::kBroken, reason, std::string(file), std::move(message)});
}

// "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)".
std::optional<verify::Lsn> StartOf(std::string_view label) {
  constexpr std::string_view kKey = "START WAL LOCATION: ";
  for (const std::string_view line : base::Split(label, '\n')) {
    if (!line.starts_with(kKey)) continue;
    const std::string_view value = line.substr(kKey.size());
    return verify::ParseLsn(value.substr(0, value.find(' ')));
  }
  return std::nullopt;
}

std::uint64_t NumberAt(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

// pg_control.h, ControlFileData: it begins with the system identifier and its own version, and ends
// with the CRC-32C of all before it. Where that stands depends on the version, within these bytes.
constexpr std::size_t kMaxControlBytes = 512;
constexpr std::size_t kMinChecksumAt = 200;
constexpr std::uint64_t kFirstCrc32cVersion = 942;  // PostgreSQL 9.5
bool ControlDamaged(std::string_view control) {
  const std::uint64_t version = NumberAt(control, 8, 4);
  if (version != 0 && version < kFirstCrc32cVersion) return false;
  for (std::size_t at = kMinChecksumAt; at + 4 <= kMaxControlBytes; at += 4) {
    if (NumberAt(control, at, 4) == verify::Crc32c(0, control.substr(0, at))) return false;
  }
  return true;
}

}  // namespace

void AddFacts(DataFolderFacts& facts, const DataFolderFacts& other) {
  if (other.system_identifier) facts.system_identifier = other.system_identifier;
  if (other.label_start) facts.label_start = other.label_start;
  facts.has_label = facts.has_label || other.has_label;
  facts.has_control = facts.has_control || other.has_control;
  facts.control_damaged = facts.control_damaged || other.control_damaged;
  facts.has_version = facts.has_version || other.has_version;
}

verify::Walked<void> CheckFacts(const DataFolderFacts& facts, const ExpectedData& expected) {
  if (!facts.has_version && !expected.incremental)
    return BrokenFile(Reason::kIncomplete, kVersion, "is missing");
  if (!facts.has_control) return BrokenFile(Reason::kIncomplete, kControl, "is missing");
  if (!facts.has_label) {
    return BrokenFile(Reason::kIncomplete, kLabel,
                      "is missing: a restored server would not know where to begin");
  }
  if (facts.control_damaged) {
    return BrokenFile(Reason::kCorrupt, kControl, "its own checksum differs");
  }
  if (!facts.system_identifier) return BrokenFile(Reason::kIncomplete, kControl, "is too short");
  if (expected.system_identifier != 0 && *facts.system_identifier != expected.system_identifier) {
    return BrokenFile(Reason::kCorrupt, kControl,
                      "is of cluster " + std::to_string(*facts.system_identifier) +
                          ", the backup of " + std::to_string(expected.system_identifier));
  }
  if (!facts.label_start) return BrokenFile(Reason::kCorrupt, kLabel, "says no start");
  if (expected.start && *facts.label_start != *expected.start) {
    return BrokenFile(Reason::kCorrupt, kLabel,
                      "says that it begins at " + verify::FormatLsn(*facts.label_start) +
                          ", the backup that it begins at " + verify::FormatLsn(*expected.start));
  }
  return {};
}

bool IsWatchedFile(std::string_view name) {
  return name == kControl || name == kLabel || name == kVersion;
}

void WatchedFile(std::string_view name, std::string_view content, DataFolderFacts& facts) {
  if (name == kVersion) facts.has_version = !content.empty();
  if (name == kControl) {
    facts.has_control = true;
    if (content.size() < kMaxControlBytes) return;
    facts.system_identifier = NumberAt(content, 0, 8);
    facts.control_damaged = ControlDamaged(content);
  }
  if (name == kLabel) {
    facts.has_label = true;
    facts.label_start = StartOf(content);
  }
}

verify::Walked<void> TarMembers::Begin(const verify::TarMember& member) {
  const auto count = static_cast<std::int64_t>(hashes_.size());
  if (count >= verify::kMaxFiles) {
    return verify::Unjudged(Reason::kLimit, "more members than any base backup has");
  }
  hashes_.push_back(verify::WalGNameHash(member.name));
  const std::string_view name = Relative(member.name);
  name_ = member.regular() && IsWatchedFile(name) ? std::string(name) : std::string();
  content_.clear();
  return {};
}

verify::Walked<void> TarMembers::Data(std::string_view bytes) {
  if (!name_.empty() && content_.size() < kMaxWatchedBytes) {
    content_ += bytes.substr(0, kMaxWatchedBytes - content_.size());
  }
  return {};
}

verify::Walked<void> TarMembers::End() {
  if (!name_.empty()) WatchedFile(name_, content_, facts_);
  return {};
}

TarFound ReadTarFile(Place& place, const PlaceObject& tar, const std::string& where,
                     verify::ReadBudget& budget) {
  static const auto kNothing = std::make_shared<const verify::ChecksumFolder>();
  TarFound found;
  TarMembers members;
  const auto open = [&](verify::DigestTee* tee) -> verify::Walked<verify::OpenedFile> {
    auto source = place.Open(tar.name, budget, tee);
    if (!source) return tl::unexpected(std::move(source.error()));
    return verify::OpenedFile{*std::move(source), tar.size_bytes};
  };
  const auto walk_members = [&](verify::Reader& inner) -> verify::Walked<verify::Walk> {
    auto walked = verify::WalkTarMembers(inner, members);
    if (!walked) return tl::unexpected(std::move(walked.error()));
    if (members.hashes().empty()) {
      return verify::Broken(Reason::kTooSmall, 0, "the tar archive holds nothing");
    }
    verify::Walk walk;
    walk.format = "tar archive";
    return walk;
  };
  const auto walk = [&](verify::Reader& file) -> verify::Walked<verify::Walk> {
    const auto promised = verify::CompressionOfName(tar.name);
    auto head = file.Peek(verify::kHeadBytes);
    if (!head) return tl::unexpected(std::move(head.error()));
    if (promised && !head->empty() && verify::DetectCompression(*head, tar.name) != promised) {
      return verify::Broken(Reason::kWrongFormat, 0,
                            "its name promises " + std::string(verify::CompressionName(*promised)) +
                                ", its content is something else");
    }
    return verify::WalkPacked(file, tar.name, walk_members);
  };
  found.verdict =
      verify::VerifyStream(open, where, verify::Checksums("", kNothing, nullptr), budget, walk);
  found.hashes = std::move(members.hashes());
  found.facts = members.facts();
  return found;
}

}  // namespace drwatch::catalog
