#include "verify/pg_dump_toc.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/strings.h"
#include "verify/contents.h"
#include "verify/utc.h"

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr int kOldestMinor = 12;
constexpr int kNewestMinor = 16;
constexpr int kMinorWithTableAm = 14;
constexpr int kMinorWithAlgorithm = 15;
constexpr int kMinorWithRelkind = 16;
// Texts are walked over, not kept, beyond so many bytes; a COPY statement may name 1600 columns.
constexpr std::int64_t kKeptTextBytes = 1024;
constexpr std::int64_t kKeptStatementBytes = 256 << 10;
constexpr std::string_view kToc = "the table of contents";

template <typename T>
tl::unexpected<Fault> Pass(T& failed) {
  return tl::unexpected(std::move(failed.error()));
}

Walked<int> ReadByte(Reader& reader, std::string_view what) {
  auto byte = reader.Take(1, what);
  if (!byte) return Pass(byte);
  return static_cast<unsigned char>((*byte)[0]);
}

// The header's and the entries' fields in turn; the first fault stays.
class Fields {
 public:
  Fields(Reader& reader, const DumpHeader& header) : reader_(reader), header_(header) {}

  std::int64_t Int() {
    if (fault_) return 0;
    auto value = ReadDumpInt(reader_, header_, kToc);
    if (value) return *value;
    fault_ = value.error();
    return 0;
  }
  std::int64_t Int(std::int64_t lowest, std::int64_t highest, std::string_view what) {
    const std::int64_t begin = reader_.offset();
    const std::int64_t value = Int();
    if (!fault_ && (value < lowest || value > highest)) {
      Fail(begin, "impossible " + std::string(what) + " " + std::to_string(value));
    }
    return value;
  }
  // The text, cut to `limit` bytes; "" for a null. `null` tells the two apart.
  std::string Text(bool* null = nullptr, std::int64_t limit = kKeptTextBytes) {
    const std::int64_t begin = reader_.offset();
    const std::int64_t length = Int();
    if (null != nullptr) *null = length < 0;
    if (fault_ || length < 0) {
      if (length < -1) Fail(begin, "impossible text length " + std::to_string(length));
      return {};
    }
    std::string result;
    for (std::int64_t left = std::min(length, limit); left > 0;) {
      const auto part = std::min<std::int64_t>(left, Reader::kMaxTake);
      auto text = reader_.Take(static_cast<std::size_t>(part), kToc);
      if (!text) return fault_ = text.error(), std::string();
      result += *text;
      left -= part;
    }
    const auto kept = static_cast<std::int64_t>(result.size());
    if (auto skipped = reader_.Skip(length - kept, kToc); !skipped) fault_ = skipped.error();
    return result;
  }
  std::int64_t Offset(int* state) {
    auto byte = fault_ ? Walked<int>(0) : ReadByte(reader_, kToc);
    if (!byte) return fault_ = byte.error(), 0;
    *state = *byte;
    auto raw = reader_.Take(static_cast<std::size_t>(header_.offset_bytes), kToc);
    if (!raw) return fault_ = raw.error(), 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < raw->size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>((*raw)[i])) << (8 * i);
    }
    return static_cast<std::int64_t>(value);
  }
  void Fail(std::int64_t offset, std::string message) {
    if (!fault_) fault_ = Broken(Reason::kCorrupt, offset, std::move(message)).value();
  }
  std::optional<Fault>& fault() { return fault_; }

 private:
  Reader& reader_;
  const DumpHeader& header_;
  std::optional<Fault> fault_;
};

