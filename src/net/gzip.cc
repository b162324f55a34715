#include "net/gzip.h"

#include <libdeflate.h>

#include <cstdlib>
#include <memory>

#include "base/strings.h"

namespace drwatch::net {

std::string Gzip(std::string_view text) {
  constexpr int kFastest = 1;
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(kFastest), &libdeflate_free_compressor);
  if (!compressor) std::abort();
  std::string result(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
  result.resize(libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), result.data(),
                                         result.size()));
  return result;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  for (const std::string_view part : base::Split(accept_encoding, ',')) {
    const auto pieces = base::Split(part, ';');
    const std::string coding = base::Lower(base::Trim(pieces[0]));
    if (coding != "gzip" && coding != "*") continue;
    if (pieces.size() < 2) return true;
    const std::string_view weight = base::Trim(pieces[1]);
    return !weight.starts_with("q=") || base::ParseDouble(weight.substr(2)).value_or(0) > 0;
  }
  return false;
}

}  // namespace drwatch::net
