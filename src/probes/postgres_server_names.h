// Which server answers a probe: the same server has one name, whichever address it was reached
// under, and two servers never share one (both may call themselves 127.0.0.1:5432).
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace drwatch::probes {

// Thread-safe.
class ServerNames {
 public:
  // What `probe` reached: `instance` tells running servers of one system apart (the microsecond of
  // its start), `address` is how the server calls itself. Returns the address under which the
  // server is known; with the instance after it if another server has that address.
  std::string Claim(const std::string& probe, const std::string& system_identifier,
                    const std::string& instance, const std::string& address);
  // The probe reaches nobody.
  void Release(const std::string& probe);

 private:
  struct Server {
    std::string system_identifier;
    std::string instance;
    std::string name;
  };
  std::mutex mutex_;
  std::map<std::string, Server> claims_;  // by probe
};

}  // namespace drwatch::probes
