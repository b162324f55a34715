// What is asked of a TLS connection, and what was seen on it. Values; any thread.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace drwatch::net {

struct TlsOptions {
  std::string ca_file;  // empty = the system's
  std::string cert_file;
  std::string key_file;     // empty = the key stands in cert_file
  std::string server_name;  // SNI and the name to verify; empty = the host
  bool insecure_skip_verify = false;
};

// Recorded for every certificate the peer sent, even when verification fails.
struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;
  std::optional<base::Timestamp> earliest_expiry;  // of all certificates sent
  std::optional<base::Timestamp> leaf_expiry;
  bool verified = false;  // chain and name; also judged when insecure_skip_verify ignores it
};

}  // namespace drwatch::net
