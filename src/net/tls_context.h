// What all TLS connections of the program have in common: which certificates they trust, and the
// record of those a peer presented. Used by tls_socket.cc and http_client.cc only.
#pragma once

#include <optional>
#include <string>

#include "net/net_error.h"
#include "net/tls_options.h"

struct asn1_string_st;
struct ssl_ctx_st;
struct x509_store_ctx_st;

namespace drwatch::net {

// Makes the process fit for sockets: a write to a closed connection is an error, not a signal.
// Called by whatever opens a connection; any thread, any number of times.
void PrepareNetwork();

// Lets `context` trust the system's authorities. They are read once for the whole process and again
// when their file changes ($SSL_CERT_FILE or the distribution's bundle): 16 ms of CPU and 1 MB that
// a connection of its own would cost. Without a bundle nothing is trusted.
void TrustSystem(ssl_ctx_st* context);

// Loads trust (ca_file or the system's) and the client certificate. Errors: kConfig, naming the
// file.
NetResult<void> Configure(ssl_ctx_st* context, const TlsOptions& options);

// Records the certificates of the handshakes of one connection, then lets OpenSSL judge them. Must
// outlive the handshakes of the context it is attached to. One thread.
class CertificateRecorder {
 public:
  // `host` is the name or IP literal the leaf must be for.
  void Attach(ssl_ctx_st* context, const std::string& host);
  void Reset();
  // Set once the peer sent certificates.
  const std::optional<TlsInfo>& info() const { return info_; }
  // Why the chain or the name was refused; nullopt if nothing was.
  std::optional<NetError> Refusal() const;

 private:
  static int OnVerify(x509_store_ctx_st* store, void* argument);
  void Record(x509_store_ctx_st* store);

  std::string host_;
  std::optional<TlsInfo> info_;
  int verify_error_ = 0;  // X509_V_OK
};

// The newest error of OpenSSL's queue in this thread, as text; empties the queue.
std::string TakeTlsError();

}  // namespace drwatch::net
