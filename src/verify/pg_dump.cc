#include "verify/pg_dump.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/sizes.h"
#include "verify/decoder.h"
#include "verify/dump_chunks.h"
#include "verify/dump_data.h"
#include "verify/inflate.h"
#include "verify/pg_dump_toc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::size_t kBufferBytes = 64 << 10;

class DumpWalker {
 public:
  DumpWalker(Reader& reader, DumpToc toc)
      : reader_(reader), toc_(std::move(toc)), begins_(toc_.data.size(), kNotSeen) {}

  Walked<void> Run() {
    while (true) {
      auto end = reader_.AtEnd();
      if (!end) return tl::unexpected(std::move(end.error()));
      if (*end) return CheckAllSeen();
      auto type = reader_.Peek(1);
      if (!type) return tl::unexpected(std::move(type.error()));
      if ((*type)[0] == 0 && CheckAllSeen()) return CheckSecondToc();
      if (auto block = WalkDataBlock(); !block) return block;
    }
  }
  std::int64_t streams() const { return streams_; }
  std::int64_t unpacked_bytes() const { return unpacked_bytes_; }
  const DumpToc& toc() const { return toc_; }
  bool second_toc() const { return second_toc_; }

 private:
  Walked<void> WalkDataBlock();
  Walked<void> WalkLargeObjects();
  Walked<void> WalkStream(DumpData data);
  Walked<std::unique_ptr<Decoder>> Unpacked(Reader& input);
  Walked<const DumpEntry*> Claim(std::int64_t id, std::int64_t begin);
  Walked<void> CheckAllSeen() const;
  Walked<void> CheckSecondToc();

  static constexpr std::int64_t kNotSeen = -1;
  Reader& reader_;
  DumpToc toc_;
  std::vector<std::int64_t> begins_;  // of the entries' blocks
  bool second_toc_ = false;
  std::unique_ptr<Inflater> inflater_;
  std::int64_t streams_ = 0;
  std::int64_t unpacked_bytes_ = 0;
};

Walked<void> DumpWalker::WalkDataBlock() {
  // pg_backup_custom.c: BLK_DATA and BLK_BLOBS.
  constexpr char kData = 1;
  constexpr char kLargeObjects = 3;
  const std::int64_t begin = reader_.offset();
  auto taken = reader_.Take(1, kDataBlock);
  if (!taken) return tl::unexpected(std::move(taken.error()));
  const char type = (*taken)[0];
  if (type != kData && type != kLargeObjects) {
    return Broken(Reason::kCorrupt, begin, "no data block where one must begin");
  }
  auto id = ReadDumpInt(reader_, toc_.header, kDataBlock);
  if (!id) return tl::unexpected(std::move(id.error()));
  auto entry = Claim(*id, begin);
  if (!entry) return tl::unexpected(std::move(entry.error()));
  if (type == kLargeObjects) return WalkLargeObjects();
  return WalkStream(DumpData(**entry, toc_.encoding));
}

// Notes that the entry has its block.
Walked<const DumpEntry*> DumpWalker::Claim(std::int64_t id, std::int64_t begin) {
  const auto found =
      std::lower_bound(toc_.data.begin(), toc_.data.end(), id,
                       [](const DumpEntry& entry, std::int64_t value) { return entry.id < value; });
  const std::string name = "data block of entry " + std::to_string(id);
  if (found == toc_.data.end() || found->id != id) {
    return Broken(Reason::kCorrupt, begin, name + " is not in the table of contents");
  }
  const auto index = static_cast<std::size_t>(found - toc_.data.begin());
  if (begins_[index] != kNotSeen) return Broken(Reason::kCorrupt, begin, name + " occurs twice");
  if (found->offset >= 0 && found->offset != begin) {
    return Broken(Reason::kCorrupt, begin,
                  name + " should begin at byte " + std::to_string(found->offset));
  }
  begins_[index] = begin;
  return &*found;
}

Walked<void> DumpWalker::WalkLargeObjects() {
  while (true) {
    const std::int64_t begin = reader_.offset();
    auto oid = ReadDumpInt(reader_, toc_.header, "a large object");
    if (!oid) return tl::unexpected(std::move(oid.error()));
    if (*oid == 0) return {};
    // Written as a signed int: oids above 2^31 are negative.
    if (*oid > UINT32_MAX) return Broken(Reason::kCorrupt, begin, "impossible large object");
    if (auto stream = WalkStream(DumpData()); !stream) return stream;
  }
}

