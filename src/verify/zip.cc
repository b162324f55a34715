#include "verify/zip.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "verify/control_file.h"
#include "verify/crc.h"
#include "verify/data_folder_scan.h"
#include "verify/inflate.h"
#include "verify/zip_header.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 256 << 10;

// What the directory must say of a member.
struct Member {
  std::int64_t offset = 0;
  std::int64_t packed = 0;
  std::int64_t size = 0;
  std::uint32_t crc = 0;
  // Of its name and method.
  std::uint32_t mark = 0;
};

std::uint32_t MarkOf(const ZipHeader& header) { return Crc32(header.method, header.name); }

// A part of a stream.
class Part final : public Source {
 public:
  Part(Reader& reader, std::int64_t size) : reader_(reader), left_(size) {}
  Walked<std::string_view> Next() override {
    if (left_ == 0) return "";
    auto bytes = reader_.Some(left_);
    if (bytes && bytes->empty()) {
      return Broken(Reason::kIncomplete, reader_.offset(), "ends in a zip member");
    }
    if (bytes) left_ -= static_cast<std::int64_t>(bytes->size());
    return bytes;
  }

 private:
  Reader& reader_;
  std::int64_t left_;
};

// What a member holds, unpacked; counts and checksums it.
class Content final : public Source {
 public:
  // `inflater`: nullptr = it is stored as it is. `file`: what all of it comes out of.
  Content(Reader& packed, const Reader& file, Inflater* inflater)
      : packed_(packed), file_(file), inflater_(inflater) {
    if (inflater_ != nullptr) inflater_->Start();
  }
  Walked<std::string_view> Next() override {
    auto bytes = inflater_ != nullptr ? inflater_->Next(packed_) : packed_.Some(INT64_MAX);
    failed_ = !bytes;
    if (!bytes) return bytes;
    size_ += static_cast<std::int64_t>(bytes->size());
    crc_ = Crc32(crc_, *bytes);
    if (size_ > kExpansionFloorBytes && size_ / kMaxExpansionRatio > file_.offset()) {
      failed_ = true;
      return Unjudged(Reason::kLimit, "unpacks to more than " + std::to_string(kMaxExpansionRatio) +
                                          " times its size");
    }
    return bytes;
  }
  std::int64_t size() const { return size_; }
  std::uint32_t crc() const { return crc_; }
  // Whether the last fault came from here.
  bool failed() const { return failed_; }

 private:
  Reader& packed_;
  const Reader& file_;
  Inflater* const inflater_;
  std::int64_t size_ = 0;
  std::uint32_t crc_ = 0;
  bool failed_ = false;
};

class ZipWalker {
 public:
  ZipWalker(Reader& reader, const Reader& file, const WalkContent& content)
      : reader_(reader), file_(file), content_(content) {}
  Walked<Walk> Run();

 private:
  Walked<void> ReadMember();
  Walked<void> Unpack(const ZipHeader& header, Content& content);
  Walked<void> UnpackKnown(ZipHeader& header);
  Walked<void> UnpackUnknown(ZipHeader& header);
  Walked<void> ReadDescriptor(ZipHeader& header, const std::string& read_ahead);
  Walked<bool> SkipSigningBlock();
  Walked<void> ReadDirectory();
  Walked<void> CheckEntry(const ZipHeader& entry, std::int64_t place) const;
  Walked<void> ReadEnd(std::int64_t directory);
  Walked<Walk> Finish();
  Walked<Walk> FinishSingle(Walk archive);
  Inflater* InflaterFor(const ZipHeader& header) {
    return header.method == ZipHeader::kDeflated ? &inflater_ : nullptr;
  }

  Reader& reader_;
  const Reader& file_;
  const WalkContent& content_;
  Inflater inflater_{Inflater::Wrapping::kNone, kBufferBytes};
  std::vector<Member> members_;
  std::int64_t entries_ = 0;  // of the directory
  std::int64_t files_ = 0;
  std::int64_t encrypted_ = 0;
  std::int64_t unreadable_ = 0;
  std::int64_t unpacked_bytes_ = 0;
  // Of the first file: its name, and what its content was found to be.
  std::string first_name_;
  std::optional<Walked<Walk>> first_;
  ArchivedDumps dumps_;
  DataFolderScan data_folders_;
};

