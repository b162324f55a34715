// How a custom archive of pg_dump stores a data stream: chunks of any size, (length, bytes)*, and a
// length of 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/pg_dump_toc.h"
#include "verify/source.h"

namespace drwatch::verify {

inline constexpr std::string_view kDataBlock = "a data block";

class DumpChunks final : public Source {
 public:
  DumpChunks(Reader& archive, const DumpHeader& header) : archive_(archive), header_(header) {}

  Walked<std::string_view> Next() override;
  // The length of 0 has been read.
  bool ended() const { return ended_; }

 private:
  Reader& archive_;
  const DumpHeader& header_;
  std::int64_t left_ = 0;  // of the chunk
  bool ended_ = false;
};

// Makes long pieces of short chunks: of a table that is not packed, every row is one.
class GatheredChunks final : public Source {
 public:
  GatheredChunks(DumpChunks& chunks, const Reader& archive) : chunks_(chunks), archive_(archive) {}

  Walked<std::string_view> Next() override;
  // Where in the archive a byte of what Next() returned last stands.
  std::int64_t PlaceOf(std::size_t at) const;

 private:
  struct Part {
    std::size_t begin;
    std::int64_t place;  // in the archive
  };

  DumpChunks& chunks_;
  const Reader& archive_;
  std::string bytes_;
  std::vector<Part> parts_;
  std::optional<Fault> fault_;  // that comes behind the bytes
};

}  // namespace drwatch::verify
