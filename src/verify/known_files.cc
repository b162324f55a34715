#include "verify/known_files.h"

#include <array>

#include "verify/fnv.h"
#include "verify/verdict.h"

namespace drwatch::verify {
namespace {

std::uint64_t KeyOf(const TreeFile& file, char proven) {
  const std::array<std::uint64_t, 3> state = {static_cast<std::uint64_t>(file.size), file.stamp,
                                              static_cast<std::uint64_t>(proven)};
  return Fnv1a({reinterpret_cast<const char*>(state.data()), sizeof state}, Fnv1a(file.name));
}

}  // namespace

bool IsKnown(const VerifyOptions& options, const TreeFile& file, char proven) {
  return options.known != nullptr && file.stamp != 0 &&
         options.known->Holds(KeyOf(file, proven), options.reuse);
}

void MakeKnown(const VerifyOptions& options, const TreeFile& file, char proven) {
  if (options.known != nullptr && file.stamp != 0) options.known->Put(KeyOf(file, proven));
}

}  // namespace drwatch::verify