Walked<void> ZipWalker::Unpack(const ZipHeader& header, Content& content) {
  const bool folder = header.name.ends_with('/');
  TarMember member;
  member.name = header.name;
  if (folder) member.type = '5';
  data_folders_.Note(member);
  StartKeeper keeper(content, data_folders_.WantsContent() ? kControlBytes : 0);
  const bool first = !folder && ++files_ == 1;
  if (first || (!folder && ArchivedDumps::Wants(header.name))) {
    Reader inner(keeper);
    auto walk = content_(inner, header.name);
    if (content.failed()) return tl::unexpected(std::move(walk.error()));
    if (first) {
      first_name_ = header.name;
      first_ = std::move(walk);
    } else {
      dumps_.Add(header.name, 0, std::move(walk));
    }
  }
  auto rest = Drain(keeper);
  if (!rest) return tl::unexpected(std::move(rest.error()));
  if (data_folders_.WantsContent()) data_folders_.Keep(keeper.start());
  unpacked_bytes_ += content.size();
  return {};
}

Walked<void> ZipWalker::UnpackKnown(ZipHeader& header) {
  if (!header.readable()) {
    ++files_;
    ++(header.encrypted() ? encrypted_ : unreadable_);
    return reader_.Skip(header.packed, "a zip member");
  }
  Part part(reader_, header.packed);
  Reader packed(part);
  Content content(packed, file_, InflaterFor(header));
  if (auto unpacked = Unpack(header, content); !unpacked) return unpacked;
  if (auto rest = Drain(part); !rest) return tl::unexpected(std::move(rest.error()));
  const bool same = content.crc() == header.crc && content.size() == header.size;
  const bool unsaid = header.described() && header.crc == 0;
  if (unsaid) header.crc = content.crc();
  if (unsaid) header.size = content.size();
  if (same || unsaid) return {};
  return Broken(
      Reason::kCorrupt, reader_.offset(),
      "the CRC-32 of zip member " + base::Quote(base::Truncate(header.name, 200)) + " differs");
}

// Where it ends only its content tells: it came out of a pipe, or went into one.
Walked<void> ZipWalker::UnpackUnknown(ZipHeader& header) {
  auto next = reader_.Peek(kMaxZipDescriptorBytes);
  if (!next) return tl::unexpected(std::move(next.error()));
  if (header.method == ZipHeader::kStored && MatchZipDescriptor(*next, header, true) > 0) {
    if (!header.name.ends_with('/')) ++files_;
    return ReadDescriptor(header, {});
  }
  if (header.encrypted() || header.method != ZipHeader::kDeflated) {
    return Unjudged(Reason::kUnverified,
                    "where zip member " + base::Quote(base::Truncate(header.name, 200)) +
                        " ends is not known, which is encrypted or not deflated");
  }
  const std::int64_t begin = reader_.offset();
  Content content(reader_, file_, &inflater_);
  if (auto unpacked = Unpack(header, content); !unpacked) return unpacked;
  const std::string read_ahead = inflater_.read_ahead_bytes();
  header.packed = reader_.offset() - begin - static_cast<std::int64_t>(read_ahead.size());
  header.size = content.size();
  header.crc = content.crc();
  return ReadDescriptor(header, read_ahead);
}

// `read_ahead` are bytes of it that were taken from the reader before.
Walked<void> ZipWalker::ReadDescriptor(ZipHeader& header, const std::string& read_ahead) {
  // With the beginning of what follows.
  auto bytes = reader_.Peek(kMaxZipDescriptorBytes + 2);
  if (!bytes) return tl::unexpected(std::move(bytes.error()));
  const std::string all = read_ahead + std::string(*bytes);
  const std::size_t length = MatchZipDescriptor(all, header, header.readable());
  if (length > 0) {
    reader_.Consume(length - std::min(length, read_ahead.size()));
    return {};
  }
  if (all.size() < kMaxZipDescriptorBytes) {
    return Broken(Reason::kIncomplete, reader_.offset() + static_cast<std::int64_t>(bytes->size()),
                  "ends in a zip archive that has no directory");
  }
  return Broken(Reason::kCorrupt, reader_.offset(),
                "the CRC-32 or the sizes of zip member " +
                    base::Quote(base::Truncate(header.name, 200)) + " differ");
}

