#include "support/gunzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace drwatch::testing {

std::string Gunzip(const std::string& gzip) {
  constexpr int kOnlyGzip = 16 + MAX_WBITS;
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, kOnlyGzip), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  std::string text;
  std::string buffer(1 << 16, '\0');
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = inflate(&stream, Z_NO_FLUSH);
    text.append(buffer, 0, buffer.size() - stream.avail_out);
  }
  EXPECT_EQ(status, Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0U);
  inflateEnd(&stream);
  return status == Z_STREAM_END ? text : std::string();
}

}  // namespace drwatch::testing