// Up to and including the compression.
Walked<DumpHeader> ReadFixedPart(Reader& reader) {
  auto fixed = reader.Take(kDumpMagic.size() + 6, "the header");
  if (!fixed) return Pass(fixed);
  if (!fixed->starts_with(kDumpMagic)) {
    return Broken(Reason::kWrongFormat, 0, "not a pg_dump archive");
  }
  const auto byte = [&fixed](std::size_t i) {
    return static_cast<int>(static_cast<unsigned char>((*fixed)[kDumpMagic.size() + i]));
  };
  DumpHeader header;
  const int major = byte(0);
  header.minor = byte(1);
  header.int_bytes = byte(3);
  header.offset_bytes = byte(4);
  const int format = byte(5);
  if (major != 1) return Broken(Reason::kCorrupt, 5, "impossible archive version");
  if (header.minor < kOldestMinor || header.minor > kNewestMinor) {
    return Unjudged(Reason::kWrongFormat, "pg_dump archive version " + std::to_string(major) + "." +
                                              std::to_string(header.minor) + " is not known");
  }
  if (header.int_bytes < 1 || header.int_bytes > 8 || header.offset_bytes < 1 ||
      header.offset_bytes > 8) {
    return Broken(Reason::kCorrupt, 8, "impossible integer size in the header");
  }
  if (format != 1 && format != 3 && format != 5) {
    return Broken(Reason::kCorrupt, 10, "impossible format " + std::to_string(format));
  }
  header.format = static_cast<DumpFormat>(format);
  if (header.minor >= kMinorWithAlgorithm) {
    auto algorithm = ReadByte(reader, "the header");
    if (!algorithm) return Pass(algorithm);
    if (*algorithm > 3) {
      return Broken(Reason::kCorrupt, 11, "impossible compression " + std::to_string(*algorithm));
    }
    header.compression = static_cast<DumpCompression>(*algorithm);
  } else {
    auto level = ReadDumpInt(reader, header, "the header");
    if (!level) return Pass(level);
    if (*level < -1 || *level > 9) {
      return Broken(Reason::kCorrupt, 11, "impossible compression " + std::to_string(*level));
    }
    header.compression = *level == 0 ? DumpCompression::kNone : DumpCompression::kGzip;
  }
  return header;
}

// What the data of a table is; pg_dump gives it a COPY statement unless it was told --inserts.
void DescribeTable(const std::string& name, std::string_view copy, DumpEntry& entry) {
  const bool rows = copy.starts_with("COPY ");
  entry.content = rows ? DumpContent::kRows : DumpContent::kStatements;
  if (auto target = ParseCopyStatement(copy)) {
    entry.target = std::move(*target);
  } else {
    entry.target.table = NameForMessage(name);
  }
}

// Behind the data pg_dump leaves out what it would write anew without a change and is long: the
// statements of statistics, over which it seeks (since 18).
enum class TocPlace { kFront, kBehindData };

// One entry; true if it has data.
bool ReadEntry(Fields& fields, std::int64_t begin, TocPlace place, DumpToc& toc, DumpEntry& entry,
               TableList& tables) {
  const DumpHeader& header = toc.header;
  entry = DumpEntry();
  entry.id = fields.Int(1, INT32_MAX, "entry id");
  fields.Int(0, 1, "data flag");
  fields.Text();  // table oid
  fields.Text();  // oid
  const std::string tag = fields.Text();
  const std::string description = fields.Text();
  fields.Int(0, 4, "section");
  const bool left_out = place == TocPlace::kBehindData && description == "STATISTICS DATA";
  const std::string definition = left_out ? "" : fields.Text();
  fields.Text();  // DROP statement
  const std::string copy = fields.Text(nullptr, kKeptStatementBytes);
  const std::string schema = fields.Text();
  if (description == "TABLE DATA") {
    tables.Add(schema, tag);
    toc.has_rows = true;
    DescribeTable(schema + "." + tag, copy, entry);
  } else if (description == "BLOBS") {
    entry.content = DumpContent::kLargeObjects;
  } else if (description == "ENCODING") {
    toc.encoding = ParseSetEncoding(definition).value_or(TextEncoding::kOther);
  }
  fields.Text();  // tablespace
  if (header.minor >= kMinorWithTableAm) fields.Text();
  if (header.minor >= kMinorWithRelkind) fields.Int(0, 255, "relkind");
  fields.Text();  // owner
  const std::string with_oids = fields.Text();
  if (with_oids != "true" && with_oids != "false") {
    fields.Fail(begin, "damaged entry in the table of contents");
  }
  for (bool null = false; !null && !fields.fault();) fields.Text(&null);  // dependencies
  if (header.format != DumpFormat::kCustom) {
    entry.file = fields.Text();
    return !entry.file.empty();
  }
  // pg_backup_custom.c: 1 = position not set, 2 = set, 3 = no data.
  int state = 3;
  const std::int64_t offset = fields.Offset(&state);
  if (state < 1 || state > 3) fields.Fail(begin, "impossible offset state");
  if (state == 2) entry.offset = offset;
  return state != 3;
}