Walked<void> ZipWalker::ReadMember() {
  const std::int64_t offset = reader_.offset();
  auto header = ReadZipMember(reader_);
  if (!header) return tl::unexpected(std::move(header.error()));
  if (members_.size() == kMaxZipMembers) {
    return Unjudged(Reason::kLimit, "more than " + std::to_string(kMaxZipMembers) + " members");
  }
  const bool unknown = header->described() && header->packed == 0;
  const bool described = header->described() && !unknown;
  auto read = unknown ? UnpackUnknown(*header) : UnpackKnown(*header);
  if (read && described) read = ReadDescriptor(*header, {});
  if (!read) return read;
  members_.push_back({offset, header->packed, header->size, header->crc, MarkOf(*header)});
  return {};
}

// Android's signatures stand between the members and the directory: their length, again at the end,
// and a mark.
Walked<bool> ZipWalker::SkipSigningBlock() {
  constexpr std::string_view kMark = "APK Sig Block 42";
  constexpr std::int64_t kMaxBytes = 64 << 20;
  auto head = reader_.Peek(8);
  if (!head) return tl::unexpected(std::move(head.error()));
  std::int64_t size = 0;
  for (std::size_t i = head->size(); i > 0; --i) {
    size = size << 8 | static_cast<unsigned char>((*head)[i - 1]);
  }
  if (head->size() < 8 || size < 24 || size > kMaxBytes) return false;
  const auto mark_bytes = static_cast<std::int64_t>(kMark.size());
  if (!reader_.Skip(8 + size - mark_bytes, kMark)) return false;
  auto mark = reader_.Take(kMark.size(), kMark);
  return mark && *mark == kMark;
}

Walked<void> ZipWalker::CheckEntry(const ZipHeader& entry, std::int64_t place) const {
  const auto at = std::lower_bound(
      members_.begin(), members_.end(), entry.offset,
      [](const Member& member, std::int64_t offset) { return member.offset < offset; });
  const std::string name = base::Quote(base::Truncate(entry.name, 200));
  if (at == members_.end() || at->offset != entry.offset) {
    return Broken(Reason::kCorrupt, place, "zip member " + name + " is not where it should be");
  }
  const bool same = at->crc == entry.crc && at->packed == entry.packed && at->size == entry.size;
  if (same && at->mark == MarkOf(entry)) return {};
  return Broken(Reason::kCorrupt, place, "the directory of the zip archive is not about " + name);
}

Walked<void> ZipWalker::ReadDirectory() {
  const std::int64_t directory = reader_.offset();
  while (true) {
    auto signature = reader_.Peek(4);
    if (!signature) return tl::unexpected(std::move(signature.error()));
    if (*signature != kZipDirectory) return ReadEnd(directory);
    const std::int64_t place = reader_.offset();
    auto entry = ReadZipDirectoryEntry(reader_);
    if (!entry) return tl::unexpected(std::move(entry.error()));
    ++entries_;
    if (auto checked = CheckEntry(*entry, place); !checked) return checked;
  }
}

Walked<void> ZipWalker::ReadEnd(std::int64_t directory) {
  const std::int64_t place = reader_.offset();
  auto end = ReadZipEnd(reader_);
  if (!end) return tl::unexpected(std::move(end.error()));
  if (end->in_volumes) return Unjudged(Reason::kUnverified, "the last part of a zip in volumes");
  const bool counted = end->entries == entries_ || end->entries == entries_ % 65'536;
  const bool found = end->directory == directory && end->directory_bytes == place - directory;
  if (!counted || !found) {
    return Broken(Reason::kCorrupt, place, "the end of the zip archive is not about its directory");
  }
  if (auto zeros = reader_.SkipZeros(); !zeros) return zeros;
  auto at_end = reader_.AtEnd();
  if (!at_end) return tl::unexpected(std::move(at_end.error()));
  if (*at_end) return {};
  return Broken(Reason::kCorrupt, reader_.offset(), "bytes after the end of the zip archive");
}

