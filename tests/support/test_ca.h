// A certificate authority for one test: makes server and client certificates in a millisecond (EC
// keys).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace drwatch::testing {

// A certificate and its key as PEM. `chain_pem` begins with the certificate itself.
struct TestCertificate {
  std::string chain_pem;
  std::string key_pem;
};

struct CertificateOptions {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  std::chrono::seconds starts{-3600};  // from now
  std::chrono::seconds ends{24 * 3600};
};

// Aborts the test program if OpenSSL fails.
class TestCa {
 public:
  TestCa();
  ~TestCa();
  const std::string& pem() const { return pem_; }
  TestCertificate Issue(const CertificateOptions& options = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string pem_;
};

}  // namespace drwatch::testing
