#include "support/test_ca.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>

namespace drwatch::testing {
namespace {

struct Deleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter>;
using Certificate = std::unique_ptr<X509, Deleter>;

void Require(bool worked) {
  if (!worked) std::abort();
}

template <typename Write>
std::string Pem(Write write) {
  const std::unique_ptr<BIO, Deleter> bio(BIO_new(BIO_s_mem()));
  Require(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string PemOf(X509* certificate) {
  return Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

Certificate Blank(EVP_PKEY* key, const std::string& name, const CertificateOptions& options) {
  static std::atomic<long> serial{1};
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.starts.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.ends.count());
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Require(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string AlternativeNames(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ',';
    const bool literal =
        name.find(':') != name.npos || name.find_first_not_of("0123456789.") == name.npos;
    list += (literal ? "IP:" : "DNS:") + name;
  }
  return list;
}

}  // namespace

struct TestCa::State {
  Key key{EVP_EC_gen("P-256")};
  Certificate certificate;
};

TestCa::TestCa() : state_(std::make_unique<State>()) {
  Require(state_->key != nullptr);
  CertificateOptions options;
  options.ends = std::chrono::hours(24 * 3650);
  static std::atomic<int> number{1};
  const std::string name = "drwatch test authority " + std::to_string(number++);
  state_->certificate = Blank(state_->key.get(), name, options);
  X509* certificate = state_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  Require(X509_sign(certificate, state_->key.get(), EVP_sha256()) > 0);
  pem_ = PemOf(certificate);
}

TestCa::~TestCa() = default;

TestCertificate TestCa::Issue(const CertificateOptions& options) const {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = Blank(key.get(), "drwatch test", options);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(state_->certificate.get()));
  AddExtension(certificate.get(), state_->certificate.get(), NID_subject_alt_name,
               AlternativeNames(options.names));
  Require(X509_sign(certificate.get(), state_->key.get(), EVP_sha256()) > 0);
  TestCertificate result;
  result.chain_pem = PemOf(certificate.get());
  result.key_pem = Pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return result;
}

}  // namespace drwatch::testing
