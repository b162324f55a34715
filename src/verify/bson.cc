#include "verify/bson.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/strings.h"
#include "verify/crc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kArchive = "\x6d\xe2\x99\x81";
constexpr std::string_view kTerminator = "\xff\xff\xff\xff";
constexpr std::string_view kDocument = "a BSON document";
// The server takes 16 MiB, and a little more for its own purposes.
constexpr std::int64_t kMaxDocumentBytes = 64 << 20;
constexpr std::int64_t kMinDocumentBytes = 5;
// Of a header, which names a collection.
constexpr std::int64_t kMaxHeaderBytes = 16 << 10;
// Collections of an archive that are written side by side.
constexpr std::size_t kMaxOpen = 10'000;

std::uint64_t Number(std::string_view bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

// The length that a document begins with; it is not consumed.
Walked<std::int64_t> LengthOfNext(Reader& reader) {
  auto head = reader.Peek(4);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (head->size() < 4) {
    return Broken(Reason::kIncomplete, reader.offset() + static_cast<std::int64_t>(head->size()),
                  "ends in a BSON document");
  }
  const auto length = static_cast<std::int64_t>(Number(*head, 4));
  if (length >= kMinDocumentBytes && length <= kMaxDocumentBytes) return length;
  return Broken(Reason::kCorrupt, reader.offset(), "no BSON document where one must begin");
}

// Consumes a document; `crc` goes on over its bytes.
Walked<void> SkipDocument(Reader& reader, std::uint64_t& crc) {
  const std::int64_t begin = reader.offset();
  const auto length = LengthOfNext(reader);
  if (!length) return tl::unexpected(length.error());
  char last = '\0';
  for (std::int64_t left = *length; left > 0;) {
    auto bytes = reader.Some(left);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->empty()) {
      return Broken(Reason::kIncomplete, reader.offset(), "ends in a BSON document");
    }
    crc = Crc64Xz(crc, *bytes);
    last = bytes->back();
    left -= static_cast<std::int64_t>(bytes->size());
  }
  if (last == '\0') return {};
  return Broken(Reason::kCorrupt, begin, "a BSON document that does not end where it says");
}

// What stands in front of the documents of a collection, or behind the last of them.
struct Header {
  std::string database;
  std::string collection;
  bool end = false;
  std::optional<std::uint64_t> crc;
};

// The value of a field of `type` that `rest` begins with. nullopt: of no type that a header has.
std::optional<std::string_view> TakeValue(char type, std::string_view& rest) {
  std::size_t size = 0;
  if (type == 0x08) size = 1;  // boolean
  if (type == 0x10) size = 4;  // int32
  if (type == 0x12) size = 8;  // int64
  if (type == 0x02 && rest.size() >= 4) {
    size = static_cast<std::size_t>(Number(rest, 4));
    rest.remove_prefix(4);
  }
  if (size == 0 || size > rest.size()) return std::nullopt;
  const std::string_view value = rest.substr(0, size);
  rest.remove_prefix(size);
  return value;
}

Header ParseHeader(std::string_view document) {
  Header header;
  std::string_view rest = document.substr(4, document.size() - kMinDocumentBytes);
  while (!rest.empty()) {
    const char type = rest[0];
    const std::size_t name_end = rest.find('\0', 1);
    if (name_end == rest.npos) break;
    const std::string_view name = rest.substr(1, name_end - 1);
    rest.remove_prefix(name_end + 1);
    const auto value = TakeValue(type, rest);
    if (!value) break;
    if (name == "db") header.database = *value;
    if (name == "collection") header.collection = *value;
    if (name == "EOF") header.end = value->at(0) != '\0';
    if (name == "CRC" && value->size() == 8) header.crc = Number(*value, 8);
  }
  return header;
}

class ArchiveWalker {
 public:
  explicit ArchiveWalker(Reader& reader) : reader_(reader) {}
  Walked<Walk> Run();

 private:
  Walked<void> Prelude();
  Walked<void> Block();
  Walked<void> Finish(const Header& header, std::int64_t place);
  Walked<bool> AtTerminator();

  Reader& reader_;
  std::map<std::string, std::uint64_t> open_;  // what was begun: the CRC-64 so far
  std::int64_t announced_ = -1;  // collections of the prelude; its first document is of the archive
  std::int64_t collections_ = 0;
  bool all_checked_ = true;
};

Walked<bool> ArchiveWalker::AtTerminator() {
  auto head = reader_.Peek(4);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (*head != kTerminator) return false;
  reader_.Consume(kTerminator.size());
  return true;
}