Walked<Walk> ZipWalker::FinishSingle(Walk archive) {
  if (!*first_) {
    Fault fault = std::move(first_->error());
    fault.place = PlaceInMember(first_name_, fault.place);
    return tl::unexpected(std::move(fault));
  }
  Walk walk = **std::move(first_);
  if (walk.again) {
    walk.again = [again = std::move(walk.again)](Reader& whole) {
      const WalkContent content = [&again](Reader& inner, const std::string&) {
        return again(inner);
      };
      return WalkZip(whole, whole, content);
    };
    return walk;
  }
  if (walk.level < Level::kFormat) {
    if (!walk.format.empty()) archive.format = walk.format + " in zip";
    if (!walk.doubt.empty()) archive.details.push_back(std::move(walk.doubt));
    return archive;
  }
  walk.format += " in zip";
  walk.level = Level::kContent;
  walk.contents.unpacked_bytes = std::max(walk.contents.unpacked_bytes, unpacked_bytes_);
  return walk;
}

Walked<Walk> ZipWalker::Finish() {
  if (entries_ == 0) return Broken(Reason::kTooSmall, 0, "the zip archive holds nothing");
  Walk walk;
  walk.format = "zip archive";
  walk.level = encrypted_ + unreadable_ > 0 ? Level::kFormat : Level::kContent;
  walk.contents.unpacked_bytes = unpacked_bytes_;
  walk.details.push_back(std::to_string(entries_) + " members");
  if (encrypted_ > 0) {
    walk.details.push_back(std::to_string(encrypted_) + " of them are encrypted and were not read");
  }
  if (unreadable_ > 0) {
    walk.details.push_back(std::to_string(unreadable_) +
                           " of them are not deflated and were not unpacked");
  }
  if (files_ == 1 && first_) return FinishSingle(std::move(walk));
  if (first_ && ArchivedDumps::Wants(first_name_)) dumps_.Add(first_name_, 0, *std::move(first_));
  if (auto told = dumps_.Finish(walk); !told) return tl::unexpected(std::move(told.error()));
  // What was passed over may be what is missing in a data folder.
  if (encrypted_ + unreadable_ > 0) return walk;
  if (auto told = data_folders_.Finish(walk); !told) return tl::unexpected(std::move(told.error()));
  return walk;
}

Walked<Walk> ZipWalker::Run() {
  while (true) {
    auto signature = reader_.Peek(4);
    if (!signature) return tl::unexpected(std::move(signature.error()));
    const std::int64_t place = reader_.offset();
    if (*signature == kZipMember) {
      if (auto read = ReadMember(); !read) return tl::unexpected(std::move(read.error()));
      continue;
    }
    const bool end = *signature == kZip64End || *signature == kZipEnd;
    if (end || *signature == kZipDirectory) {
      if (auto read = ReadDirectory(); !read) return tl::unexpected(std::move(read.error()));
      return Finish();
    }
    if (signature->size() < 4) {
      return Broken(Reason::kIncomplete, place + static_cast<std::int64_t>(signature->size()),
                    "ends in a zip archive that has no directory");
    }
    auto skipped = SkipSigningBlock();
    if (!skipped) return tl::unexpected(std::move(skipped.error()));
    if (!*skipped) return Broken(Reason::kCorrupt, place, "no zip header where one must begin");
  }
}

}  // namespace

bool LooksLikeZip(std::string_view head) {
  return head.starts_with(kZipMember) || head.starts_with(kZipEnd);
}

Walked<Walk> WalkZip(Reader& reader, const Reader& file, const WalkContent& content) {
  return ZipWalker(reader, file, content).Run();
}

}  // namespace drwatch::verify
