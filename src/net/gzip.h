// One-shot gzip for HTTP answers (libdeflate).
#pragma once

#include <string>
#include <string_view>

namespace drwatch::net {

// RFC 1952, fastest level: answers are made once and read on a local network. Any thread.
std::string Gzip(std::string_view text);

// True if an Accept-Encoding header allows gzip with a weight above 0.
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace drwatch::net
