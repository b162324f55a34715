// Streams of bytes, pulled: a file, a decompressor over another stream, and the buffered reader the
// format walkers use. Memory is bounded whatever the bytes say.
//
// Nothing here is thread-safe: one verification is one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "model/probe_result.h"
#include "verify/verdict.h"

namespace drwatch::verify {

// Why reading or walking ended before its end. Travels up to the verdict.
struct Fault {
  Outcome outcome = Outcome::kBroken;
  model::Reason reason = model::Reason::kCorrupt;
  std::string place;  // "byte 123" and the like; may be empty
  std::string message;
};

template <typename T>
using Walked = tl::expected<T, Fault>;

// A broken artefact: return Broken(Reason::kCorrupt, offset, "header checksum differs").
tl::unexpected<Fault> Broken(model::Reason reason, std::int64_t offset, std::string message);
// Not judged: return Unjudged(Reason::kLimit, "...").
tl::unexpected<Fault> Unjudged(model::Reason reason, std::string message);

// Whether the storage itself keeps a checksum of the bytes, and what it said. A difference is a
// fault of Next().
enum class Attestation { kNone, kAtTheEnd, kMatched };

class Source {
 public:
  virtual ~Source() = default;
  // The next bytes, at least one; empty at the end. The view is valid until the next call.
  virtual Walked<std::string_view> Next() = 0;
  // From now on the bytes are only hashed or copied: they are read in larger pieces.
  virtual void OnlyHash() {}
  virtual Attestation attestation() const { return Attestation::kNone; }
  // True if what is being read is no longer what it was when it was opened.
  virtual bool changed() const { return false; }
  // Leaves out zeros that are known without being read, and says how many. Some may be left.
  virtual std::int64_t SkipHole() { return 0; }
  // Before the first Next(): begins so many bytes behind the start, without reading what is before.
  // False: it cannot, or there are fewer.
  virtual bool StartAt(std::int64_t /*offset*/) { return false; }
};

// Bytes in memory, for parts that were read already and for tests. Does not own them.
class MemorySource final : public Source {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  Walked<std::string_view> Next() override { return std::exchange(bytes_, {}); }

 private:
  std::string_view bytes_;
};

// Counts, peeks and takes. Does not own its source.
class Reader {
 public:
  // The longest Peek or Take.
  static constexpr std::size_t kMaxTake = 64 << 10;

  explicit Reader(Source& source) : source_(source) {}

  // Bytes consumed so far: the place of the next one.
  std::int64_t offset() const { return offset_; }
  // The next `size` bytes or, at the end of the stream, what is left; nothing is consumed.
  Walked<std::string_view> Peek(std::size_t size);
  // Exactly `size` bytes. A stream that ends before is kIncomplete: "ends in `what`".
  Walked<std::string_view> Take(std::size_t size, std::string_view what);
  // What is at hand, at least one byte; empty at the end. Nothing is consumed.
  Walked<std::string_view> Look();
  // Consumes `size` bytes of what Look() or Peek() returned.
  void Consume(std::size_t size);
  // What is at hand, at least one byte and at most `limit`; empty at the end.
  Walked<std::string_view> Some(std::int64_t limit);
  // Consumes exactly `size` bytes; as Take.
  Walked<void> Skip(std::int64_t size, std::string_view what);
  // Consumes all zeros that come next; holes of a sparse file are not read.
  Walked<void> SkipZeros();
  // True if nothing is left.
  Walked<bool> AtEnd();

 private:
  Walked<void> Fill(std::size_t size);

  Source& source_;
  std::string_view chunk_;  // of source_, not consumed yet
  std::string carry_;       // bytes that span two chunks; consumed from carry_at_
  std::size_t carry_at_ = 0;
  std::int64_t offset_ = 0;
  bool ended_ = false;
};

// Where the first byte stands that is not zero; npos if there is none. Quick for long zeros.
std::size_t FirstNonZero(std::string_view bytes);

// Reads `source` to its end.
Walked<std::int64_t> Drain(Source& source);

}  // namespace drwatch::verify
