#include "probes/postgres_server_names.h"

namespace drwatch::probes {

std::string ServerNames::Claim(const std::string& probe, const std::string& system_identifier,
                               const std::string& instance, const std::string& address) {
  const std::lock_guard lock(mutex_);
  Server& own = claims_[probe];
  // A server keeps its name as long as a probe reaches it, whoever else comes.
  if (own.system_identifier == system_identifier && own.instance == instance) return own.name;
  own = {system_identifier, instance, address};
  bool taken = false;
  for (const auto& [other_probe, other] : claims_) {
    if (other_probe == probe || other.system_identifier != system_identifier) continue;
    if (other.instance == instance) return own.name = other.name;
    taken = taken || other.name == address;
  }
  if (taken) own.name = address + " started " + instance;
  return own.name;
}

void ServerNames::Release(const std::string& probe) {
  const std::lock_guard lock(mutex_);
  claims_.erase(probe);
}

}  // namespace drwatch::probes