Walked<void> DumpWalker::WalkStream(DumpData data) {
  const std::int64_t begin = reader_.offset();
  DumpChunks chunks(reader_, toc_.header);
  Reader input(chunks);
  ++streams_;
  // Places inside a packed stream mean nothing to anyone: name where the archive stands. A stream
  // that ends before its data does was not cut off; its length is wrong.
  const auto at_archive = [&](Fault fault) {
    if (fault.outcome == Outcome::kBroken) {
      if (chunks.ended()) fault.reason = Reason::kCorrupt;
      fault.place = "byte " + std::to_string(reader_.offset());
      fault.message += " (data stream that begins at byte " + std::to_string(begin) + ")";
    }
    return tl::unexpected(std::move(fault));
  };
  auto decoder = Unpacked(input);
  if (!decoder) return at_archive(decoder.error());
  GatheredChunks gathered(chunks, reader_);
  Source& source = *decoder ? static_cast<Source&>(**decoder) : gathered;
  while (true) {
    auto bytes = source.Next();
    if (!bytes) return at_archive(bytes.error());
    if (bytes->empty()) break;
    unpacked_bytes_ += static_cast<std::int64_t>(bytes->size());
    const auto wrong = data.Add(*bytes);
    if (!wrong) continue;
    auto fault =
        Broken(Reason::kCorrupt, *decoder ? 0 : gathered.PlaceOf(wrong->at), wrong->message);
    return *decoder ? at_archive(fault.value()) : fault;
  }
  auto end = input.AtEnd();
  if (!end) return at_archive(end.error());
  if (!*end) {
    return Broken(Reason::kCorrupt, reader_.offset(), "bytes after the end of a compressed stream");
  }
  if (const auto missing = data.Missing()) {
    return Broken(Reason::kIncomplete, reader_.offset(), *missing);
  }
  return {};
}

// nullptr: nothing is packed.
Walked<std::unique_ptr<Decoder>> DumpWalker::Unpacked(Reader& input) {
  const DumpCompression compression = toc_.header.compression;
  if (compression == DumpCompression::kNone) return nullptr;
  auto empty = input.AtEnd();
  if (!empty) return tl::unexpected(std::move(empty.error()));
  if (*empty) return nullptr;
  switch (compression) {
    case DumpCompression::kNone:
      break;
    case DumpCompression::kGzip:
      if (!inflater_) {
        inflater_ = std::make_unique<Inflater>(Inflater::Wrapping::kZlib, kBufferBytes);
      }
      return std::make_unique<ZlibDecoder>(input, *inflater_);
    case DumpCompression::kLz4:
      return MakeDecoder(Compression::kLz4, input);
    case DumpCompression::kZstd:
      return MakeDecoder(Compression::kZstd, input);
  }
  std::abort();
}

Walked<void> DumpWalker::CheckAllSeen() const {
  const auto missing = std::count(begins_.begin(), begins_.end(), kNotSeen);
  if (missing == 0) return {};
  return Broken(Reason::kIncomplete, reader_.offset(),
                "ends before the data of " + std::to_string(missing) + " of " +
                    std::to_string(begins_.size()) + " entries");
}

// Once its data is written pg_dump writes the table of contents anew, with the places of the data.
// That lands behind the data where the output appends ("pg_dump -Fc >> file", and "> file" of 17.12
// and 18.6). Nobody reads it there, but it has to be this archive's.
Walked<void> DumpWalker::CheckSecondToc() {
  second_toc_ = true;
  const std::int64_t begin = reader_.offset();
  auto again = ReadSecondDumpToc(reader_, toc_.header);
  if (!again) return tl::unexpected(std::move(again.error()));
  const auto differs = [&] {
    if (again->header.entries != toc_.header.entries) return true;
    if (again->data.size() != toc_.data.size()) return true;
    for (std::size_t i = 0; i < toc_.data.size(); ++i) {
      const DumpEntry& entry = again->data[i];
      if (entry.id != toc_.data[i].id) return true;
      if (entry.offset != begins_[i] && entry.offset != -1) return true;
    }
    return false;
  };
  if (differs()) {
    return Broken(Reason::kCorrupt, begin, "what follows the data is not its table of contents");
  }
  auto end = reader_.AtEnd();
  if (!end) return tl::unexpected(std::move(end.error()));
  if (*end) return {};
  return Broken(Reason::kCorrupt, reader_.offset(), "bytes after the end of the archive");
}

}  // namespace

bool LooksLikeDump(std::string_view head) { return head.starts_with(kDumpMagic); }

Walked<Walk> WalkDump(Reader& reader) {
  auto toc = ReadDumpToc(reader);
  if (!toc) return tl::unexpected(std::move(toc.error()));
  Walk walk;
  walk.format = DumpFormatName(toc->header);
  walk.contents.tables = std::move(toc->tables);
  walk.contents.begun = toc->begun;
  if (toc->header.format != DumpFormat::kCustom) {
    return Unjudged(Reason::kIncomplete, walk.format + ": its table of contents alone");
  }
  const std::int64_t data_began = reader.offset();
  DumpWalker walker(reader, std::move(*toc));
  if (auto run = walker.Run(); !run) return tl::unexpected(std::move(run.error()));
  const DumpHeader& header = walker.toc().header;
  if (header.compression != DumpCompression::kNone) {
    walk.contents.packed_bytes = reader.offset() - data_began;
    walk.contents.unpacked_bytes = walker.unpacked_bytes();
  }
  const bool checked = header.compression == DumpCompression::kGzip;
  walk.level = checked ? Level::kContent : Level::kFormat;
  walk.details.push_back("database \"" + header.database + "\" of server " + header.server_version +
                         ": " + std::to_string(walker.toc().data.size()) + " entries with data, " +
                         base::FormatSize(walker.unpacked_bytes()));
  if (!walker.toc().has_rows) walk.details.emplace_back(kNoRowsText);
  if (walker.second_toc()) {
    walk.details.emplace_back("its table of contents is there twice: its output appended");
  }
  if (!checked) {
    walk.details.push_back(
        "its data carries no checksum: a changed letter inside shows only against a checksum file");
  }
  return walk;
}

}  // namespace drwatch::verify
