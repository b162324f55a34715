#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>

#include "base/file.h"
#include "base/strings.h"
#include "net/address.h"

namespace drwatch::net {
namespace {

// Debian and Ubuntu; Red Hat; SUSE; Alpine and others.
constexpr std::array<const char*, 4> kBundles = {"/etc/ssl/certs/ca-certificates.crt",
                                                 "/etc/pki/tls/certs/ca-bundle.crt",
                                                 "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

struct StoreDeleter {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};

// One bundle and the state of its file when it was read.
struct SystemBundle {
  std::mutex mutex;
  std::unique_ptr<X509_STORE, StoreDeleter> store;
  std::string path;
  struct stat status {};
};

std::string BundlePath(struct stat& status) {
  const char* configured = std::getenv("SSL_CERT_FILE");
  if (configured != nullptr && *configured != '\0') {
    if (::stat(configured, &status) == 0) return configured;
    return {};
  }
  for (const char* path : kBundles) {
    if (::stat(path, &status) == 0) return path;
  }
  return {};
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

std::optional<base::Timestamp> FromAsn1(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return base::FromUnixMillis(static_cast<std::int64_t>(::timegm(&parts)) * 1000);
}

NetResult<void> LoadClientCertificate(SSL_CTX* context, const TlsOptions& options) {
  if (options.cert_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1) {
    return NetFail(model::Reason::kConfig, "cannot read the client certificate " +
                                               base::Quote(options.cert_file) + ": " +
                                               TakeTlsError());
  }
  const std::string& key = options.key_file.empty() ? options.cert_file : options.key_file;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return NetFail(model::Reason::kConfig,
                   "cannot use the client key " + base::Quote(key) + ": " + TakeTlsError());
  }
  return {};
}

}  // namespace

void PrepareNetwork() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction current {};
    if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
      std::signal(SIGPIPE, SIG_IGN);
    }
  });
}

void TrustSystem(ssl_ctx_st* context) {
  static SystemBundle bundle;
  const std::lock_guard lock(bundle.mutex);
  struct stat status {};
  const std::string path = BundlePath(status);
  if (!bundle.store || bundle.path != path || !SameFile(bundle.status, status)) {
    bundle.store.reset(X509_STORE_new());
    bundle.path = path;
    bundle.status = status;
    if (bundle.store && !path.empty()) X509_STORE_load_file(bundle.store.get(), path.c_str());
    ERR_clear_error();
  }
  SSL_CTX_set1_cert_store(context, bundle.store.get());
}

NetResult<void> Configure(ssl_ctx_st* context, const TlsOptions& options) {
  ERR_clear_error();
  if (options.ca_file.empty()) {
    TrustSystem(context);
  } else if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1) {
    return NetFail(
        model::Reason::kConfig,
        "cannot read the authorities in " + base::Quote(options.ca_file) + ": " + TakeTlsError());
  }
  // A certificate of the file is trusted as it is, also one that another authority signed.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  return LoadClientCertificate(context, options);
}

void CertificateRecorder::Attach(ssl_ctx_st* context, const std::string& host) {
  Reset();
  host_ = host;
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(context);
  if (IpAddress::Parse(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(param, host.substr(0, host.find('%')).c_str());
  } else {
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size());
  }
  SSL_CTX_set_cert_verify_callback(context, OnVerify, this);
  // A second handshake on the connection could outlive the recorder.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
}

void CertificateRecorder::Reset() {
  info_.reset();
  verify_error_ = X509_V_OK;
}

int CertificateRecorder::OnVerify(x509_store_ctx_st* store, void* argument) {
  auto* recorder = static_cast<CertificateRecorder*>(argument);
  recorder->Record(store);
  const int verified = X509_verify_cert(store);
  recorder->info_->verified = verified == 1;
  recorder->verify_error_ = X509_STORE_CTX_get_error(store);
  if (verified != 1 && recorder->verify_error_ == X509_V_OK) {
    recorder->verify_error_ = X509_V_ERR_UNSPECIFIED;
  }
  return verified;
}

void CertificateRecorder::Record(x509_store_ctx_st* store) {
  TlsInfo info;
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (ssl != nullptr) {
    info.version = SSL_get_version(ssl);
    const SSL_CIPHER* cipher = SSL_get_pending_cipher(ssl);
    if (cipher == nullptr) cipher = SSL_get_current_cipher(ssl);
    if (cipher != nullptr) info.cipher = SSL_CIPHER_get_name(cipher);
  }
  if (const X509* leaf = X509_STORE_CTX_get0_cert(store)) {
    info.leaf_expiry = FromAsn1(X509_get0_notAfter(leaf));
    info.earliest_expiry = info.leaf_expiry;
  }
  const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    const std::optional<base::Timestamp> end = FromAsn1(X509_get0_notAfter(sk_X509_value(sent, i)));
    if (end && (!info.earliest_expiry || *end < *info.earliest_expiry)) info.earliest_expiry = end;
  }
  info_ = info;
}

std::optional<NetError> CertificateRecorder::Refusal() const {
  switch (verify_error_) {
    case X509_V_OK:
      return std::nullopt;
    case X509_V_ERR_CERT_HAS_EXPIRED: {
      std::string message = "the certificate has expired";
      if (info_ && info_->earliest_expiry) {
        message += " (" + base::FormatRfc3339(*info_->earliest_expiry) + ")";
      }
      return NetError{model::Reason::kCertificateExpired, message};
    }
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return NetError{model::Reason::kTls,
                      "the certificate is not for " + base::Quote(base::Truncate(host_, 100))};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return NetError{model::Reason::kTls,
                      std::string("the certificate is of no trusted authority: ") +
                          X509_verify_cert_error_string(verify_error_)};
    default:
      return NetError{model::Reason::kTls, std::string("the certificate was refused: ") +
                                               X509_verify_cert_error_string(verify_error_)};
  }
}

std::string TakeTlsError() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "unknown TLS error";
  if (ERR_SYSTEM_ERROR(error)) return base::ErrnoText(ERR_GET_REASON(error));
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "TLS error " + std::to_string(error);
}

}  // namespace drwatch::net
