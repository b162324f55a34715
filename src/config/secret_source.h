// Where a secret or a certificate comes from.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace drwatch::config {

struct Tls {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // verify against this name instead of the host
  bool insecure_skip_verify = false;
  friend bool operator==(const Tls&, const Tls&) = default;
};

// A secret given in place or as a file that is read again at each use, so that rotation needs no
// reload.
struct SecretSource {
  base::Secret value;
  std::string file;
  bool empty() const { return value.empty() && file.empty(); }
  friend bool operator==(const SecretSource&, const SecretSource&) = default;
};
// The secret's text, without one newline at its end. Errors: the file cannot be read or is empty
// (its name, never its content).
base::Result<base::Secret> ReadSecret(const SecretSource& source);

}  // namespace drwatch::config
