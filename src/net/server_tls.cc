#include "net/server_tls.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/strings.h"

namespace drwatch::net {
namespace {

struct Suite {
  std::string_view name, key_exchange, cipher, mac;
};

// In the order of preference; those of TLS 1.3 are always on.
constexpr Suite kSuites[] = {
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA", "CHACHA20-POLY1305", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA", "CHACHA20-POLY1305", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA", "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA", "AES-256-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA", "AES-128-GCM", "AEAD"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA", "AES-256-GCM", "AEAD"},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "AES-128-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "RSA", "AES-256-CBC", "SHA1"},
};
// Without a choice: forward secrecy and authenticated encryption only.
constexpr std::size_t kGoodSuites = 8;

void Add(std::string& priority, std::string_view word) {
  const std::string added = ":+" + std::string(word);
  if ((priority + ":").find(added + ":") == std::string::npos) priority += added;
}

// GnuTLS' language of priorities combines what it is given, so a choice of suites may bring others
// of the same parts with it.
std::string PriorityOf(const ServerTlsOptions& options) {
  std::string priority = "NONE";
  constexpr std::array<std::string_view, 4> kVersions = {"VERS-TLS1.0", "VERS-TLS1.1",
                                                         "VERS-TLS1.2", "VERS-TLS1.3"};
  for (std::size_t i = kVersions.size(); i-- > 0;) {
    if (i < static_cast<std::size_t>(options.min_version) ||
        i > static_cast<std::size_t>(options.max_version)) {
      continue;
    }
    Add(priority, kVersions[i]);
  }
  for (std::size_t i = 0; i < std::size(kSuites); ++i) {
    const Suite& suite = kSuites[i];
    const bool old = options.min_version < ServerTlsOptions::Version::k12;
    const bool chosen = options.cipher_suites.empty()
                            ? i < kGoodSuites || (old && suite.key_exchange != "RSA")
                            : std::find(options.cipher_suites.begin(), options.cipher_suites.end(),
                                        suite.name) != options.cipher_suites.end();
    if (!chosen) continue;
    Add(priority, suite.key_exchange);
    Add(priority, suite.cipher);
    Add(priority, suite.mac);
  }
  if (options.max_version == ServerTlsOptions::Version::k13) {
    for (const char* word : {"AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305", "AEAD"}) {
      Add(priority, word);
    }
  }
  Add(priority, "SIGN-ALL");
  Add(priority, "COMP-NULL");
  Add(priority, "CTYPE-X509");
  for (const std::string& curve : options.curve_preferences) {
    Add(priority, curve == "X25519" ? "GROUP-X25519" : "GROUP-SECP" + curve.substr(6) + "R1");
  }
  if (options.curve_preferences.empty()) Add(priority, "GROUP-ALL");
  return priority + ":%SERVER_PRECEDENCE:%SAFE_RENEGOTIATION";
}

gnutls_datum_t Datum(const base::Secret& secret) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(secret.Reveal().data())),
          static_cast<unsigned>(secret.Reveal().size())};
}

base::Status Failed(const std::string& what, int code) {
  return base::Fail(what + ": " + gnutls_strerror(code));
}

// Whether one of the certificate's names of any kind is among `allowed`.
bool HasName(const gnutls_datum_t& der, const std::vector<std::string>& allowed) {
  gnutls_x509_crt_t certificate = nullptr;
  if (gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS) return false;
  bool found = false;
  if (gnutls_x509_crt_import(certificate, &der, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
    for (unsigned i = 0; !found; ++i) {
      std::array<char, 1024> name{};
      std::size_t size = name.size();
      unsigned type = 0;
      const int kind =
          gnutls_x509_crt_get_subject_alt_name2(certificate, i, name.data(), &size, &type, nullptr);
      if (kind == GNUTLS_E_SHORT_MEMORY_BUFFER) continue;
      if (kind < 0) break;
      std::string text(name.data(), size);
      if (kind == GNUTLS_SAN_IPADDRESS && (size == 4 || size == 16)) {
        std::array<char, INET6_ADDRSTRLEN> address{};
        ::inet_ntop(size == 4 ? AF_INET : AF_INET6, name.data(), address.data(), address.size());
        text = address.data();
      }
      found = std::find(allowed.begin(), allowed.end(), text) != allowed.end();
    }
  }
  gnutls_x509_crt_deinit(certificate);
  return found;
}

}  // namespace

