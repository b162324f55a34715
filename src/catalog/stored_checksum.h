// The checksum that S3 keeps of an object, made again from the object's bytes. Pure.
//
// It proves that the bytes are those that were stored, not that the backup program wrote all of it:
// a verification of level "checksum", as a checksum file beside it would be.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/s3.h"

namespace drwatch::catalog {

// One object, its bytes in order. One thread.
class StoredChecksum {
 public:
  // The best one that can be made again; nullptr: there is none. `part_bytes` is the size of the
  // object's parts if it was uploaded in parts of one size (but for the last), else 0: then neither
  // its ETag nor a checksum of checksums can be made again. Nor can the ETag of an object that is
  // encrypted with a key of somebody's own: it says nothing of the bytes.
  static std::unique_ptr<StoredChecksum> Choose(const net::S3Head& head, std::int64_t part_bytes);
  // Where nobody tells the size of the parts: what Choose() makes of each size in `guesses`, at
  // once. It matches if one of them does; that none does proves nothing. nullptr: there is none.
  static std::unique_ptr<StoredChecksum> Guess(const net::S3Head& head,
                                               const std::vector<std::int64_t>& guesses);
  virtual ~StoredChecksum() = default;
  virtual void Update(std::string_view bytes) = 0;
  // Call once, after the last byte.
  virtual bool Matches() = 0;
  // "sha256", "ETag": for messages.
  virtual std::string Name() const = 0;
};

// "abc-7" -> 7; nullopt for the ETag of an object that was uploaded in one go.
std::optional<int> PartsOfEtag(std::string_view etag);
// Whether parts of `part_bytes` make `parts` of them.
bool PartsFit(std::int64_t size, std::int64_t part_bytes, int parts);
// The sizes that programs usually give to parts, as far as `parts` of them make `size` bytes; at
// most kMaxGuesses of them, the most usual ones. Each costs the time of a digest.
inline constexpr std::size_t kMaxGuesses = 3;
std::vector<std::int64_t> GuessPartBytes(std::int64_t size, int parts);

}  // namespace drwatch::catalog
