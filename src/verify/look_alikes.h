// Digests in a list that names no algorithm: their length leaves open which one they are of. The
// likeliest one is computed while a file is read; these are the others, for a file that it does not
// fit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verify/source.h"

namespace drwatch::verify {

// What tools of the field write in the form of a longer known one: "b2sum -l 256", "shasum -a
// 512256", "openssl dgst -sha3-256 -r". Not BLAKE3 (b3sum). Empty: no other digest is so long.
std::vector<std::string_view> LookAlikesOf(std::size_t digest_bytes);

// Whether the bytes of `source`, read to its end, have that raw digest by one of them.
Walked<bool> HasLookAlike(Source& source, std::string_view digest);

}  // namespace drwatch::verify