struct ServerTls::Handles {
  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_priority_t priority = nullptr;
  ~Handles() {
    if (credentials != nullptr) gnutls_certificate_free_credentials(credentials);
    if (priority != nullptr) gnutls_priority_deinit(priority);
  }
};

ServerTls::ServerTls(ServerTlsOptions options)
    : options_(std::move(options)), handles_(std::make_unique<Handles>()) {}
ServerTls::~ServerTls() = default;

base::Result<std::shared_ptr<const ServerTls>> ServerTls::Make(const ServerTlsOptions& options) {
  std::shared_ptr<ServerTls> tls(new ServerTls(options));
  if (const base::Status loaded = tls->Load(); !loaded) return base::Fail(loaded.error());
  return std::shared_ptr<const ServerTls>(std::move(tls));
}

base::Status ServerTls::Load() {
  int code = gnutls_certificate_allocate_credentials(&handles_->credentials);
  if (code < 0) return Failed("cannot use TLS", code);
  const gnutls_datum_t cert = Datum(options_.cert_pem);
  const gnutls_datum_t key = Datum(options_.key_pem);
  code =
      gnutls_certificate_set_x509_key_mem(handles_->credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
  if (code < 0) return Failed("the certificate and its key cannot be used", code);
  if (!options_.client_ca_pem.empty()) {
    const gnutls_datum_t authority = Datum(options_.client_ca_pem);
    code = gnutls_certificate_set_x509_trust_mem(handles_->credentials, &authority,
                                                 GNUTLS_X509_FMT_PEM);
    if (code <= 0) {
      return Failed("the client CA cannot be used",
                    code < 0 ? code : GNUTLS_E_NO_CERTIFICATE_FOUND);
    }
  }
  if (options_.client_auth >= ServerTlsOptions::ClientAuth::kVerifyIfGiven) {
    gnutls_certificate_set_verify_function(handles_->credentials, &ServerTls::Verify);
  }
  const char* at = nullptr;
  const std::string priority = PriorityOf(options_);
  code = gnutls_priority_init(&handles_->priority, priority.c_str(), &at);
  if (code < 0) return Failed("no cipher of this choice can be used", code);
  return {};
}

void ServerTls::Apply(gnutls_session_t session) const {
  using ClientAuth = ServerTlsOptions::ClientAuth;
  gnutls_session_set_ptr(session, const_cast<ServerTls*>(this));
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, handles_->credentials);
  gnutls_priority_set(session, handles_->priority);
  const bool required = options_.client_auth == ClientAuth::kRequireAny ||
                        options_.client_auth == ClientAuth::kRequireAndVerify;
  gnutls_certificate_server_set_request(session, options_.client_auth == ClientAuth::kNone
                                                     ? GNUTLS_CERT_IGNORE
                                                 : required ? GNUTLS_CERT_REQUIRE
                                                            : GNUTLS_CERT_REQUEST);
}

// Of a client's certificate, within the handshake. Not 0 ends it.
int ServerTls::Verify(gnutls_session_t session) {
  const auto* self = static_cast<const ServerTls*>(gnutls_session_get_ptr(session));
  unsigned count = 0;
  const gnutls_datum_t* peers = gnutls_certificate_get_peers(session, &count);
  if (peers == nullptr || count == 0) {
    return self->options_.client_auth == ServerTlsOptions::ClientAuth::kVerifyIfGiven ? 0 : -1;
  }
  unsigned status = 0;
  std::array<gnutls_typed_vdata_st, 1> purpose{};
  purpose[0].type = GNUTLS_DT_KEY_PURPOSE_OID;
  purpose[0].data = reinterpret_cast<unsigned char*>(const_cast<char*>(GNUTLS_KP_TLS_WWW_CLIENT));
  if (gnutls_certificate_verify_peers(session, purpose.data(), purpose.size(), &status) < 0 ||
      status != 0) {
    return -1;
  }
  const std::vector<std::string>& allowed = self->options_.client_allowed_sans;
  return allowed.empty() || HasName(peers[0], allowed) ? 0 : -1;
}

}  // namespace drwatch::net
