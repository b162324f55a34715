// Deflate in its two wrappings, gzip files (RFC 1952) and zlib streams (RFC 1950), and without one.
#pragma once

#include <memory>
#include <string>

#include "verify/decoder.h"
#include "verify/source.h"

struct inflate_state;

namespace drwatch::verify {

// One deflate stream at a time, its checksum verified at its end (CRC32 and length for gzip,
// Adler-32 for zlib; none without a wrapping).
class Inflater {
 public:
  enum class Wrapping { kGzip, kZlib, kNone };
  Inflater(Wrapping wrapping, std::size_t buffer_bytes);
  ~Inflater();
  // Before each stream. The header has been read already.
  void Start();
  // The next unpacked bytes; empty once the stream's checksum has been verified.
  Walked<std::string_view> Next(Reader& input);
  // Bytes taken from the input beyond the end of a stream. Always 0 for gzip, whose trailer is as
  // long as what ISA-L reads ahead; a zlib trailer is shorter.
  std::size_t read_ahead() const;
  // Those bytes.
  std::string read_ahead_bytes() const;

 private:
  Wrapping wrapping_;
  std::unique_ptr<inflate_state> state_;
  const std::size_t buffer_bytes_;
  const std::unique_ptr<char[]> buffer_;
};

// All members of a gzip file one after the other. Zeros after the last member are accepted, as gzip
// does; anything else there is kCorrupt.
class GzipDecoder final : public Decoder {
 public:
  explicit GzipDecoder(Reader& input);
  Walked<std::string_view> Next() override;
  bool checked() const override { return true; }

 private:
  enum class Place { kHeader, kData, kEnd };
  Walked<void> ReadHeader();
  Walked<bool> AtLastMember();

  Reader& input_;
  Inflater inflater_;
  Place place_ = Place::kHeader;
};

// One zlib stream, unpacked with an inflater made for kZlib, which may serve the next one again.
// Anything behind it is kCorrupt.
class ZlibDecoder final : public Decoder {
 public:
  ZlibDecoder(Reader& input, Inflater& inflater) : input_(input), inflater_(inflater) {}
  Walked<std::string_view> Next() override;
  bool checked() const override { return true; }

 private:
  Walked<void> ReadHeader();

  Reader& input_;
  Inflater& inflater_;
  bool started_ = false;
};

}  // namespace drwatch::verify
