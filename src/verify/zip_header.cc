#include "verify/zip_header.h"

#include <algorithm>
#include <array>

namespace drwatch::verify {
namespace {

using model::Reason;

constexpr std::string_view kHeader = "a zip header";
constexpr std::string_view kEnd = "the end record of a zip archive";
// In place of a number that stands in a zip64 field.
constexpr std::uint64_t kElsewhere = 0xffffffff;
constexpr unsigned kZip64Field = 1;

std::uint64_t Number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return value;
}

// Fills in, in their order, those of `values` that stand in the zip64 field of `extra`.
Walked<void> ReadZip64(std::string_view extra, std::array<std::uint64_t, 3>& values,
                       std::int64_t place) {
  while (extra.size() >= 4) {
    const auto id = Number(extra, 0, 2);
    const auto size = static_cast<std::size_t>(Number(extra, 2, 2));
    if (size > extra.size() - 4) {
      if (id != kZip64Field) return {};  // padding, which some programs align members with
      return Broken(Reason::kCorrupt, place, "zip64 field that is longer than its header says");
    }
    std::string_view field = extra.substr(4, size);
    extra.remove_prefix(4 + size);
    if (id != kZip64Field) continue;
    for (std::uint64_t& value : values) {
      if (value != kElsewhere || field.size() < 8) continue;
      value = Number(field, 0, 8);
      field.remove_prefix(8);
    }
  }
  return {};
}

Walked<ZipHeader> ReadRest(Reader& reader, ZipHeader header, std::array<std::uint64_t, 3> values,
                           std::array<std::size_t, 3> lengths) {
  const std::int64_t place = reader.offset();
  auto name = reader.Take(lengths[0], kHeader);
  if (!name) return tl::unexpected(std::move(name.error()));
  header.name = std::string(*name);
  auto extra = reader.Take(lengths[1], kHeader);
  if (!extra) return tl::unexpected(std::move(extra.error()));
  if (auto read = ReadZip64(*extra, values, place); !read) {
    return tl::unexpected(std::move(read.error()));
  }
  for (const std::uint64_t value : values) {
    if (value > INT64_MAX) return Broken(Reason::kCorrupt, place, "zip header of impossible size");
  }
  header.size = static_cast<std::int64_t>(values[0]);
  header.packed = static_cast<std::int64_t>(values[1]);
  header.offset = static_cast<std::int64_t>(values[2]);
  if (auto skipped = reader.Skip(static_cast<std::int64_t>(lengths[2]), kHeader); !skipped) {
    return tl::unexpected(std::move(skipped.error()));
  }
  return header;
}

// The zip64 end record and what says where it lies; at the ordinary one afterwards.
Walked<ZipEnd> ReadZip64End(Reader& reader) {
  constexpr std::size_t kLocatorBytes = 20;
  auto record = reader.Take(56, kEnd);
  if (!record) return tl::unexpected(std::move(record.error()));
  ZipEnd end;
  const std::int64_t place = reader.offset() - 56;
  const std::uint64_t size = Number(*record, 4, 8);  // of what follows this field
  end.entries = static_cast<std::int64_t>(Number(*record, 32, 8));
  end.directory_bytes = static_cast<std::int64_t>(Number(*record, 40, 8));
  end.directory = static_cast<std::int64_t>(Number(*record, 48, 8));
  end.in_volumes = Number(*record, 16, 8) != 0;
  const bool whole = Number(*record, 24, 8) == Number(*record, 32, 8) || end.in_volumes;
  if (size < 44 || size > INT32_MAX || !whole) {
    return Broken(Reason::kCorrupt, place, "zip64 end record that contradicts itself");
  }
  if (auto rest = reader.Skip(static_cast<std::int64_t>(size) - 44, kEnd); !rest) {
    return tl::unexpected(std::move(rest.error()));
  }
  auto locator = reader.Take(kLocatorBytes, kEnd);
  if (!locator) return tl::unexpected(std::move(locator.error()));
  const bool leads = locator->starts_with("PK\x06\x07") &&
                     Number(*locator, 8, 8) == static_cast<std::uint64_t>(place);
  if (!leads && !end.in_volumes) {
    return Broken(Reason::kCorrupt, place, "zip64 end record that nothing leads to");
  }
  return end;
}

struct Field {
  std::size_t at;
  std::size_t size;
};

// Takes a number of the end record; where a zip64 record said it already, whether they agree.
bool TakeField(std::string_view record, Field field, bool said, std::int64_t& value) {
  const std::uint64_t here = Number(record, field.at, field.size);
  const std::uint64_t most = (std::uint64_t{1} << 8 * field.size) - 1;
  if (said) return here == most || here == (static_cast<std::uint64_t>(value) & most);
  value = static_cast<std::int64_t>(here);
  return true;
}

}  // namespace

