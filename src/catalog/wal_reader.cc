#include "catalog/wal_reader.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/strings.h"
#include "verify/decoder.h"
#include "verify/format.h"
#include "verify/recognise.h"
#include "verify/wal_segment.h"
#include "verify/wal_walk.h"

namespace drwatch::catalog {
namespace {

using model::Reason;
using Kind = verify::WalFileName::Kind;

// Backup histories that are read at one look; the newest count.
constexpr std::size_t kMaxBackupsRead = 1000;
// Segments that are tried for their size and cluster.
constexpr int kMaxHeadsTried = 3;

constexpr std::string_view kCannotBeRead =
    " cannot be read: it is encrypted, or packed in a way that is not known";

// Which of two files for one segment counts: one that can be read, else the larger one, as an empty
// or cut one is of no use.
bool Better(const PlaceObject& a, const verify::WalFileName& a_name, const PlaceObject& b,
            const verify::WalFileName& b_name) {
  const bool a_reads = a.size_bytes > 0 && !a_name.sealed;
  const bool b_reads = b.size_bytes > 0 && !b_name.sealed;
  return a_reads != b_reads ? a_reads : a.size_bytes > b.size_bytes;
}

void AddSegment(std::vector<WalSegmentFile>& files, const WalSegmentFile& file,
                const std::vector<PlaceObject>& objects, WalInventory& inventory) {
  auto at = std::lower_bound(
      files.begin(), files.end(), file.number,
      [](const WalSegmentFile& one, std::uint64_t number) { return one.number < number; });
  if (at == files.end() || at->number != file.number) {
    files.insert(at, file);
    return;
  }
  const PlaceObject& known = objects[at->object];
  const PlaceObject& other = objects[file.object];
  const auto known_name = verify::ParseWalFileName(known.name);
  const auto other_name = verify::ParseWalFileName(other.name);
  // pgBackRest: two contents for one segment mean that two servers archive here.
  if (known_name->sha1 != other_name->sha1) inventory.twice.push_back(other.name);
  if (Better(other, *other_name, known, *known_name)) *at = file;
}

// As histories begin, which are ASCII there.
bool BeginsAsText(std::string_view text) {
  constexpr std::size_t kLook = 16;
  const std::string_view head = text.substr(0, kLook);
  return std::all_of(head.begin(), head.end(), [](unsigned char c) {
    return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
}

// A segment or what else lies in an archive, or a folder of segments: the first 16 digits.
bool IsOfWal(const std::string& name) {
  const std::string part = name.substr(name.rfind('/') + 1);
  const bool digits = part.find_first_not_of("0123456789ABCDEF") == std::string::npos;
  return verify::ParseWalFileName(name) || (digits && part.size() == 16);
}

// A packing that only the name tells holds anything, and what is encrypted has the same name.
bool HoldsText(Place& place, const std::string& name, verify::ReadBudget& budget) {
  const auto packing = verify::CompressionOfName(name);
  if (!packing) return false;
  auto source = place.Open(name, budget, nullptr);
  if (!source) return false;
  verify::Reader file(**source);
  const auto decoder = verify::MakeDecoder(*packing, file);
  verify::Reader inner(*decoder);
  const auto head = inner.Peek(verify::kHeadBytes);
  return head && BeginsAsText(*head);
}

// The whole of a small file, unpacked; as it is where it keeps its content to itself.
verify::Walked<std::string> ReadPackedText(Place& place, const std::string& name,
                                           verify::ReadBudget& budget) {
  auto source = place.Open(name, budget, nullptr);
  if (!source) return tl::unexpected(std::move(source.error()));
  verify::Reader file(**source);
  const auto head = file.Peek(verify::kHeadBytes);
  if (!head) return tl::unexpected(head.error());
  const bool shown = verify::DetectCompression(*head).has_value() || BeginsAsText(*head);
  const bool packed = verify::ParseWalFileName(name)->packed;
  if (packed && !shown && !HoldsText(place, name, budget)) return std::string(*head);
  std::string text;
  auto walk = verify::WalkPacked(file, name,
                                 [&text](verify::Reader& inner) -> verify::Walked<verify::Walk> {
                                   auto whole = verify::ReadWalText(inner);
                                   if (!whole) return tl::unexpected(std::move(whole.error()));
                                   text = std::move(*whole);
                                   return verify::Walk{};
                                 });
  if (!walk) return tl::unexpected(std::move(walk.error()));
  return text;
}

}  // namespace

WalInventory TakeWalInventory(const std::vector<PlaceObject>& objects, std::int64_t segment_bytes) {
  WalInventory inventory;
  inventory.segment_bytes = segment_bytes;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto name = verify::ParseWalFileName(objects[i].name);
    if (!name) continue;
    if (name->kind == Kind::kHistory) {
      inventory.histories[name->timeline] = {0, i, objects[i].modified};
      continue;
    }
    const auto number = verify::SegmentNumber(*name, segment_bytes);
    if (!number) {
      ++inventory.impossible_names;
      inventory.impossible_name = objects[i].name;
    } else if (name->kind == Kind::kBackup) {
      inventory.backups.push_back(i);
    } else {
      auto& all = name->kind == Kind::kSegment ? inventory.segments : inventory.partials;
      AddSegment(all[name->timeline], {*number, i, objects[i].modified}, objects, inventory);
    }
  }
  return inventory;
}

std::int64_t GuessSegmentBytes(const std::vector<PlaceObject>& objects) {
  constexpr std::uint64_t kIdBytes = std::uint64_t{1} << 32;
  const std::uint64_t usual = kIdBytes / verify::kDefaultSegmentBytes;
  std::uint64_t most = 0;  // the highest number within 4 GiB, plus one
  std::uint64_t most_before_wrap = 0;
  std::map<std::uint32_t, verify::WalFileName> last;  // by timeline
  for (const PlaceObject& object : objects) {
    const auto name = verify::ParseWalFileName(object.name);
    if (!name || name->kind != Kind::kSegment) continue;
    most = std::max(most, std::uint64_t{name->low} + 1);
    const auto before = last.find(name->timeline);
    if (before != last.end() && before->second.high + 1 == name->high && name->low == 0) {
      most_before_wrap = std::max(most_before_wrap, std::uint64_t{before->second.low} + 1);
    }
    last[name->timeline] = *name;
  }
  const bool wraps = most == most_before_wrap && std::has_single_bit(most);
  const std::uint64_t each = wraps ? most : std::max(usual, std::bit_ceil(most));
  const auto bytes = static_cast<std::int64_t>(kIdBytes / each);
  return verify::IsSegmentSize(bytes) ? bytes : verify::kDefaultSegmentBytes;
}

bool IsDamage(const Finding& problem) {
  return problem.reason == Reason::kCorrupt || problem.reason == Reason::kIncomplete ||
         problem.reason == Reason::kWrongFormat || problem.reason == Reason::kTooSmall;
}

WalReader::WalReader(Place& place, std::string prefix)
    : place_(place), prefix_(std::move(prefix)) {}

// The name after which nothing old is of interest: some segments before the newest one.
std::string WalReader::ResumeAfter() const {
  if (inventory_.segments.empty()) return {};
  const std::vector<WalSegmentFile>& newest = inventory_.segments.rbegin()->second;
  if (newest.size() <= kOverlap) return {};
  return objects_[newest[newest.size() - 1 - kOverlap].object].name;
}

// True if anything changed.
tl::expected<bool, Finding> WalReader::List(base::Timestamp now, const PlaceContext& context) {
  const base::Duration patience = std::min(
      kMaxFullEvery, kFullEveryThousand * static_cast<std::int64_t>(objects_.size() / 1000));
  const bool full = !last_full_ || now - *last_full_ >= patience || now < *last_full_;
  ListOptions options;
  options.prefix = prefix_;
  if (!full) options.start_after = ResumeAfter();
  std::vector<std::string> dead_links;
  options.dead_links = &dead_links;
  const auto tail = std::upper_bound(
      objects_.begin(), objects_.end(), options.start_after,
      [](const std::string& name, const PlaceObject& object) { return name < object.name; });
  auto known = options.start_after.empty() ? objects_.begin() : tail;
  // From where on it is not as it was: a large archive is not held twice.
  std::vector<PlaceObject> fresh;
  const auto listed = place_.Each(options, context, [&](const PlaceObject& object) {
    const bool same = fresh.empty() && known != objects_.end() && known->name == object.name &&
                      known->fingerprint == object.fingerprint;
    if (same) {
      ++known;
    } else {
      fresh.push_back(object);
    }
  });
  if (!listed) return tl::unexpected(listed.error());
  if (full) last_full_ = now;
  std::erase_if(dead_links_, [&](const std::string& name) { return name > options.start_after; });
  std::copy_if(dead_links.begin(), dead_links.end(), std::back_inserter(dead_links_), IsOfWal);
  if (fresh.empty() && known == objects_.end()) return false;
  objects_.erase(known, objects_.end());
  if (objects_.empty()) {
    objects_ = std::move(fresh);
  } else {
    objects_.insert(objects_.end(), std::make_move_iterator(fresh.begin()),
                    std::make_move_iterator(fresh.end()));
  }
  return true;
}

// The size of segments and the cluster, as one of the newest segments tells them.
void WalReader::ReadHead(const PlaceContext& context) {
  int tried = 0;
  for (auto object = objects_.rbegin(); object != objects_.rend(); ++object) {
    const auto name = verify::ParseWalFileName(object->name);
    if (!name || name->kind != Kind::kSegment || object->size_bytes == 0) continue;
    if (++tried > kMaxHeadsTried) return;
    verify::VerifyOptions options;
    options.deadline = context.deadline;
    options.stop = context.stop;
    verify::ReadBudget budget(options);
    auto source = place_.Open(object->name, budget, nullptr);
    if (!source) continue;
    verify::Reader reader(**source);
    const auto head = verify::PeekWalHead(reader, object->name);
    if (!head) continue;
    inventory_.segment_bytes = head->segment_bytes;
    system_identifier_ = head->system_identifier;
    return;
  }
}

// Whether nobody can read a text, which is a problem of its own.
bool WalReader::IsSealed(const std::string& text, const std::string& name) {
  const bool encrypted = !verify::RecogniseEncryption(text).empty();
  const bool opaque = verify::ParseWalFileName(name)->packed && !BeginsAsText(text);
  if (!encrypted && !opaque) return false;
  problems_.push_back(
      {Reason::kUnverified,
       base::Quote(name) + std::string(encrypted ? " is encrypted" : kCannotBeRead)});
  return true;
}

// The same by its name, without reading it.
bool WalReader::IsNamedSealed(const std::string& name) {
  if (!verify::ParseWalFileName(name)->sealed) return false;
  problems_.push_back({Reason::kUnverified, base::Quote(name) + std::string(kCannotBeRead)});
  return true;
}

// What the name alone says of a base backup: where it began. That the file is there says that it
// was finished and that its WAL had been archived by then.
WalBase WalReader::BaseByName(const PlaceObject& object) const {
  const verify::WalFileName name = *verify::ParseWalFileName(object.name);
  const std::uint64_t segment = *verify::SegmentNumber(name, inventory_.segment_bytes);
  const verify::Lsn start =
      segment * static_cast<std::uint64_t>(inventory_.segment_bytes) + name.offset;
  return {start, start, name.timeline, object.modified, object.name};
}

void WalReader::ReadTexts(const PlaceContext& context) {
  texts_due_ = false;
  std::map<std::string, std::pair<std::uint64_t, std::string>> texts;
  histories_.clear();
  unread_histories_.clear();
  bases_.clear();
  problems_.clear();
  const auto text_of = [&](const PlaceObject& object) -> const std::string* {
    if (IsNamedSealed(object.name)) return nullptr;
    const auto known = texts_.find(object.name);
    if (known != texts_.end() && known->second.first == object.fingerprint) {
      return &(texts[object.name] = std::move(known->second)).second;
    }
    verify::VerifyOptions options;
    options.deadline = context.deadline;
    options.stop = context.stop;
    verify::ReadBudget budget(options);
    auto text = ReadPackedText(place_, object.name, budget);
    if (!text) {
      texts_due_ = true;
      problems_.push_back(
          {text.error().reason, base::Quote(object.name) + ": " + text.error().message});
      return nullptr;
    }
    return &(texts[object.name] = {object.fingerprint, std::move(*text)}).second;
  };
  for (const auto& [timeline, file] : inventory_.histories) {
    const std::string* text = text_of(objects_[file.object]);
    if (text == nullptr || IsSealed(*text, objects_[file.object].name)) {
      if (!IsDamage(problems_.back())) unread_histories_.insert(timeline);
      continue;
    }
    auto history = verify::ParseTimelineHistory(*text, timeline);
    if (history) {
      histories_[timeline] = std::move(*history);
    } else {
      problems_.push_back({Reason::kCorrupt, base::Quote(objects_[file.object].name) + ": " +
                                                 history.error().place + " " +
                                                 history.error().message});
    }
  }
  const std::size_t count = std::min(inventory_.backups.size(), kMaxBackupsRead);
  for (auto index = inventory_.backups.end() - static_cast<std::ptrdiff_t>(count);
       index != inventory_.backups.end(); ++index) {
    const PlaceObject& object = objects_[*index];
    const std::string* text = text_of(object);
    if (text == nullptr || IsSealed(*text, object.name)) {
      if (problems_.back().reason == Reason::kUnverified) bases_.push_back(BaseByName(object));
      continue;
    }
    const auto backup = verify::ParseBackupHistory(*text);
    if (!backup) {
      problems_.push_back(
          {Reason::kCorrupt, base::Quote(object.name) + ": " + backup.error().message});
      continue;
    }
    // Written when the backup was finished: the next best clock.
    WalBase base{backup->start, backup->stop, backup->timeline,
                 backup->stopped.value_or(object.modified), object.name};
    base.stop_timeline = backup->stop_timeline;
    bases_.push_back(std::move(base));
  }
  texts_ = std::move(texts);
}

void WalReader::TakeInventory() {
  std::int64_t bytes = expected_bytes_;
  if (system_identifier_) {
    bytes = inventory_.segment_bytes;
  } else if (bytes == 0) {
    bytes = GuessSegmentBytes(objects_);
  }
  inventory_ = TakeWalInventory(objects_, bytes);
}

void WalReader::ExpectSegmentBytes(std::int64_t bytes) {
  if (bytes == expected_bytes_ || !verify::IsSegmentSize(bytes)) return;
  expected_bytes_ = bytes;
  if (system_identifier_ || objects_.empty() || inventory_.segment_bytes == bytes) return;
  TakeInventory();
  texts_due_ = true;  // where base backups began is told by names, too
  ++changes_;
}

tl::expected<void, Finding> WalReader::Refresh(base::Timestamp now, const PlaceContext& context) {
  auto changed = List(now, context);
  if (!changed) return tl::unexpected(std::move(changed.error()));
  if (*changed) {
    ++changes_;
    // Not at every look: of an encrypted archive no segment ever tells.
    if ((!system_identifier_ || doubted_) && last_full_ == now) {
      doubted_ = false;
      ReadHead(context);
    }
    std::int64_t segment_bytes = inventory_.segment_bytes;
    auto before = std::move(inventory_.segments);
    if (const auto known = std::exchange(before_, std::nullopt)) {
      segment_bytes = known->segment_bytes;
      before = removals_.Restore(known->segments);
    }
    TakeInventory();
    // Numbers mean another segment with another size.
    if (segment_bytes != inventory_.segment_bytes)
      removals_.Forget();
    else
      removals_.Compare(before, inventory_.segments, now);
    bytes_ = 0;
    for (const PlaceObject& object : objects_) bytes_ += object.size_bytes;
  }
  if (last_full_ == now) removals_.EndListing(now);
  if (*changed || texts_due_) ReadTexts(context);
  return {};
}

}  // namespace drwatch::catalog
