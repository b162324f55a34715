// Artefacts made in memory for the tests of verify.
#pragma once

#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/temp_dir.h"
#include "verify/format.h"
#include "verify/verify.h"

namespace drwatch::verify {

inline std::string Sample(std::string_view name) {
  return testing::ReadTestFile(testing::TestData("testdata/verify/" + std::string(name)));
}

inline std::string Deflated(std::string_view bytes, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
inline std::string Gzip(std::string_view bytes) { return Deflated(bytes, 15 + 16); }

// Text that neither repeats itself nor compresses to nothing.
inline std::string Noise(std::size_t size) {
  std::string text;
  std::uint64_t state = 42;
  while (text.size() < size) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    text += std::to_string(state >> 40) + (state % 7 == 0 ? "\n" : " ");
  }
  text.resize(size);
  return text;
}

inline Verdict VerifyBytes(std::string_view bytes, std::string_view name = "artefact.dump") {
  const testing::TempDir folder;
  return VerifyPath(folder.Write(name, bytes), {});
}

// The same without a file: quick enough for thousands of damages.
inline Verdict WalkBytes(std::string_view bytes, const std::string& name = "artefact.dump") {
  MemorySource source(bytes);
  Reader reader(source);
  const Walked<Walk> walk = WalkStream(reader, name);
  Verdict verdict;
  verdict.outcome = walk ? Outcome::kIntact : walk.error().outcome;
  if (walk) {
    verdict.level = walk->level;
    verdict.format = walk->format;
  } else {
    verdict.reason = walk.error().reason;
    verdict.place = walk.error().place;
    verdict.message = walk.error().message;
  }
  return verdict;
}

inline std::string Flipped(std::string bytes, std::size_t at, int bit = 0) {
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
  return bytes;
}

// A ustar member; what it leaves out stands at its default.
struct TarEntry {
  std::string name;
  std::string content;
  char type = '0';
  std::string prefix = {};
  std::int64_t modified = 0;  // seconds since 1970
};
inline void SetTarChecksum(std::string& header) {
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  char text[16];
  std::snprintf(text, sizeof text, "%06o", sum);
  header.replace(148, 7, text, 7);
}
inline std::string TarHeader(const TarEntry& entry) {
  std::string header(512, '\0');
  header.replace(0, entry.name.size(), entry.name);
  header.replace(100, 7, "0000600");
  char size[16];
  std::snprintf(size, sizeof size, "%011zo", entry.content.size());
  header.replace(124, 11, size);
  char modified[16];
  std::snprintf(modified, sizeof modified, "%011llo",
                static_cast<unsigned long long>(entry.modified));
  header.replace(136, 11, modified);
  header[156] = entry.type;
  header.replace(257, 8, std::string_view("ustar\00000", 8));
  header.replace(345, entry.prefix.size(), entry.prefix);
  SetTarChecksum(header);
  return header;
}
inline std::string TarMemberBytes(const TarEntry& entry) {
  std::string bytes = TarHeader(entry) + entry.content;
  bytes.resize((bytes.size() + 511) / 512 * 512);
  return bytes;
}
inline std::string Tar(const std::vector<TarEntry>& entries) {
  std::string bytes;
  for (const TarEntry& entry : entries) bytes += TarMemberBytes(entry);
  return bytes + std::string(1024, '\0');
}

}  // namespace drwatch::verify