// The C library's struct tm of when pg_dump began, in the local time of a zone that is not told.
std::optional<base::Timestamp> ReadBegun(Fields& fields) {
  const auto field = [&fields](std::int64_t lowest, std::int64_t highest, std::string_view what) {
    return static_cast<int>(fields.Int(lowest, highest, what));
  };
  const int second = field(0, 61, "second");
  const int minute = field(0, 59, "minute");
  const int hour = field(0, 23, "hour");
  const int day = field(1, 31, "day");
  const int month = field(0, 11, "month");
  const int year = field(0, 1000, "year");
  field(-1, 1, "daylight saving flag");
  if (fields.fault()) return std::nullopt;
  return MakeUtc(1900 + year, month + 1, day, hour, minute, second);
}

// The entries and how many they are.
Walked<void> ReadEntries(Reader& reader, Fields& fields, TocPlace place, DumpToc& toc,
                         TableList& tables) {
  toc.header.entries = fields.Int(0, INT32_MAX, "number of entries");
  for (std::int64_t i = 0; i < toc.header.entries && !fields.fault(); ++i) {
    DumpEntry entry;
    if (!ReadEntry(fields, reader.offset(), place, toc, entry, tables)) continue;
    if (static_cast<std::int64_t>(toc.data.size()) == kMaxDumpEntries) {
      return Unjudged(Reason::kLimit,
                      "more than " + std::to_string(kMaxDumpEntries) + " entries with data");
    }
    toc.data.push_back(std::move(entry));
  }
  if (fields.fault()) return tl::unexpected(std::move(*fields.fault()));
  std::sort(toc.data.begin(), toc.data.end(),
            [](const DumpEntry& a, const DumpEntry& b) { return a.id < b.id; });
  for (std::size_t i = 1; i < toc.data.size(); ++i) {
    if (toc.data[i - 1].id == toc.data[i].id) {
      return Broken(Reason::kCorrupt, reader.offset(),
                    "entry " + std::to_string(toc.data[i].id) + " occurs twice");
    }
  }
  return {};
}

}  // namespace

Walked<std::int64_t> ReadDumpInt(Reader& reader, const DumpHeader& header, std::string_view what) {
  const std::int64_t begin = reader.offset();
  auto bytes = reader.Take(static_cast<std::size_t>(header.int_bytes) + 1, what);
  if (!bytes) return Pass(bytes);
  const auto byte = [&bytes](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>((*bytes)[i]));
  };
  std::uint64_t value = 0;
  for (std::size_t i = 1; i < bytes->size(); ++i) value |= byte(i) << (8 * (i - 1));
  if (byte(0) > 1 || value > INT64_MAX || (byte(0) == 1 && value == 0)) {
    return Broken(Reason::kCorrupt, begin, "damaged number in " + std::string(what));
  }
  const auto magnitude = static_cast<std::int64_t>(value);
  return byte(0) == 1 ? -magnitude : magnitude;
}

Walked<DumpToc> ReadDumpToc(Reader& reader) {
  auto header = ReadFixedPart(reader);
  if (!header) return Pass(header);
  DumpToc toc;
  toc.header = std::move(*header);
  Fields fields(reader, toc.header);
  toc.begun = ReadBegun(fields);
  toc.header.database = fields.Text();
  toc.header.server_version = fields.Text();
  fields.Text();  // version of pg_dump
  TableList tables;
  if (auto entries = ReadEntries(reader, fields, TocPlace::kFront, toc, tables); !entries)
    return Pass(entries);
  toc.tables = tables.Take();
  return toc;
}

Walked<DumpToc> ReadSecondDumpToc(Reader& reader, const DumpHeader& header) {
  DumpToc toc;
  toc.header = header;
  Fields fields(reader, toc.header);
  TableList tables;
  if (auto entries = ReadEntries(reader, fields, TocPlace::kBehindData, toc, tables); !entries)
    return Pass(entries);
  return toc;
}

std::string DumpFormatName(const DumpHeader& header) {
  std::string name = "pg_dump ";
  switch (header.format) {
    case DumpFormat::kCustom:
      name += "custom";
      break;
    case DumpFormat::kTar:
      name += "tar";
      break;
    case DumpFormat::kDirectory:
      name += "directory";
      break;
  }
  name += " archive 1." + std::to_string(header.minor);
  switch (header.compression) {
    case DumpCompression::kNone:
      return name + ", not compressed";
    case DumpCompression::kGzip:
      return name + ", gzip";
    case DumpCompression::kLz4:
      return name + ", lz4";
    case DumpCompression::kZstd:
      return name + ", zstd";
  }
  std::abort();
}

}  // namespace drwatch::verify
