// FNV-1a, 64 bits: to tell apart what nobody chose in order to deceive.
#pragma once

#include <cstdint>
#include <string_view>

namespace drwatch::verify {

// Begin with the default, and pass on what came back.
inline std::uint64_t Fnv1a(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace drwatch::verify