// The archive's own header, and what is known of each collection.
Walked<void> ArchiveWalker::Prelude() {
  reader_.Consume(kArchive.size());
  while (true) {
    auto end = AtTerminator();
    if (!end) return tl::unexpected(std::move(end.error()));
    if (*end) return {};
    std::uint64_t unused = 0;
    if (auto skipped = SkipDocument(reader_, unused); !skipped) return skipped;
    ++announced_;
  }
}

Walked<void> ArchiveWalker::Finish(const Header& header, std::int64_t place) {
  const std::string name = header.database + "." + header.collection;
  const auto found = open_.find(name);
  const std::uint64_t crc = found == open_.end() ? 0 : found->second;
  if (found != open_.end()) open_.erase(found);
  ++collections_;
  if (!header.crc) all_checked_ = false;
  if (!header.crc || *header.crc == crc) return {};
  return Broken(Reason::kCorrupt, place,
                "the CRC-64 of collection " + base::Quote(base::Truncate(name, 200)) + " differs");
}

Walked<void> ArchiveWalker::Block() {
  const std::int64_t place = reader_.offset();
  const auto length = LengthOfNext(reader_);
  if (!length) return tl::unexpected(length.error());
  if (*length > kMaxHeaderBytes) {
    return Broken(Reason::kCorrupt, place, "no header of a collection where one must begin");
  }
  auto document = reader_.Take(static_cast<std::size_t>(*length), kDocument);
  if (!document) return tl::unexpected(std::move(document.error()));
  const Header header = ParseHeader(*document);
  if (header.collection.empty() || document->back() != '\0') {
    return Broken(Reason::kCorrupt, place, "no header of a collection where one must begin");
  }
  if (open_.size() == kMaxOpen) {
    return Unjudged(Reason::kLimit, "more than " + std::to_string(kMaxOpen) + " open collections");
  }
  std::uint64_t* const crc =
      header.end ? nullptr : &open_[header.database + "." + header.collection];
  while (true) {
    auto end = AtTerminator();
    if (!end) return tl::unexpected(std::move(end.error()));
    if (*end) break;
    if (crc == nullptr) {
      return Broken(Reason::kCorrupt, reader_.offset(), "documents behind the end of a collection");
    }
    if (auto skipped = SkipDocument(reader_, *crc); !skipped) return skipped;
  }
  return header.end ? Finish(header, place) : Walked<void>();
}

Walked<Walk> ArchiveWalker::Run() {
  if (auto prelude = Prelude(); !prelude) return tl::unexpected(std::move(prelude.error()));
  while (true) {
    auto end = reader_.AtEnd();
    if (!end) return tl::unexpected(std::move(end.error()));
    if (*end) break;
    if (auto block = Block(); !block) return tl::unexpected(std::move(block.error()));
  }
  if (!open_.empty()) {
    const std::string name = base::Quote(base::Truncate(open_.begin()->first, 200));
    return Broken(Reason::kIncomplete, reader_.offset(),
                  "ends before collection " + name + " does");
  }
  // It is written before the first document is read.
  if (announced_ > 0 && collections_ == 0) {
    return Broken(Reason::kIncomplete, reader_.offset(),
                  "ends before the first of " + std::to_string(announced_) + " collections");
  }
  Walk walk;
  walk.format = "mongodump archive";
  walk.level = all_checked_ ? Level::kContent : Level::kFormat;
  walk.details.push_back(std::to_string(collections_) + " collections");
  return walk;
}

}  // namespace

bool PromisesBson(std::string_view name) { return base::Lower(name).ends_with(".bson"); }

bool LooksLikeMongoArchive(std::string_view head) { return head.starts_with(kArchive); }

Walked<Walk> WalkBson(Reader& reader) {
  std::int64_t documents = 0;
  while (true) {
    auto end = reader.AtEnd();
    if (!end) return tl::unexpected(std::move(end.error()));
    if (*end) break;
    std::uint64_t unused = 0;
    if (auto skipped = SkipDocument(reader, unused); !skipped) {
      return tl::unexpected(std::move(skipped.error()));
    }
    ++documents;
  }
  Walk walk;
  walk.format = "BSON";
  walk.level = Level::kFormat;
  walk.details.push_back(std::to_string(documents) + " documents");
  return walk;
}

Walked<Walk> WalkMongoArchive(Reader& reader) { return ArchiveWalker(reader).Run(); }

}  // namespace drwatch::verify
