// What a TLS server shows and asks for: its certificate, protocol versions, client certificates.
// GnuTLS, which libmicrohttpd speaks; everything else of drwatch's TLS is OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

struct gnutls_session_int;

namespace drwatch::net {

struct ServerTlsOptions {
  // In the order of how much they ask for.
  enum class ClientAuth { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };
  enum class Version { k10, k11, k12, k13 };
  base::Secret cert_pem, key_pem;  // the certificate with its chain
  base::Secret client_ca_pem;
  ClientAuth client_auth = ClientAuth::kNone;
  std::vector<std::string> client_allowed_sans;  // empty = any
  Version min_version = Version::k12;
  Version max_version = Version::k13;
  std::vector<std::string> cipher_suites;      // IANA names, as Go's; empty = all that are good
  std::vector<std::string> curve_preferences;  // "X25519", "CurveP256" ...; empty = the library's
};

// Immutable; many connections share one, from any thread. Must outlive their sessions.
class ServerTls {
 public:
  // Errors: a certificate, key or authority that is none, or does not fit; no cipher is left.
  static base::Result<std::shared_ptr<const ServerTls>> Make(const ServerTlsOptions& options);
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  // Before the session's handshake.
  void Apply(gnutls_session_int* session) const;
  const ServerTlsOptions& options() const { return options_; }

 private:
  struct Handles;
  explicit ServerTls(ServerTlsOptions options);
  base::Status Load();
  static int Verify(gnutls_session_int* session);

  const ServerTlsOptions options_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace drwatch::net
