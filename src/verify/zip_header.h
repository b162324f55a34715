// The headers of zip archives: PKWARE's APPNOTE.TXT 6.3.10, 4.3 and 4.4, with zip64 sizes.
#pragma once

#include <cstdint>
#include <string>

#include "verify/source.h"

namespace drwatch::verify {

// What stands in front of a member, or about it in the directory at the end.
struct ZipHeader {
  std::string name;
  unsigned flags = 0;
  unsigned method = 0;
  std::uint32_t crc = 0;    // CRC-32 of the content
  std::int64_t packed = 0;  // bytes in the archive
  std::int64_t size = 0;    // bytes unpacked
  std::int64_t offset = 0;  // of the member's own header; 0 in that header itself

  static constexpr unsigned kStored = 0;
  static constexpr unsigned kDeflated = 8;
  bool encrypted() const { return (flags & 1) != 0; }
  // Its checksum and sizes stand behind the content (as well).
  bool described() const { return (flags & 8) != 0; }
  bool readable() const { return !encrypted() && (method == kStored || method == kDeflated); }
};

// The signatures that headers begin with, as four bytes.
inline constexpr std::string_view kZipMember = "PK\x03\x04";
inline constexpr std::string_view kZipDirectory = "PK\x01\x02";
inline constexpr std::string_view kZipDescriptor = "PK\x07\x08";
inline constexpr std::string_view kZip64End = "PK\x06\x06";
inline constexpr std::string_view kZipEnd = "PK\x05\x06";

// Each is called where its signature stands. Faults: kIncomplete, kCorrupt (an extra field that is
// longer than its header says).
Walked<ZipHeader> ReadZipMember(Reader& reader);
Walked<ZipHeader> ReadZipDirectoryEntry(Reader& reader);

struct ZipEnd {
  std::int64_t entries = 0;
  std::int64_t directory = 0;        // where it begins
  std::int64_t directory_bytes = 0;  // up to this record
  bool in_volumes = false;           // the archive goes over several files
};
// The end record with its zip64 records and its comment. Of an archive without zip64 records
// `entries` is their number modulo 65536. kCorrupt also if it contradicts itself.
Walked<ZipEnd> ReadZipEnd(Reader& reader);

// How long the descriptor is that `bytes` begin with, if it is about `said.packed` bytes and, where
// the content was read, about its checksum and size; else it sets these, and a header must follow.
// 0 if it is not.
std::size_t MatchZipDescriptor(std::string_view bytes, ZipHeader& said, bool content_known);
inline constexpr std::size_t kMaxZipDescriptorBytes = 24;

}  // namespace drwatch::verify