Walked<ZipHeader> ReadZipMember(Reader& reader) {
  auto fixed = reader.Take(30, kHeader);
  if (!fixed) return tl::unexpected(std::move(fixed.error()));
  const std::string bytes(*fixed);
  ZipHeader header;
  header.flags = static_cast<unsigned>(Number(bytes, 6, 2));
  header.method = static_cast<unsigned>(Number(bytes, 8, 2));
  header.crc = static_cast<std::uint32_t>(Number(bytes, 14, 4));
  return ReadRest(reader, std::move(header), {Number(bytes, 22, 4), Number(bytes, 18, 4), 0},
                  {Number(bytes, 26, 2), Number(bytes, 28, 2), 0});
}

Walked<ZipHeader> ReadZipDirectoryEntry(Reader& reader) {
  auto fixed = reader.Take(46, kHeader);
  if (!fixed) return tl::unexpected(std::move(fixed.error()));
  const std::string bytes(*fixed);
  ZipHeader header;
  header.flags = static_cast<unsigned>(Number(bytes, 8, 2));
  header.method = static_cast<unsigned>(Number(bytes, 10, 2));
  header.crc = static_cast<std::uint32_t>(Number(bytes, 16, 4));
  return ReadRest(reader, std::move(header),
                  {Number(bytes, 24, 4), Number(bytes, 20, 4), Number(bytes, 42, 4)},
                  {Number(bytes, 28, 2), Number(bytes, 30, 2), Number(bytes, 32, 2)});
}

Walked<ZipEnd> ReadZipEnd(Reader& reader) {
  auto signature = reader.Peek(4);
  if (!signature) return tl::unexpected(std::move(signature.error()));
  ZipEnd end;
  const bool large = *signature == kZip64End;
  if (large) {
    auto read = ReadZip64End(reader);
    if (!read) return read;
    end = *read;
  }
  const std::int64_t place = reader.offset();
  auto record = reader.Take(22, kEnd);
  if (!record) return tl::unexpected(std::move(record.error()));
  if (!record->starts_with(kZipEnd)) {
    return Broken(Reason::kCorrupt, place, "no end record of a zip archive");
  }
  const auto disk = Number(*record, 4, 2);
  end.in_volumes = end.in_volumes || (disk != 0 && disk != 0xffff);
  bool whole = Number(*record, 8, 2) == Number(*record, 10, 2);
  whole = TakeField(*record, {10, 2}, large, end.entries) && whole;
  whole = TakeField(*record, {12, 4}, large, end.directory_bytes) && whole;
  whole = TakeField(*record, {16, 4}, large, end.directory) && whole;
  if (!whole && !end.in_volumes) {
    return Broken(Reason::kCorrupt, place, "end record of a zip archive that contradicts itself");
  }
  const auto comment = static_cast<std::int64_t>(Number(*record, 20, 2));
  if (auto skipped = reader.Skip(comment, kEnd); !skipped) {
    return tl::unexpected(std::move(skipped.error()));
  }
  return end;
}

std::size_t MatchZipDescriptor(std::string_view bytes, ZipHeader& said, bool content_known) {
  const std::size_t signed_bytes = bytes.starts_with(kZipDescriptor) ? 4 : 0;
  for (const std::size_t begin : {signed_bytes, std::size_t{0}}) {
    // The wide ones first: of an empty file the narrow ones fit them, too.
    for (const std::size_t width : {std::size_t{8}, std::size_t{4}}) {
      const std::size_t length = begin + 4 + 2 * width;
      if (bytes.size() < length) continue;
      const std::uint64_t size = Number(bytes, begin + 4 + width, width);
      const auto crc = static_cast<std::uint32_t>(Number(bytes, begin, 4));
      if (Number(bytes, begin + 4, width) != static_cast<std::uint64_t>(said.packed)) continue;
      const bool fits = content_known
                            ? crc == said.crc && size == static_cast<std::uint64_t>(said.size)
                            : bytes.substr(length, 2) == kZipMember.substr(0, 2);
      if (!fits) continue;
      said.crc = crc;
      said.size = static_cast<std::int64_t>(std::min<std::uint64_t>(size, INT64_MAX));
      return length;
    }
  }
  return 0;
}

}  // namespace drwatch::verify
