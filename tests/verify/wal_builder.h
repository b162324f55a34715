// WAL as a server writes it, for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "verify/content_check.h"
#include "verify/wal_name.h"

namespace drwatch::verify {

// Segments as a server writes them, record by record. Pages of 8 KiB.
class WalBuilder {
 public:
  static constexpr std::size_t kSegment = 1 << 20;
  static constexpr std::size_t kPage = 8192;
  static constexpr std::uint64_t kSystem = 0x1234567890ABCDEF;

  explicit WalBuilder(std::uint64_t first_segment, std::size_t segment_bytes = kSegment)
      : first_(first_segment), segment_(segment_bytes) {}

  // Appends a record; returns where it begins. `body` follows the 24 bytes of the header.
  Lsn Add(std::string body, unsigned char manager = 10, unsigned char info = 0) {
    Room();
    const Lsn begin = Position();
    const auto length = static_cast<std::uint32_t>(24 + body.size());
    std::string head;
    Put(head, length, 4);
    Put(head, 7, 4);
    Put(head, previous_, 8);
    head += static_cast<char>(info);
    head += static_cast<char>(manager);
    head += std::string(2, '\0');
    const std::uint32_t crc = Crc32c(Crc32c(0, body), head);
    Put(head, crc, 4);
    const std::string record = head + body;
    for (std::size_t at = 0; at < record.size();) {
      if (bytes_.size() % kPage == 0) PageHeader(static_cast<std::uint32_t>(record.size() - at));
      const std::size_t part = std::min(record.size() - at, kPage - bytes_.size() % kPage);
      bytes_ += record.substr(at, part);
      at += part;
    }
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    previous_ = begin;
    return begin;
  }
  Lsn Commit(std::int64_t unix_seconds) {
    std::string body = {static_cast<char>(255), 8};
    Put(body, static_cast<std::uint64_t>((unix_seconds - 946'684'800) * 1'000'000), 8);
    return Add(body, 1, 0);
  }
  void Switch() { Add("", 0, 0x40); }
  // A crash after the page in which the record at `begin` begins: what follows gives it up.
  void CrashWithin(Lsn begin, Lsn previous) {
    bytes_.resize(((begin - first_ * segment_) / kPage + 1) * kPage);
    previous_ = previous;
    overwritten_ = true;
  }
  // The rest of the last segment is zeros.
  std::vector<std::string> Segments() const {
    std::vector<std::string> segments;
    for (std::size_t at = 0; at < bytes_.size(); at += segment_) {
      segments.push_back(bytes_.substr(at, segment_));
      segments.back().resize(segment_);
    }
    return segments;
  }
  std::string Name(std::size_t index) const { return SegmentName(1, first_ + index, segment_); }
  Lsn Position() const { return first_ * segment_ + bytes_.size(); }
  // So that the next record begins `bytes` before the end of the segment.
  void FillTo(std::size_t left) {
    while (segment_ - bytes_.size() % segment_ > 3000 + left) Add(std::string(2000, 'f'));
    Room();
    const std::size_t room = segment_ - bytes_.size() % segment_;
    if (room >= left + 24) Add(std::string(room - left - 24, 'g'));
  }

 private:
  static void Put(std::string& out, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i));
  }
  void Room() {
    if (bytes_.size() % kPage == 0) PageHeader(0);
  }
  void PageHeader(std::uint32_t remaining) {
    const bool is_long = bytes_.size() % segment_ == 0;
    const std::uint64_t address = first_ * segment_ + bytes_.size();
    Put(bytes_, 0xD110, 2);
    Put(bytes_, (remaining > 0 ? 1u : 0u) | (is_long ? 2u : 0u) | (overwritten_ ? 8u : 0u), 2);
    Put(bytes_, 1, 4);
    Put(bytes_, address, 8);
    Put(bytes_, remaining, 4);
    Put(bytes_, 0, 4);
    if (is_long) {
      Put(bytes_, kSystem, 8);
      Put(bytes_, segment_, 4);
      Put(bytes_, kPage, 4);
    }
    overwritten_ = false;
  }

  const std::uint64_t first_;
  const std::size_t segment_;
  std::string bytes_;
  Lsn previous_ = 0;
  bool overwritten_ = false;
};

}  // namespace drwatch::verify
