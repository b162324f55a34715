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
  bool any_other = false;
  for (const std::string_view part : base::Split(accept_encoding, ',')) {
    const auto pieces = base::Split(part, ';');
    const std::string coding = base::Lower(base::Trim(pieces[0]));
    double weight = 1;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      const std::string parameter = base::Lower(base::Trim(pieces[i]));
      if (parameter.starts_with("q=")) weight = base::ParseDouble(parameter.substr(2)).value_or(0);
    }
    // What is said of gzip itself counts, wherever the star stands.
    if (coding == "gzip" || coding == "x-gzip") return weight > 0;
    if (coding == "*") any_other = weight > 0;
  }
  return any_other;
}

}  // namespace drwatch::net
